// A directory of the rootfs that somebody outside (its owner, or another container that shares it) exchanges for a
// symbolic link between the lookup of a mount's destination and the mount (CVE-2021-30465).

import { afterAll, beforeAll, expect, test } from "bun:test";
import { existsSync, mkdirSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { attackRootfs, exchange } from "../support/attack.ts";
import { leavesNothing } from "../support/leftovers.ts";
import { execute, run, scratchDirectory } from "../support/minibox.ts";

leavesNothing();

let root: ReturnType<typeof attackRootfs>;
let host: string;
let stopSwapping = async (): Promise<void> => {};
beforeAll(() => {
  root = attackRootfs();
  host = scratchDirectory();
  mkdirSync(join(host, "target"));
  mkdirSync(join(host, "volume"));
  writeFileSync(join(host, "volume/file"), "");
});
afterAll(() => stopSwapping());

function startSwapping(name: string, target: string): void {
  mkdirSync(join(root.path, name), { recursive: true });
  symlinkSync(target, join(root.path, `${name}.link`));
  stopSwapping = exchange(join(root.path, name), join(root.path, `${name}.link`));
}

const made = (): string[] => readdirSync(join(host, "target"));

test("a check by name loses the race", async () => {
  startSwapping("shared", join(host, "target"));
  const check = 'for i in $(seq 300); do test -L "$0" || mkdir -p "$0/new" 2>/dev/null; done';
  for (let i = 0; i < 40 && made().length === 0; i++)
    await execute(["sh", "-c", check, join(root.path, "shared")]);
  await stopSwapping();
  expect(made()).toEqual(["new"]);
  rmSync(join(host, "target/new"), { recursive: true });
}, 60_000);

test("a volume's place is inside the root at every moment, or the start fails", async () => {
  startSwapping("volumes", join(host, "target"));
  let started = 0;
  for (let i = 0; i < 40; i++) {
    const words = ["-q", "-v", `${host}/volume:/volumes/new`, root.path, "/bin/sh", "-c"];
    const { status, stdout } = await run([...words, `grep -c "${host}/volume /" /proc/self/mountinfo`]);
    if (stdout !== "") {
      started++;
      // mountinfo lists only mounts that can be reached from the root: one on the host's directory would be missing
      expect([status, stdout]).toEqual([0, "1\n"]);
    }
  }
  await stopSwapping();
  expect(made()).toEqual([]);
  expect(started).toBeGreaterThan(0);
}, 60_000);

test("/proc is the kernel's, or the start fails", async () => {
  startSwapping("proc", join(host, "target"));
  // the link leads to a path that does not exist inside: a look fails while the name is the link, and is repeated
  const look = "until stat -f -c %T /proc/ 2>/dev/null; do :; done";
  let refused = 0;
  for (let i = 0; i < 40; i++) {
    const { status, stdout, stderr } = await run([root.path, "/bin/sh", "-c", look]);
    if (status !== 125) {
      expect([status, stdout]).toEqual([0, "proc\n"]);
      continue;
    }
    refused++;
    expect(stderr).toMatch(/symbolic link|not what was just mounted|ELOOP|ENOENT|ENOTDIR/);
  }
  await stopSwapping();
  expect(made()).toEqual([]);
  expect(existsSync(join(host, "target/self"))).toBe(false);
  expect(refused).toBeGreaterThan(0);
}, 60_000);
