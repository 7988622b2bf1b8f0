// Owns what a test file may not leave on the host: states, cgroups, processes and mounts of its own. Other containers
// start and end on this machine at the same time, so the check looks at nothing that may be theirs.

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

/** Every name that has ever been in the state directory: the ids of all containers that the file has run. */
const ids = new Set<string>();
let watcher: FSWatcher | undefined;
let mountsBefore = "";

/** To be called at the top of a test file: at its end nothing of the file is left, its scratch directories included. */
export function leavesNothing(): void {
  mkdirSync(ROOT, { recursive: true, mode: 0o700 });
  // a state is gone when the container has ended, and its cgroup must be gone too: hence the ids are noted as they come
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

/** Expects that no container of this file runs and nothing of one is left; what is just ending gets some seconds. */
export async function expectNothingLeft(): Promise<void> {
  await allAreNoted();
  await until("nothing is left", () => leftovers().length === 0, 5 * SLOWNESS).catch(() => {});
  expect(leftovers()).toEqual([]);
}

let count = 0;
/** Waits until every state that there has been is noted: inotify(7) keeps the order, so the last one is noted last. */
export async function allAreNoted(): Promise<void> {
  const name = `noted-${++count}`;
  mkdirSync(join(ROOT, name));
  rmdirSync(join(ROOT, name));
  await until("the state directory's changes are noted", () => ids.has(name));
}

/** What is there of this file's containers at this moment, one line each. */
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

/** None where the directory has just been removed. */
function subdirectories(path: string): string[] {
  try {
    const entries = readdirSync(path, { withFileTypes: true });
    return entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
  } catch {
    return [];
  }
}

/** What tells the file's own from all else: paths that nobody else knows. */
const ownPaths = (): string[] => [ROOT, ...scratchDirectories()];

/**
 * The processes that the file has started: those with a path of its own among their words or in the environment, where
 * RUN names one, and those in a cgroup of its containers, whose environment says nothing of the file.
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

/** The mounts of the namespace that the tests run in, as the kernel lists them. */
export const mountTable = (): string => readFileSync("/proc/self/mountinfo", "utf8");

/**
 * What two tables of mounts (proc_pid_mountinfo(5)) differ in, one line each: mounts of this file's directories and of
 * the shared root file systems, and on the places of the machine where no container engine mounts anything.
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
