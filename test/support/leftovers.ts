// Owns the check that a test file leaves no state, cgroup, process or mount of its own on the host. Other containers may
// start and end on the same host meanwhile, so the check looks only at what it can tell to be the file's.

import { afterAll, expect } from "bun:test";
import {
  existsSync,
  type FSWatcher,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmdirSync,
  rmSync,
  watch,
} from "node:fs";
import { join } from "node:path";
import { SLOWNESS, tryText, until } from "./container.ts";
import { ROOT, scratchDirectories, TOP } from "./minibox.ts";

/** Every name that the state directory has ever had: the ids of all containers that the file has run. */
const ids = new Set<string>();
let watcher: FSWatcher | undefined;
let mountsBefore = "";

/** Called at the top of a test file: expects at its end that nothing of it is left, and removes its directories. */
export function leavesNothing(): void {
  mkdirSync(ROOT, { recursive: true, mode: 0o700 });
  // A container's state is removed when the container ends, and only the state names its cgroup: so ids are noted here.
  watcher = watch(ROOT, { persistent: false }, (_, name) => ids.add(String(name)));
  mountsBefore = mountTable();
  afterAll(async () => {
    try {
      await expectNothingLeft();
    } finally {
      watcher?.close();
      for (const path of [ROOT, ...scratchDirectories()]) rmSync(path, { recursive: true, force: true });
    }
  });
}

/** Expects that no container of this file is running and nothing of one is left. What is still ending gets 5 seconds. */
export async function expectNothingLeft(): Promise<void> {
  await allAreNoted();
  await until("nothing is left", () => leftovers().length === 0, 5 * SLOWNESS).catch(() => {});
  expect(leftovers()).toEqual([]);
}

let count = 0;

/** Waits until `ids` is complete. inotify(7) reports names in their order, so a name made now is the last to arrive. */
export async function allAreNoted(): Promise<void> {
  const name = `noted-${++count}`;
  mkdirSync(join(ROOT, name));
  rmdirSync(join(ROOT, name));
  await until("the state directory's changes are noted", () => ids.has(name));
}

/** What is left of this file's containers at this moment: a line for each state, cgroup, process and changed mount. */
export function leftovers(): string[] {
  return [
    ...readdirSync(ROOT).map((name) => `state ${name}`),
    ...directoriesBelow("/sys/fs/cgroup", 8)
      .filter((path) => ids.has(path.slice(path.lastIndexOf("/") + 1)))
      .map((path) => `cgroup ${path}`),
    ...ownProcesses().map((line) => `process ${line}`),
    ...changedMounts(mountsBefore, mountTable()),
  ];
}

function directoriesBelow(path: string, depth: number): string[] {
  if (depth === 0) return [];
  const below = subdirectories(path).map((name) => join(path, name));
  return below.flatMap((directory) => [directory, ...directoriesBelow(directory, depth - 1)]);
}

/** The names of the subdirectories; none where the directory has been removed meanwhile. */
function subdirectories(path: string): string[] {
  try {
    const entries = readdirSync(path, { withFileTypes: true });
    return entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
  } catch {
    return [];
  }
}

/** Paths that only this test file uses, and which therefore show what belongs to it. */
const ownPaths = (): string[] => [ROOT, ...scratchDirectories()];

/**
 * The processes that the file has started. Those on the host have one of its paths in their words or their environment
 * (the variable RUN names one). A container's command has neither; it is found by the cgroup, which has the id's name.
 */
function ownProcesses(): string[] {
  const paths = ownPaths();
  const isOwn = (pid: string): boolean =>
    ["cmdline", "environ"].some((name) => {
      const text = tryText(`/proc/${pid}/${name}`) ?? "";
      return paths.some((path) => text.includes(path));
    }) || (tryText(`/proc/${pid}/cgroup`) ?? "").split(/[/\n]/).some((name) => ids.has(name));
  return readdirSync("/proc")
    .filter((pid) => /^\d+$/.test(pid) && isOwn(pid))
    .map((pid) => `${pid} ${(tryText(`/proc/${pid}/cmdline`) ?? "").replaceAll("\0", " ")}`);
}

/**
 * The mounts of the mount namespace that the tests run in (proc_pid_mountinfo(5)). All mounts of cgroup2 share their
 * options: whoever mounts it once more without nsdelegate takes that from all of them, which is no mount that is left.
 */
export const mountTable = (): string =>
  readFileSync("/proc/self/mountinfo", "utf8").replaceAll(/( - cgroup2 .*),nsdelegate\b/g, "$1");

/**
 * The watched lines in which two tables of mounts differ. Watched are mounts that name one of the file's directories or
 * the shared root file systems, and mounts on /, /proc, /sys and /dev, where other container engines mount nothing.
 */
export function changedMounts(before: string, after: string): string[] {
  const shared = join(TOP, ".cache/rootfs");
  const own = [...ownPaths(), existsSync(shared) ? realpathSync(shared) : shared].map((path) =>
    path.replaceAll(" ", "\\040"),
  );
  const isWatched = (line: string): boolean =>
    /^(\S+ ){4}\/((proc|sys|dev)(\/\S*)?)? /.test(line) || own.some((path) => line.includes(path));
  const lines = (table: string): string[] => table.split("\n").filter(isWatched);
  const [old, now] = [lines(before), lines(after)];
  return [
    ...now.filter((line) => !old.includes(line)).map((line) => `new mount ${line}`),
    ...old.filter((line) => !now.includes(line)).map((line) => `gone mount ${line}`),
  ];
}
