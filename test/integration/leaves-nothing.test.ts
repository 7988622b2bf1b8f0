// leavesNothing, the check at the end of test files: it finds each kind of thing that the file leaves, and nothing else.

import { expect, test } from "bun:test";
import { mkdirSync, readdirSync, rmdirSync } from "node:fs";
import { join } from "node:path";
import { cgroupOf } from "../support/cgroups.ts";
import { start, startMinibox, uniqueName } from "../support/container.ts";
import {
  allAreNoted,
  changedMounts,
  expectNothingLeft,
  leavesNothing,
  leftovers,
  mountTable,
} from "../support/leftovers.ts";
import { execute, ROOT, rootfs, run, scratchDirectory } from "../support/minibox.ts";

leavesNothing();
const busybox = rootfs("busybox");
const WAIT = ["sh", "-c", "echo up; read x"];

test("a state is found, and the check fails with its name", async () => {
  mkdirSync(join(ROOT, "forgotten"));
  expect(leftovers()).toEqual(["state forgotten"]);
  await expect(expectNothingLeft()).rejects.toThrow("state forgotten");
  rmdirSync(join(ROOT, "forgotten"));
  await expectNothingLeft();
});

test("a running container is found: its state, its cgroups and its processes", async () => {
  const name = uniqueName();
  const container = start(["--name", name, busybox, ...WAIT]);
  await container.says("up");
  await allAreNoted();
  const found = leftovers();
  expect(found).toContain(`state ${name}`);
  expect(found).toContain(`cgroup ${cgroupOf(name, "pids")}`);
  expect(found).toContainEqual(
    expect.stringMatching(new RegExp(`^process ${container.pid} .*/minibox --root`)),
  );
  expect(found).toContainEqual(expect.stringMatching(/^process \d+ sh -c echo up; read x $/));
  container.closeInput();
  await container.ended;
  await expectNothingLeft();
});

test("a cgroup is found when the state is gone, and none of a container that is not this file's", async () => {
  const name = uniqueName();
  expect((await run(["--name", name, busybox, "true"])).status).toBe(0);
  const [own, other] = [cgroupOf(name, "pids"), cgroupOf(uniqueName(), "pids")];
  for (const path of [own, other]) mkdirSync(path, { recursive: true });
  await allAreNoted();
  const found = leftovers();
  for (const path of [own, other]) rmdirSync(path);
  expect(found).toEqual([`cgroup ${own}`]);
});

test("a process is found by the environment that it has inherited, or by its words", async () => {
  const scratch = scratchDirectory();
  const inherits = Bun.spawn(["sleep", "1000"], { env: process.env });
  const mentions = Bun.spawn(["sh", "-c", "read x", scratch], { env: {}, stdin: "pipe" });
  const stranger = Bun.spawn(["sh", "-c", "read x", "stranger"], { env: {}, stdin: "pipe" });
  const found = leftovers();
  for (const child of [inherits, mentions, stranger]) child.kill();
  await Promise.all([inherits, mentions, stranger].map((child) => child.exited));
  expect(found).toEqual([
    `process ${inherits.pid} sleep 1000 `,
    `process ${mentions.pid} sh -c read x ${scratch} `,
  ]);
});

test("a container with another state directory is not found", async () => {
  const root = `/tmp/mb-other-${process.pid}`;
  const wrapper = ["env", "-u", "RUN"];
  const container = startMinibox(["--root", root, "run", busybox, ...WAIT], wrapper);
  await container.says("up");
  await allAreNoted();
  const found = [leftovers(), readdirSync(root).length];
  container.closeInput();
  await container.ended;
  rmdirSync(root);
  expect(found).toEqual([[], 1]);
});

test("mounts are found on the file's directories and on the machine's own, new and gone", async () => {
  const scratch = scratchDirectory();
  const before = mountTable();
  const after = async (script: string): Promise<string[]> => {
    const { stdout } = await execute(["unshare", "-m", "sh", "-c", `${script}; cat /proc/self/mountinfo`]);
    // in a new mount namespace each mount has another id, another parent and another peer group
    const bare = (table: string): string =>
      table.replace(/^\d+ \d+/gm, "1 1").replace(/ (shared|master):\d+/g, "");
    return changedMounts(bare(before), bare(stdout)).map((line) => line.split(" ").toSpliced(2, 4).join(" "));
  };
  expect(await after("true")).toEqual([]);
  expect(await after("mount -t tmpfs t /mnt")).toEqual([]);
  const mounted = (place: string) => expect.stringMatching(new RegExp(`^new mount .*${place} .* tmpfs t `));
  expect(await after(`mount -t tmpfs t ${scratch}`)).toEqual([mounted(scratch)]);
  expect(await after("mount -t tmpfs t /proc/sys")).toEqual([mounted("/proc/sys")]);
  expect(await after("umount -l /proc")).toContainEqual(expect.stringMatching(/^gone mount .*\/proc /));
});
