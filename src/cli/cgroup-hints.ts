// Owns finding out why a cgroup could not be made: a read-only mount, or a limit on the number or depth of cgroups.

import { tryReadFile } from "../sys/file.ts";

type ReadFile = (path: string) => string | undefined;

/** What to do where the cgroups are mounted read-only; `path` is the one that could not be made. */
export function readOnlyCgroups(path: string, readFile: ReadFile = tryReadFile): string {
  let mountPoint = "/sys/fs/cgroup";
  for (const line of (readFile("/proc/self/mounts") ?? "").split("\n")) {
    const [, place = "", type = ""] = line.split(" ");
    if (/^cgroup2?$/.test(type) && path.startsWith(`${place}/`)) mountPoint = place;
  }
  return `the cgroups on ${mountPoint} are mounted read-only, as inside most containers: without limits minibox needs none; with limits, first: mount -o remount,bind,rw ${mountPoint}`;
}

/** Which limit of cgroup v2 is reached (cgroup.max.descendants, cgroup.max.depth: admin-guide/cgroup-v2); `path` is the one not made. */
export function tooManyCgroups(path: string, readFile: ReadFile = tryReadFile): string | undefined {
  for (let at = above(path), depth = 1; at !== ""; at = above(at), depth++) {
    const descendants = readFile(`${at}/cgroup.max.descendants`)?.trim();
    const there = /^nr_descendants (\d+)$/m.exec(readFile(`${at}/cgroup.stat`) ?? "")?.[1];
    if (Number(there) >= Number(descendants))
      return `there are as many cgroups as ${at}/cgroup.max.descendants allows: ${descendants}`;
    const depths = readFile(`${at}/cgroup.max.depth`)?.trim();
    if (depth > Number(depths)) return `it would be deeper than ${at}/cgroup.max.depth allows: ${depths}`;
  }
  return undefined;
}

const above = (path: string): string => path.slice(0, path.lastIndexOf("/"));
