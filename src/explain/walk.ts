// Owns walking a path in the container's root part by part, as the kernel does (path_resolution(7)), to find the part
// at which it fails. Each part is opened below the root without following a symbolic link; links are resolved here.

import { encode } from "../sys/bytes.ts";
import { MAXSYMLINKS, O, RESOLVE, S_IFDIR, S_IFLNK, S_IFMT, S_IFREG } from "../sys/constants.ts";
import { readlinkat } from "../sys/directory.ts";
import { ENAMETOOLONG, SysError } from "../sys/errno.ts";
import { openInRoot, withFd } from "../sys/file.ts";
import { type Stat, statx } from "../sys/stat.ts";
import { mountFlags, ST_NOSYMFOLLOW } from "../sys/statfs.ts";
import { maySearch, type Place } from "./place.ts";

export interface Link {
  path: string;
  target: string;
  /** it lies on a mount with nosymfollow, so the kernel does not follow it */
  forbidden: boolean;
}

/** How far a walk came. */
export interface Walk {
  end: "found" | "missing" | "not a directory" | "too many links" | "too long";
  /**
   * the path, without symbolic links, of what was found, is missing, is no directory, or has the name that is too long
   */
  at: string;
  stat: Stat;
  /** every link that was followed, in order */
  links: Link[];
  /** the link whose target the walk was in when it ended */
  inside: Link | undefined;
  /** the walk ended before the path's last part */
  early: boolean;
  /** the first directory that the container's user may not search; the walk goes on, since minibox may */
  denied: { path: string; stat: Stat } | undefined;
}

const LONGEST_NAME = 255;

interface Part {
  name: string;
  link: Link | undefined;
}

interface Step {
  name: string;
  stat: Stat;
}

export const isDirectory = (stat: Stat): boolean => (stat.mode & S_IFMT) === S_IFDIR;
export const isRegular = (stat: Stat): boolean => (stat.mode & S_IFMT) === S_IFREG;

/** Walks an absolute path, or one that starts at the working directory. @throws SysError, BudgetSpent */
export function walk(place: Place, path: string): Walk {
  const absolute = path.startsWith("/") ? path : `${place.spec.process.cwd}/${path}`;
  const todo = partsOf(absolute, undefined);
  const here: Step[] = [{ name: "", stat: look(place, "/").stat }];
  const links: Link[] = [];
  let denied: Walk["denied"];
  const end = (how: Walk["end"], at = join(here), part?: Part): Walk => {
    return {
      end: how,
      at,
      stat: here.at(-1)!.stat,
      links,
      inside: part?.link,
      early: todo.length > 0,
      denied,
    };
  };
  while (todo.length > 0) {
    place.budget.spend();
    const part = todo.pop()!;
    const { stat } = here.at(-1)!;
    if (!isDirectory(stat)) return end("not a directory", join(here), part);
    if (!maySearch(place.who, stat)) denied ??= { path: join(here), stat };
    if (part.name === ".") continue;
    if (part.name === "..") {
      if (here.length > 1) here.pop();
      continue;
    }
    if (encode(part.name).length > LONGEST_NAME) return end("too long", join(here), part);
    const at = join(here, part.name);
    const entry = lookOrMiss(place, at);
    if (!entry) return end("missing", at, part);
    if (entry.target === undefined) {
      here.push({ name: part.name, stat: entry.stat });
      continue;
    }
    const link = { path: at, target: entry.target, forbidden: entry.forbidden };
    links.push(link);
    if (links.length > MAXSYMLINKS) return end("too many links", at, part);
    if (link.target.startsWith("/")) here.length = 1;
    todo.push(...partsOf(link.target, link));
  }
  return end("found");
}

/** The parts of a path, the last one first; a slash at the end asks for a directory, as "/." does. */
function partsOf(path: string, link: Link | undefined): Part[] {
  const names = path.split("/").filter((name) => name !== "");
  if (path.endsWith("/")) names.push(".");
  return names.reverse().map((name) => ({ name, link }));
}

function join(steps: readonly Step[], name?: string): string {
  const names = steps.slice(1).map((step) => step.name);
  if (name !== undefined) names.push(name);
  return `/${names.join("/")}`;
}

interface Entry {
  stat: Stat;
  target: string | undefined;
  forbidden: boolean;
}

/** Looks at one path, without following any symbolic link. @throws SysError */
function look(place: Place, path: string): Entry {
  const fd = openInRoot(place.root, path, O.O_PATH | O.O_NOFOLLOW, RESOLVE.RESOLVE_NO_SYMLINKS);
  return withFd(fd, () => {
    const stat = statx(fd);
    if ((stat.mode & S_IFMT) !== S_IFLNK) return { stat, target: undefined, forbidden: false };
    return { stat, target: readlinkat(fd, ""), forbidden: (mountFlags(fd) & ST_NOSYMFOLLOW) !== 0 };
  });
}

/** Looks at one path; undefined where it does not exist or cannot be looked at. */
function lookOrMiss(place: Place, path: string): Entry | undefined {
  try {
    return look(place, path);
  } catch (error) {
    if (error instanceof SysError && error.errno !== ENAMETOOLONG) return undefined;
    throw error;
  }
}

/** Opens the path that a walk has ended at, as O_PATH and without following a symbolic link. @throws SysError */
export const openFound = (place: Place, at: string): number =>
  openInRoot(place.root, at, O.O_PATH | O.O_NOFOLLOW, RESOLVE.RESOLVE_NO_SYMLINKS);
