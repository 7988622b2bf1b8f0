// Owns driving the compiled binary in tests: running it, the root file systems it runs on, and what it may not leave.

import { afterAll, expect } from "bun:test";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";

/** The repository. */
export const TOP = resolve(import.meta.dir, "../..");
/** The binary under test, built by the test command before the tests start. */
export const MINIBOX = resolve(process.env.MINIBOX ?? join(TOP, "minibox"));

export interface Result {
  status: number;
  stdout: string;
  stderr: string;
}

export interface Options {
  stdin?: string | Uint8Array;
  env?: Record<string, string>;
  cwd?: string;
}

/** Runs any program to its end; nothing of it is a terminal. */
export async function execute(words: string[], options: Options = {}): Promise<Result> {
  const child = Bun.spawn(words, {
    stdin: options.stdin === undefined ? "ignore" : Buffer.from(options.stdin),
    stdout: "pipe",
    stderr: "pipe",
    env: options.env ?? process.env,
    cwd: options.cwd ?? TOP,
  });
  const [stdout, stderr, status] = await Promise.all([
    child.stdout.text(),
    child.stderr.text(),
    child.exited,
  ]);
  return { status, stdout, stderr };
}

/** `minibox WORDS…` */
export const minibox = (words: string[], options?: Options): Promise<Result> =>
  execute([MINIBOX, ...words], options);

/** `minibox run WORDS…` */
export const run = (words: string[], options?: Options): Promise<Result> =>
  minibox(["run", ...words], options);

/** A root file system of scripts/build-rootfs.sh, built once and kept between runs; tests must not write to it. */
export function rootfs(kind: "busybox" | "host"): string {
  const path = join(TOP, ".cache", "rootfs", kind);
  if (!existsSync(path)) {
    mkdirSync(join(TOP, ".cache", "rootfs"), { recursive: true });
    const built = Bun.spawnSync([join(TOP, "scripts/build-rootfs.sh"), "--from", kind, path]);
    if (!built.success) throw new Error(`build-rootfs.sh --from ${kind}: ${built.stderr}`);
  }
  return path;
}

/** What a container may not leave behind on the host. */
export interface Leftovers {
  mounts: string;
  cgroups: string[];
  states: string[];
  processes: string[];
}

function directoriesBelow(path: string, depth: number): string[] {
  if (depth === 0 || !existsSync(path)) return [];
  const entries = readdirSync(path, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  return entries.flatMap((entry) => {
    const below = join(path, entry.name);
    return [below, ...directoriesBelow(below, depth - 1)];
  });
}

/** Looks at the host: mounts, minibox's cgroups and states, and processes of the binary under test. */
export function leftovers(): Leftovers {
  const pids = readdirSync("/proc").filter((name) => /^\d+$/.test(name));
  const commandOf = (pid: string): string => {
    try {
      return readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ");
    } catch {
      return "";
    }
  };
  return {
    mounts: readFileSync("/proc/self/mountinfo", "utf8"),
    cgroups: directoriesBelow("/sys/fs/cgroup", 3).filter((path) => /\/minibox\/./.test(path)),
    states: existsSync("/run/minibox") ? readdirSync("/run/minibox") : [],
    processes: pids
      .map(commandOf)
      .filter((command) => command.startsWith(MINIBOX) || command.startsWith("minibox child")),
  };
}

/** What differs between two looks at the host, one line each. */
function changes(before: Leftovers, after: Leftovers): string[] {
  const lines = ({ mounts, cgroups, states, processes }: Leftovers): string[] => [
    ...mounts.split("\n").map((line) => `mount ${line}`),
    ...cgroups.map((line) => `cgroup ${line}`),
    ...states.map((line) => `state ${line}`),
    ...processes.map((line) => `process ${line}`),
  ];
  const [old, now] = [new Set(lines(before)), new Set(lines(after))];
  return [
    ...[...now].filter((line) => !old.has(line)).map((line) => `new: ${line}`),
    ...[...old].filter((line) => !now.has(line) && line.startsWith("mount")).map((line) => `gone: ${line}`),
  ];
}

/** Expects the host to be as it was; what is just ending, or is somebody else's and passes, gets a second. */
export async function expectNothingLeft(before: Leftovers): Promise<void> {
  let left = changes(before, leftovers());
  for (let i = 0; i < 20 && left.length > 0; i++) {
    await Bun.sleep(50);
    const now = new Set(changes(before, leftovers()));
    left = left.filter((line) => now.has(line));
  }
  expect(left).toEqual([]);
}

const scratch: string[] = [];

/** A directory of this test's own, below /tmp; removed by removeScratch. */
export function scratchDirectory(): string {
  const path = mkdtempSync("/tmp/minibox-test-");
  scratch.push(path);
  return path;
}

/** A copy of the busybox rootfs that a test may write to. */
export function scratchRootfs(): string {
  const path = join(scratchDirectory(), "rootfs");
  cpSync(rootfs("busybox"), path, { recursive: true, verbatimSymlinks: true });
  return path;
}

function removeScratch(): void {
  for (const path of scratch.splice(0)) rmSync(path, { recursive: true, force: true });
}

/** To be called at the top of a test file: at its end the host is as it was, and the file's scratch directories are gone. */
export function leavesNothing(): void {
  const before = leftovers();
  afterAll(() => expectNothingLeft(before));
  afterAll(removeScratch);
}

/** Says why a file's tests are skipped here, whatever the reporter shows; returns the reason. */
export function skipped(reason: string): string {
  console.error(`skipped here: ${reason}`);
  return reason;
}

/** A reason to skip a test here, or "" for none; where CI could have had it, a skip is a failure. */
export function skipReason(...programs: string[]): string {
  const missing = programs.filter((program) => Bun.which(program) === null);
  const needs = process.getuid?.() === 0 ? missing.join(", ") : "root";
  if (needs === "") return "";
  if (process.env.CI === "true") throw new Error(`CI must have ${needs}`);
  return skipped(`needs ${needs}`);
}
