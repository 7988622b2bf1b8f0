// Owns what the bench reads from /proc and /sys/fs/cgroup: processes, their memory, mounts, control groups.

import { dlopen } from "bun:ffi";
import { readdirSync, readFileSync, rmdirSync } from "node:fs";

/** Reads a file; undefined where it is gone, as for a process that has just ended. */
function tryRead(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}

export interface Process {
  pid: number;
  parent: number;
  name: string;
}

/** Returns every process that /proc shows, except those that have ended and wait to be reaped. */
export function processes(): Process[] {
  const found: Process[] = [];
  for (const entry of readdirSync("/proc")) {
    if (!/^\d+$/.test(entry)) continue;
    // the name stands in parentheses and may itself hold spaces and parentheses (proc_pid_stat(5))
    const match = /^(\d+) \((.*)\) (\S) (\d+) /s.exec(tryRead(`/proc/${entry}/stat`) ?? "");
    if (match && match[3] !== "Z" && match[3] !== "X")
      found.push({ pid: Number(match[1]), parent: Number(match[4]), name: match[2]! });
  }
  return found;
}

/** Returns a process and all its descendants, of those in `all`. */
export function family(pid: number, all: readonly Process[]): Process[] {
  const members = all.filter((process) => process.pid === pid);
  // the list grows while it is walked, so that children of children are found as well
  for (const member of members) members.push(...all.filter((process) => process.parent === member.pid));
  return members;
}

export const commandLine = (pid: number): string =>
  (tryRead(`/proc/${pid}/cmdline`) ?? "").split("\0").join(" ").trim();

/** In KiB. For PSS each page is divided by the number of processes that share it (proc_pid_smaps(5)). */
export interface Memory {
  rss: number;
  pss: number;
}

export function memoryOf(pid: number): Memory {
  const text = tryRead(`/proc/${pid}/smaps_rollup`) ?? "";
  const field = (name: string): number =>
    Number(new RegExp(`^${name}: +(\\d+) kB$`, "m").exec(text)?.[1] ?? 0);
  return { rss: field("Rss"), pss: field("Pss") };
}

const KCMP_VM = 1;
const KCMP = process.arch === "arm64" ? 272 : 312;
const { symbols: libc } = dlopen("libc.so.6", {
  syscall: { args: ["i64", "i64", "i64", "i64", "i64", "i64"], returns: "i64" },
});

/**
 * Whether two processes have all their memory in common (CLONE_VM), so that adding it up would count each page twice
 * (kcmp(2)). @throws Error where the kernel does not tell
 */
export function sharesMemory(a: number, b: number): boolean {
  const order = Number(libc.syscall(KCMP, a, b, KCMP_VM, 0, 0));
  if (order < 0)
    throw new Error("kcmp(2) does not work here: shared memory cannot be told from a process's own");
  return order === 0;
}

/** What a process's threads have done so far: seconds of CPU time, and how often one of them was given a processor. */
export function workOf(pid: number): { cpu: number; switches: number } {
  const total = { cpu: 0, switches: 0 };
  let threads: string[] = [];
  try {
    threads = readdirSync(`/proc/${pid}/task`);
  } catch {
    // it has just ended
  }
  for (const tid of threads) {
    // time on a processor and waiting for one, in nanoseconds, and the number of times that it got one (proc_schedstat)
    const [cpu, , switches] = (tryRead(`/proc/${pid}/task/${tid}/schedstat`) ?? "0 0 0")
      .split(" ")
      .map(Number);
    total.cpu += cpu! / 1e9;
    total.switches += switches!;
  }
  return total;
}

/** Returns a line for each mount. Mount ids are left out, because they differ between mount namespaces. */
export const mounts = (): string[] =>
  readFileSync("/proc/self/mountinfo", "utf8")
    .trimEnd()
    .split("\n")
    .map((line) => line.split(" ").slice(3).join(" "));

/** Returns the mount points of the control groups of version 1 and 2. */
function cgroupMounts(): { v1: string[]; v2: string[] } {
  const entries = readFileSync("/proc/self/mountinfo", "utf8")
    .trimEnd()
    .split("\n")
    .map((line) => ({ point: line.split(" ")[4]!, type: line.split(" - ")[1]?.split(" ")[0] }));
  const points = (wanted: string): string[] =>
    entries.filter(({ type }) => type === wanted).map(({ point }) => point);
  return { v1: points("cgroup"), v2: points("cgroup2") };
}

/** Returns the mount points of version 2 where version 1 is mounted as well: crun refuses to work on such a host. */
export function hybridMounts(): string[] {
  const { v1, v2 } = cgroupMounts();
  return v1.length > 0 ? v2 : [];
}

export function cgroupVersion(): string {
  const { v1, v2 } = cgroupMounts();
  if (v1.length > 0) return v2.length > 0 ? "v1 (hybrid; measured without the v2 mount)" : "v1";
  return v2.length > 0 ? "v2" : "none";
}

/** Returns the cgroups with the tag in their path, the innermost first: they can be removed in this order. */
export function cgroups(tag: string): string[] {
  const found: string[] = [];
  const walk = (directory: string): void => {
    let entries: string[];
    try {
      entries = readdirSync(directory, { withFileTypes: true })
        .filter((entry) => entry.isDirectory())
        .map((entry) => `${directory}/${entry.name}`);
    } catch {
      return;
    }
    for (const entry of entries) {
      walk(entry);
      if (entry.includes(tag)) found.push(entry);
    }
  };
  const { v1, v2 } = cgroupMounts();
  for (const point of new Set([...v1, ...v2])) walk(point);
  return found;
}

export function removeCgroups(paths: readonly string[]): void {
  for (const path of paths)
    try {
      rmdirSync(path);
    } catch {
      // still in use: cgroups() finds it again
    }
}
