// Owns finding what a wrong name may have been meant for: programs of the rootfs and of the host.

import { DEFAULT_PATH } from "../spec/default.ts";
import { O, RESOLVE } from "../sys/constants.ts";
import { SysError } from "../sys/errno.ts";
import { openInRoot, withFd } from "../sys/file.ts";
import { tryStat } from "../sys/stat.ts";
import { namesOf, nearestThat } from "./near.ts";
import { type Place, quoted, shown } from "./place.ts";
import { isDirectory, isRegular, walk } from "./walk.ts";

/** The directories that the child searches where PATH is not set. */
const FALLBACK_PATH = "/usr/local/bin:/usr/bin:/bin";

/** Returns the value of PATH in the container; undefined where it is not set. */
export const pathVariable = (env: readonly string[] | undefined): string | undefined =>
  env?.findLast((entry) => entry.startsWith("PATH="))?.slice(5);

/** Returns the directories in which the child looked for a name. An empty one means the working directory, ".". */
export const searchedFor = (env: readonly string[] | undefined): string[] =>
  (pathVariable(env) ?? FALLBACK_PATH).split(":").map((directory) => directory || ".");

/** Returns the names in a directory of the container; none where it cannot be read. @throws BudgetSpent */
export function namesIn(place: Place, directory: string): string[] {
  const { end, at } = walk(place, directory);
  if (end !== "found") return [];
  const flags = O.O_DIRECTORY | O.O_NOFOLLOW | O.O_NONBLOCK;
  try {
    return withFd(openInRoot(place.root, at, flags, RESOLVE.RESOLVE_NO_SYMLINKS), (fd) =>
      namesOf(place.budget, fd),
    );
  } catch (error) {
    if (error instanceof SysError) return [];
    throw error;
  }
}

/** True where the path leads to a regular file, through symbolic links or not. */
export function isProgram(place: Place, path: string): boolean {
  const found = walk(place, path);
  return found.end === "found" && isRegular(found.stat);
}

export const isDirectoryIn = (place: Place, path: string): boolean => {
  const found = walk(place, path);
  return found.end === "found" && isDirectory(found.stat);
};

/** Returns the name of the program in some directories that is nearest to a name; undefined where none is near. */
export function nearestIn(place: Place, name: string, directories: readonly string[]): string | undefined {
  const names = [...new Set(directories)].flatMap((directory) => namesIn(place, directory));
  return nearestThat(place.budget, name, names, (near) =>
    directories.some((directory) => isProgram(place, `${directory}/${near}`)),
  );
}

const SHELLS = ["bash", "sh", "ash", "dash", "zsh", "ksh", "fish", "csh", "tcsh"];

/** Returns the directories for programs: those of the container's PATH, and the usual ones. */
const programDirectories = (place: Place): string[] => [
  ...new Set([...searchedFor(place.spec.process.env), ...DEFAULT_PATH.split(":")]),
];

/**
 * Returns a file that may have been meant by a path that leads to nothing: one of the same name elsewhere, one of a
 * similar name in the same directory, or another shell.
 */
export function similarTo(place: Place, path: string): string | undefined {
  const slash = path.lastIndexOf("/");
  const [directory, name] = [path.slice(0, slash) || "/", path.slice(slash + 1)];
  if (name === "") return undefined;
  const elsewhere = programDirectories(place)
    .map((other) => `${other}/${name}`)
    .find((other) => isProgram(place, other));
  if (elsewhere) return elsewhere;
  const near = nearestIn(place, name, [directory]);
  if (near) return `${directory === "/" ? "" : directory}/${near}`;
  return otherShell(place, name);
}

/** Returns the path of any shell in the rootfs where the name is that of a shell; else undefined. */
export function otherShell(place: Place, name: string): string | undefined {
  if (!SHELLS.includes(name)) return undefined;
  return SHELLS.flatMap((shell) => [`/bin/${shell}`, `/usr/bin/${shell}`]).find((shell) =>
    isProgram(place, shell),
  );
}

/** Returns the path of a program of this name in a usual directory that is not on the PATH. */
export const offThePath = (place: Place, name: string): string | undefined =>
  programDirectories(place)
    .map((directory) => `${directory}/${name}`)
    .find((path) => isProgram(place, path));

export const ON_HOST = "it exists on the host, but a container sees only its rootfs";

/** True where the host has a program at this path. Never called for a path that a file of the rootfs names. */
export function isOnHost(path: string): boolean {
  const stat = path.startsWith("/") ? tryStat(path) : undefined;
  return stat !== undefined && isRegular(stat) && (stat.mode & 0o111) !== 0;
}

const MOST_ENTRIES = 64;

/** Returns a hint where a rootfs without programs has a directory that looks like a rootfs itself. */
export function deeperRoot(place: Place): string | undefined {
  if (["/bin", "/usr", "/sbin"].some((path) => walk(place, path).end === "found")) return undefined;
  const inner = namesIn(place, "/")
    .slice(0, MOST_ENTRIES)
    .find((name) => ["bin", "usr/bin"].some((bin) => isDirectoryIn(place, `/${name}/${bin}`)));
  if (inner === undefined) return undefined;
  return `the rootfs has no /bin: did you mean ${quoted(`${place.spec.root.path}/${inner}`)} as the rootfs?`;
}

/** Joins hints into one line, by semicolons except after a question mark; undefined where there are none. */
export const joinHints = (...hints: (string | undefined)[]): string | undefined =>
  hints
    .filter((hint) => hint !== undefined)
    .join("; ")
    .replaceAll("?; ", "? ") || undefined;

export const didYouMean = (name: string | undefined): string | undefined =>
  name === undefined ? undefined : `did you mean ${shown(name)}?`;
