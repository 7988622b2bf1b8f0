// Owns driving the compiled binary in tests: running it, with states of the file's own, and the root file systems it runs on.

import { cpSync, existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";

/** The repository. */
export const TOP = resolve(import.meta.dir, "../..");
/** The binary under test, built by the test command before the tests start. */
export const MINIBOX = resolve(process.env.MINIBOX ?? join(TOP, "minibox"));

/**
 * Where this file's containers have their states, so that no other container of this machine is seen or pruned by them.
 * The path is short, since it may hold Unix sockets; minibox makes the directory.
 */
export const ROOT = `/tmp/mb-${crypto.randomUUID().slice(0, 8)}`;
/** The words of a run with that state directory, for tests that put others in front. */
export const RUN = [MINIBOX, "--root", ROOT, "run"] as const;
// Scripts of tests say `$RUN ROOTFS COMMAND`. Every process that a test starts inherits the variable, which tells whose it is.
process.env.RUN = RUN.join(" ");

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

/** `minibox WORDS…`, with the states in the default place unless the words say otherwise. */
export const minibox = (words: string[], options?: Options): Promise<Result> =>
  execute([MINIBOX, ...words], options);

/** `minibox run WORDS…`, with the states in the file's own place. */
export const run = (words: string[], options?: Options): Promise<Result> =>
  execute([...RUN, ...words], options);

/** A root file system of scripts/build-rootfs.sh, built once and kept between runs; tests must not write to it. */
export function rootfs(kind: "busybox" | "host"): string {
  const path = join(TOP, ".cache", "rootfs", kind);
  if (!existsSync(path)) {
    mkdirSync(join(TOP, ".cache", "rootfs"), { recursive: true });
    // other test files may build it at this moment: the first that has finished gives it its name
    const made = `${path}.${process.pid}`;
    const built = Bun.spawnSync([join(TOP, "scripts/build-rootfs.sh"), "--from", kind, made]);
    if (!built.success) throw new Error(`build-rootfs.sh --from ${kind}: ${built.stderr}`);
    try {
      renameSync(made, path);
    } catch (error) {
      rmSync(made, { recursive: true });
      if (!existsSync(path)) throw error;
    }
  }
  return path;
}

const scratch: string[] = [];

/** A directory of this test's own, below /tmp; leavesNothing removes it when the file ends. */
export function scratchDirectory(): string {
  const path = mkdtempSync("/tmp/minibox-test-");
  scratch.push(path);
  return path;
}

/** Every scratch directory that this process has made. */
export const scratchDirectories = (): readonly string[] => scratch;

/** A copy of the busybox rootfs that a test may write to. */
export function scratchRootfs(): string {
  const path = join(scratchDirectory(), "rootfs");
  cpSync(rootfs("busybox"), path, { recursive: true, verbatimSymlinks: true });
  return path;
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
