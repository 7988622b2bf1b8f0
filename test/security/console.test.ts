// An image that prepares /dev/console and /dev/pts, so that the console would be mounted over a file of the host's, or be
// such a file (CVE-2025-52565).

import { beforeAll, expect, test } from "bun:test";
import { mkdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { attackRootfs } from "../support/attack.ts";
import { leavesNothing } from "../support/leftovers.ts";
import { execute, run, scratchDirectory } from "../support/minibox.ts";

leavesNothing();

let root: ReturnType<typeof attackRootfs>;
let host: string;
beforeAll(() => {
  root = attackRootfs();
  host = scratchDirectory();
  writeFileSync(join(host, "file"), "the host's");
});

const LOOK =
  "test -c /dev/console && test -t 0 && echo typed >/dev/console; tty; stat -c %t:%T /dev/console /dev/pts/0";

test("a mount by name follows the image's link", async () => {
  symlinkSync(join(host, "file"), join(root.path, "dev/console"));
  const script = 'mount --bind /dev/null "$0/dev/console" && test -c "$1/file" && echo covered';
  const { stdout } = await execute(["unshare", "-m", "sh", "-c", script, root.path, host]);
  expect(stdout).toBe("covered\n");
});

test("links and files in the image's /dev play no part in the container's terminal", async () => {
  const dev = join(root.path, "dev");
  for (const prepare of [
    () => symlinkSync(join(host, "file"), join(dev, "console")),
    () => symlinkSync(host, join(dev, "pts")),
    () => symlinkSync("/proc/sys/kernel/core_pattern", join(dev, "ptmx")),
    () => mkdirSync(join(dev, "console")),
    () => writeFileSync(join(dev, "pts"), "x"),
  ]) {
    rmSync(dev, { recursive: true });
    mkdirSync(dev);
    prepare();
    const { status, stdout } = await run(["-t", root.path, "/bin/sh", "-c", LOOK]);
    expect([status, stdout.replaceAll("\r", "")]).toEqual([
      0,
      expect.stringContaining("typed\n/dev/pts/0\n88:0\n88:0\n"),
    ]);
    expect(readFileSync(join(host, "file"), "utf8")).toBe("the host's");
    expect(statSync(join(host, "file")).isFile()).toBe(true);
  }
});

test("a volume that brings a console along is refused or covered, never written", async () => {
  mkdirSync(join(host, "dev/pts"), { recursive: true });
  symlinkSync(join(host, "file"), join(host, "dev/console"));
  await run(["-q", "-t", "-v", `${host}/dev:/dev`, root.path, "/bin/sh", "-c", LOOK]);
  await run(["-q", "-t", "-v", `${host}/file:/dev/console`, root.path, "/bin/sh", "-c", "true"]);
  expect(readFileSync(join(host, "file"), "utf8")).toBe("the host's");
});
