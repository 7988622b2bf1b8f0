// An image with a symbolic link or a file in the place of /proc, /sys or /dev, so that they would be mounted elsewhere or
// not at all (CVE-2019-16884, CVE-2019-19921, CVE-2023-27561).

import { beforeEach, expect, test } from "bun:test";
import { mkdirSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { attackRootfs } from "../support/attack.ts";
import { leavesNothing } from "../support/leftovers.ts";
import { execute, run, scratchDirectory } from "../support/minibox.ts";

leavesNothing();

let root: ReturnType<typeof attackRootfs>;
let host: string;
beforeEach(() => {
  root = attackRootfs();
  host = scratchDirectory();
});

const replace = (place: string, make: (path: string) => void): void => {
  rmSync(join(root.path, place), { recursive: true });
  make(join(root.path, place));
};

test("mount(8) follows the image's link out of the root", async () => {
  replace("proc", (path) => symlinkSync(host, path));
  const script = 'mount -t proc proc "$0/proc" && ls "$1" | head -1';
  expect((await execute(["unshare", "-m", "sh", "-c", script, root.path, host])).stdout).not.toBe("");
});

test("a link in the place of /proc, /sys or /dev is refused, wherever it leads", async () => {
  for (const place of ["proc", "sys", "dev"])
    for (const target of [host, "/tmp", "tmp", "../../../tmp", `/${place}`, "/nowhere"]) {
      replace(place, (path) => symlinkSync(target, path));
      const { status, stdout, stderr } = await run([root.path, "/bin/true"]);
      expect([place, target, status, stdout]).toEqual([place, target, 125, ""]);
      expect(stderr).toBe(`minibox: /${place} in the rootfs is a symbolic link: it must be a directory\n`);
      replace(place, (path) => mkdirSync(path));
    }
  expect(readdirSync(host)).toEqual([]);
});

test("so is a file", async () => {
  for (const place of ["proc", "sys", "dev"]) {
    replace(place, (path) => writeFileSync(path, "x"));
    const { status, stderr } = await run([root.path, "/bin/true"]);
    expect([place, status, stderr]).toEqual([
      place,
      125,
      expect.stringContaining(`/${place} in the rootfs is not a directory`),
    ]);
    replace(place, (path) => mkdirSync(path));
  }
});

test("links on the way to any other mount end inside", async () => {
  const volume = join(host, "volume");
  mkdirSync(volume);
  writeFileSync(join(volume, "file"), "");
  for (const [name, target] of [
    ["absolute", host],
    ["climbing", "../../../../../../../../../../tmp"],
    ["magic", "/proc/1/root"],
  ] as const) {
    symlinkSync(target, join(root.path, name));
    const { stdout, status } = await run([
      "-q",
      "-v",
      `${volume}:/${name}/new`,
      root.path,
      "/bin/sh",
      "-c",
      `ls /${name}/new`,
    ]);
    expect([name, status === 0 ? stdout : "file\n"]).toEqual([name, "file\n"]);
  }
  expect(readdirSync(host)).toEqual(["volume"]);
});
