// Owns control groups of an ordinary user: a subtree of v2 that was delegated to it (cgroups(7), "Delegation").

import { RunError } from "../errors.ts";
import type { Resources } from "../spec/types.ts";
import { AT_FDCWD } from "../sys/constants.ts";
import { EEXIST, SysError } from "../sys/errno.ts";
import { readFile, tryReadFile, writeFile } from "../sys/file.ts";
import { attempt, step } from "../sys/libc.ts";
import { type Cgroup, parseHierarchies } from "./index.ts";
import { V2Cgroup } from "./v2.ts";

const W_OK = 2;
const X_OK = 1;

const isWritable = (path: string, mode = W_OK): boolean =>
  attempt("faccessat", AT_FDCWD, path, mode, 0) === 0;

/** True where we may make cgroups, move processes and hand controllers down. */
const isDelegated = (directory: string): boolean =>
  isWritable(directory, W_OK | X_OK) &&
  isWritable(`${directory}/cgroup.procs`) &&
  isWritable(`${directory}/cgroup.subtree_control`);

/**
 * A cgroup for the container below our own, else beside it; undefined where neither is ours and no limit was asked
 * for. `ours` are the processes of this run. @throws RunError where a limit cannot be had, SysError
 */
export function openDelegated(id: string, resources: Resources, ours: readonly number[]): Cgroup | undefined {
  const isLimited = (resources.memory ?? resources.cpu ?? resources.pids) !== undefined;
  const { v1, v2 } = parseHierarchies(readFile("/proc/self/mountinfo"));
  const path = /^0::(\/.*)$/m.exec(tryReadFile("/proc/self/cgroup") ?? "")?.[1];
  // hybrid: with any controller on v1, the v2 tree has none to delegate
  if (v2 === undefined || path === undefined || v1.has("memory") || v1.has("pids") || v1.has("cpu"))
    return isLimited ? refuse("this host has no cgroup v2, the only one that can be delegated") : undefined;
  const own = `${v2}${path === "/" ? "" : path}`;
  const above = own.slice(0, own.lastIndexOf("/"));
  const wanted = controllersFor(resources);
  if (isDelegated(own) && (!isLimited || (isAlone(own, ours) && lacks(own, wanted).length === 0))) {
    if (isLimited) moveIntoLeaf(own, ours);
    return new V2Cgroup(own, id);
  }
  if (own !== v2 && isDelegated(above) && lacks(above, wanted).length === 0) return new V2Cgroup(above, id);
  return isLimited ? refuse(whyNot(own, wanted)) : undefined;
}

function controllersFor({ memory, cpu, pids }: Resources): string[] {
  const wanted: string[] = [];
  if (memory) wanted.push("memory");
  if (cpu?.quota !== undefined || cpu?.shares !== undefined) wanted.push("cpu");
  if (cpu?.cpus !== undefined || cpu?.mems !== undefined) wanted.push("cpuset");
  if (pids) wanted.push("pids");
  return wanted;
}

/** Those controllers that nobody above has handed down to it. */
function lacks(directory: string, wanted: readonly string[]): string[] {
  const there = readFile(`${directory}/cgroup.controllers`).trim().split(" ");
  return wanted.filter((controller) => !there.includes(controller));
}

function whyNot(own: string, wanted: readonly string[]): string {
  if (!isDelegated(own)) return `the cgroup ${own} is not yours to write`;
  const lacking = lacks(own, wanted);
  return lacking.length > 0
    ? `the cgroup ${own} was given to you without the controllers ${lacking.join(", ")}`
    : `processes other than this one live in ${own}, so it cannot hand controllers down`;
}

function refuse(reason: string): never {
  throw new RunError(
    `limits (--memory, --cpus, --cpuset-cpus, --pids-limit) cannot be enforced: ${reason}`,
    125,
    "with systemd, start it in a scope of its own: systemd-run --user --scope -p Delegate=yes minibox run …; or run as root",
  );
}

function isAlone(directory: string, ours: readonly number[]): boolean {
  for (const pid of readFile(`${directory}/cgroup.procs`).split("\n"))
    if (pid !== "" && !ours.includes(Number(pid))) return false;
  return true;
}

/**
 * A cgroup hands controllers down only when no process lives in it. The leaf cannot be removed by the one who lives
 * in it: it goes with the delegated cgroup.
 */
function moveIntoLeaf(directory: string, ours: readonly number[]): void {
  step(
    "move into a leaf of the own cgroup",
    "one that holds processes cannot hand controllers down (cgroups(7))",
  );
  const leaf = `${directory}/minibox-supervisor`;
  const made = attempt("mkdirat", AT_FDCWD, leaf, 0o755);
  if (made < 0 && made !== -EEXIST) throw new SysError("mkdirat", [leaf], -made, `create the cgroup ${leaf}`);
  for (const pid of ours) writeFile(`${leaf}/cgroup.procs`, String(pid));
}
