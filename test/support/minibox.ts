// Owns running the compiled binary in tests, with a state directory for each test file, and the root file systems for it.

import { cpSync, existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

/** The repository. */
export const TOP = resolve(import.meta.dir, "../..");
/** The binary under test, built by the test command before the tests start. */
export const MINIBOX = resolve(process.env.MINIBOX ?? join(TOP, "minibox"));

/**
 * The state directory of this test file's containers (--root): any minibox removes what dead supervisors have left in the
 * directory that it uses, so a shared one would let files disturb each other. The path of a Unix socket in it must fit
 * into 108 bytes (unix(7)), so it is short. minibox makes it where it is missing.
 */
export const ROOT = `/tmp/mb-${crypto.randomUUID().slice(0, 8)}`;
/** `minibox run` with that state directory, for tests that start it through other programs. */
export const RUN = [MINIBOX, "--root", ROOT, "run"] as const;
// Shell scripts in tests say `$RUN ROOTFS COMMAND`. Processes inherit the variable, and so show which file started them.
// Bun.spawn passes it on only where its `env` is process.env.
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

/** Runs a program to its end. Its stdin is closed or a pipe, and its stdout and stderr are pipes: none is a terminal. */
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

/** Runs `minibox WORDS…`: with the default state directory, unless the words name another. */
export const minibox = (words: string[], options?: Options): Promise<Result> =>
  execute([MINIBOX, ...words], options);

/** Runs `minibox run WORDS…` with the test file's own state directory. */
export const run = (words: string[], options?: Options): Promise<Result> =>
  execute([...RUN, ...words], options);

type Kind = "busybox" | "host";

/** A root file system that scripts/build-rootfs.sh has built. It is kept between runs, and tests must not write to it. */
export const rootfs = (kind: Kind): string => built(kind, kind);

/**
 * The same, to copy from. A run makes mount points in its rootfs for a while, and a copy made meanwhile would keep them; so
 * no container runs on this one. In the virtual machine test files run one after the other, and one rootfs is enough.
 */
export const rootfsToCopy = (kind: Kind): string =>
  built(kind, process.env.MINIBOX_TEST_IN_VM === undefined ? `${kind}-to-copy` : kind);

function built(kind: Kind, name: string): string {
  const path = join(TOP, ".cache", "rootfs", name);
  if (!existsSync(path)) {
    mkdirSync(join(TOP, ".cache", "rootfs"), { recursive: true });
    // another test file may be building it as well: the first one to finish renames its own to the final name
    const made = `${path}.${process.pid}`;
    const result = Bun.spawnSync([join(TOP, "scripts/build-rootfs.sh"), "--from", kind, made]);
    if (!result.success) throw new Error(`build-rootfs.sh --from ${kind}: ${result.stderr}`);
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

/** Makes a directory below TMPDIR, else /tmp; leavesNothing removes it when the test file ends. */
export function scratchDirectory(): string {
  const path = mkdtempSync(join(tmpdir(), "minibox-test-"));
  scratch.push(path);
  return path;
}

/** Every scratch directory that this process has made. */
export const scratchDirectories = (): readonly string[] => scratch;

/** A copy of the busybox rootfs that a test may write to. */
export function scratchRootfs(): string {
  const path = join(scratchDirectory(), "rootfs");
  cpSync(rootfsToCopy("busybox"), path, { recursive: true, verbatimSymlinks: true });
  return path;
}

/** Prints why tests are skipped, since `bun test` may not show it; returns the reason. */
export function skipped(reason: string): string {
  console.error(`skipped here: ${reason}`);
  return reason;
}

/** Why a test that needs root and these programs is skipped, or "". @throws Error in CI, which must have them */
export function skipReason(...programs: string[]): string {
  const missing = programs.filter((program) => Bun.which(program) === null);
  const needs = process.getuid?.() === 0 ? missing.join(", ") : "root";
  if (needs === "") return "";
  if (process.env.CI === "true") throw new Error(`CI must have ${needs}`);
  return skipped(`needs ${needs}`);
}
