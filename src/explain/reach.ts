// Owns why a path leads to no file: which part of it is missing, and what may have been meant.

import { encode } from "../sys/bytes.ts";
import { withFd } from "../sys/file.ts";
import { affordable } from "./budget.ts";
import { hostPath } from "./mounts.ts";
import { deeperRoot, didYouMean, isOnHost, joinHints, ON_HOST, similarTo } from "./names.ts";
import { NOT_EXECUTABLE, NOT_FOUND, ownership, type Place, type Reason, shown } from "./place.ts";
import { oneWord } from "./search.ts";
import { openFound, type Walk } from "./walk.ts";

/** Where a path comes from: the person typed it, or a file names it (an interpreter, a loader). */
export type Source = "person" | "file";

/** Returns why a walk did not end at a file that the user may look up; undefined where it did. */
export function unreached(place: Place, path: string, walked: Walk, source: Source): Reason | undefined {
  // the kernel stops at the first directory that the user may not search, whatever follows
  if (walked.denied) return unsearchable(place, walked.denied);
  switch (walked.end) {
    case "found":
      return forbiddenLink(walked);
    case "missing":
      return walked.inside ? dangling(place, path, walked) : missing(place, path, walked, source);
    case "not a directory":
      return {
        what: `${shown(walked.at)} is a file, not a directory`,
        status: NOT_FOUND,
        hint: !walked.early && path.endsWith("/") ? didYouMean(path.replace(/\/+$/, "")) : undefined,
      };
    case "too many links":
      return circle(walked);
    case "too long":
      return { what: "one name in it is longer than 255 bytes, the limit", status: NOT_FOUND };
  }
}

function missing(place: Place, path: string, walked: Walk, source: Source): Reason {
  const from = path.startsWith("/") ? "" : ` (the working directory is ${shown(place.spec.process.cwd)})`;
  const what = walked.early
    ? `the rootfs has no directory ${shown(walked.at)}${from}`
    : `no such file in the rootfs${from}`;
  const meant = walked.early ? path : walked.at;
  return { what, status: NOT_FOUND, hint: affordable(() => missingHint(place, path, meant, source)) };
}

function missingHint(place: Place, path: string, meant: string, source: Source): string | undefined {
  const similar = similarTo(place, meant);
  if (source === "file") return similar && `the rootfs has ${shown(similar)}`;
  return joinHints(
    oneWord(place, path),
    didYouMean(similar),
    isOnHost(path) ? ON_HOST : undefined,
    similar === undefined ? deeperRoot(place) : undefined,
  );
}

function dangling(place: Place, path: string, { at, inside }: Walk): Reason {
  const { path: from, target } = inside!;
  const subject = from === path ? "" : `${shown(from)} is `;
  const missingPart = at === target ? "" : ` (${shown(at)} is missing)`;
  const root = place.spec.root.path;
  return {
    what: `${subject}a symbolic link to ${shown(target)}, which is not in the rootfs${missingPart}`,
    status: NOT_FOUND,
    // ln -s "$PWD/rootfs/bin/busybox" rootfs/bin/sh
    hint: target.startsWith(`${root}/`)
      ? `inside the container the rootfs is /: let the link point to ${shown(target.slice(root.length))}`
      : undefined,
  };
}

function circle({ links }: Walk): Reason {
  const last = links.at(-1)!;
  // the links go round in a circle, which is shown once
  const start = links.slice(0, -1).findLastIndex((link) => link.path === last.path);
  const way = start < 0 ? [] : links.slice(start, -1).map((link) => shown(link.path));
  if (start < 0) return { what: "it leads through more than 40 symbolic links", status: NOT_FOUND };
  const around = way.length > 4 ? [...way.slice(0, 3), "…"] : way;
  return {
    what: `its symbolic links lead in a circle: ${[...around, shown(last.path)].join(" -> ")}`,
    status: NOT_FOUND,
  };
}

function forbiddenLink({ links }: Walk): Reason | undefined {
  const link = links.find(({ forbidden }) => forbidden);
  return (
    link && {
      what: `${shown(link.path)} is a symbolic link on a mount with nosymfollow: it is not followed`,
      status: NOT_FOUND,
    }
  );
}

function unsearchable(place: Place, { path, stat }: NonNullable<Walk["denied"]>): Reason {
  const host = withFd(openFound(place, path), (fd) => hostPath(place, path, fd));
  return {
    what: `user ${place.spec.process.user.uid} may not enter ${shown(path)} (${ownership(stat)})`,
    status: NOT_EXECUTABLE,
    hint: host && `chmod a+x ${host}, or run as another user (-u)`,
  };
}

const LONGEST_PATH = 4095;

/** The reason for a path that is longer than the kernel accepts; undefined for any other. */
export function overlong(path: string): Reason | undefined {
  const { length } = encode(path);
  if (length <= LONGEST_PATH) return undefined;
  return { what: `a path of ${length} bytes, ${LONGEST_PATH} is the limit`, status: NOT_FOUND };
}
