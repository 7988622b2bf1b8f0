// Owns what the tests of escapes share: root file systems that an attacker has filled, C programs compiled into them, and
// a container without any defence. An attack must work in that container before a test shows that minibox stops it.

import { afterAll } from "bun:test";
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { execute, type Result, rootfsToCopy, scratchDirectory, TOP } from "./minibox.ts";

/** Compiles a C source, once for each text and set of flags; returns the path of the binary. */
export function compile(source: string, flags = ["-static"]): string {
  const directory = join(TOP, ".cache", "programs");
  const path = join(directory, Bun.hash(source + flags).toString(16));
  if (existsSync(path)) return path;
  mkdirSync(directory, { recursive: true });
  const made = `${path}.${process.pid}`;
  writeFileSync(`${made}.c`, source);
  const built = Bun.spawnSync(["cc", ...flags, "-O1", "-w", "-o", made, `${made}.c`]);
  rmSync(`${made}.c`);
  if (!built.success) throw new Error(`cc: ${built.stderr}`);
  renameSync(made, path);
  return path;
}

const EXCHANGE = `#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
int main(int n, char **v) { for (;;) renameat2(AT_FDCWD, v[1], AT_FDCWD, v[2], RENAME_EXCHANGE); }`;

/** Starts to exchange two names (renameat2(2)), again and again; returns a function that ends it. */
export function exchange(one: string, other: string): () => Promise<void> {
  const attacker = Bun.spawn([compile(EXCHANGE), one, other]);
  return async () => {
    attacker.kill(9);
    await attacker.exited;
  };
}

/** Gives these files of the host their modes back after the tests: an attack that succeeds must not outlive them. */
export function restoreModes(...paths: string[]): void {
  const modeOf = (path: string): number => statSync(path).mode & 0o7777;
  const before = paths.map((path) => [path, modeOf(path)] as const);
  afterAll(() => {
    for (const [path, mode] of before) if (modeOf(path) !== mode) chmodSync(path, mode);
  });
}

/** A copy of the busybox rootfs with these programs as /NAME, for a test file to destroy. */
export function attackRootfs(programs: Record<string, string> = {}): { path: string } {
  const path = join(scratchDirectory(), "root");
  cpSync(rootfsToCopy("busybox"), path, {
    recursive: true,
    verbatimSymlinks: true,
    preserveTimestamps: true,
  });
  for (const [name, source] of Object.entries(programs)) cpSync(compile(source), join(path, name));
  return { path };
}

/** Runs words in namespaces and a chroot alone: with all capabilities, no filter, no masks, a writable /proc and /sys. */
export function undefended(path: string, words: string[]): Promise<Result> {
  const script =
    'mount -t proc proc "$0/proc" && mount -t sysfs sysfs "$0/sys" && mount --rbind /dev "$0/dev" && exec chroot "$0" "$@"';
  return execute(["unshare", "-m", "-p", "-f", "-u", "-i", "-n", "sh", "-c", script, path, ...words]);
}
