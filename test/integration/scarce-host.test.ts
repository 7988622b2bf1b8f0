// Starts where few processes are allowed, where there is no room for the state, and where the kernel kills the container's
// first process for want of memory: minibox says what is lacking, with exit code 125.

import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { mkdirSync, rmdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { SIGNALS } from "../../src/sys/constants.ts";
import { hasController } from "../support/cgroups.ts";
import { childrenOf, signal, until } from "../support/container.ts";
import { leavesNothing } from "../support/leftovers.ts";
import { execute, MINIBOX, type Result, RUN, rootfs, skipped, skipReason } from "../support/minibox.ts";
import { COMMAND, inShell, RAN, SHAPES } from "../support/shapes.ts";
import { makePlace, type Place, userWords } from "../support/user.ts";

setDefaultTimeout(60_000);
leavesNothing();
const skip = skipReason("setpriv", "prlimit", "unshare", "newuidmap");
const busybox = skip ? "" : rootfs("busybox");
let place: Place;
beforeAll(() => {
  if (!skip) place = makePlace();
});
afterAll(() => place?.remove());

/** Makes a cgroup that admits so many tasks; returns the file to join it. @throws where no such controller can be had */
function pidsCgroup(most: number): { join: string; remove(): void } {
  for (const top of ["/sys/fs/cgroup/pids", "/sys/fs/cgroup"]) {
    const path = join(top, `minibox-test-${process.pid}-${most}`);
    try {
      mkdirSync(path);
    } catch {
      continue;
    }
    try {
      writeFileSync(join(path, "pids.max"), String(most));
      return { join: join(path, "cgroup.procs"), remove: () => rmdirSync(path) };
    } catch {
      rmdirSync(path);
    }
  }
  throw new Error("no cgroup with pids.max can be made");
}

const noPids = skip || (hasController("pids") ? "" : skipped("needs a pids controller"));

describe.skipIf(skip !== "")("where few processes are allowed", () => {
  test.skipIf(noPids !== "").each([1, 2])("by pids.max %p, minibox says so", async (most) => {
    const cgroup = pidsCgroup(most);
    try {
      const words = [...RUN, busybox, ...COMMAND];
      const { status, stdout, stderr } = await inShell(`echo $$ > ${cgroup.join}`, words);
      expect([status, stdout]).toEqual([125, ""]);
      expect(stderr).toMatch(
        /^minibox: (no thread more can be started,|spawn [^\n]*: EAGAIN: [^\n]*\n ) .* pids\.max [^\n]*\n$/,
      );
    } finally {
      await removed(cgroup);
    }
  });

  test.skipIf(noPids !== "").each(SHAPES)("by pids.max 8, %s runs", async (_, shape) => {
    const cgroup = pidsCgroup(8);
    try {
      expect(await inShell(`echo $$ > ${cgroup.join}`, [...shape(place), ...COMMAND])).toEqual(RAN);
    } finally {
      await removed(cgroup);
    }
  });

  test("by ulimit -u 8, an ordinary user's container runs", async () => {
    const words = ["prlimit", "--nproc=8", place.minibox, "run", "-q", place.rootfs, ...COMMAND];
    expect(await execute(userWords(words), { cwd: "/" })).toEqual(RAN);
  });

  test.each([0, 1, 2, 3, 4])("by ulimit -u %p, an ordinary user is told", async (most) => {
    const words = ["prlimit", `--nproc=${most}`, place.minibox, "run", place.rootfs, ...COMMAND];
    const { status, stdout, stderr } = await execute(userWords(words), { cwd: "/" });
    expect([status, stdout]).toEqual([125, ""]);
    expect(stderr).toContain("ulimit -u");
    expect(stderr).toContain(String(most));
    // a note about the user's ids may come first
    expect(stderr).toMatch(
      /^(minibox: the container has one user id [^\n]+\n)?minibox: [^\n]+\n( {2}[^\n]+\n)?$/,
    );
  });
});

/** Removes a cgroup. The kernel allows it when the last process has been waited for, which may be up to the host's init. */
const removed = (cgroup: { remove(): void }): Promise<void> =>
  until("the cgroup can be removed", () => {
    try {
      cgroup.remove();
      return true;
    } catch {
      return false;
    }
  });

describe.skipIf(skip !== "")("where the state cannot be recorded", () => {
  const inside = (script: string): Promise<Result> =>
    execute([
      "unshare",
      "--mount",
      "sh",
      "-c",
      `${script} && exec "$@"`,
      "sh",
      MINIBOX,
      "run",
      busybox,
      ...COMMAND,
    ]);
  const own = "mkdir -p /run/minibox && mount -t tmpfs -o mode=700";

  test.each([
    ["a full disk", `${own},size=4k none /run/minibox && ! head -c 8k /dev/zero >/run/minibox/full 2>&-`],
    ["no inode left", `${own},nr_inodes=1 none /run/minibox`],
  ])("for %s, it says where room is needed", async (_, script) => {
    const { status, stdout, stderr } = await inside(script);
    expect([status, stdout]).toEqual([125, ""]);
    expect(stderr).toMatch(
      /^minibox: [^\n]*: ENOSPC: no space left on device\n {2}[^\n]*: make room in \/run\/minibox\n$/,
    );
  });

  test("for a read-only file system, it says what to mount", async () => {
    const { status, stdout, stderr } = await inside(`${own},ro none /run/minibox`);
    expect([status, stdout]).toEqual([125, ""]);
    expect(stderr).toMatch(
      /^minibox: [^\n]*: EROFS: read-only file system\n {2}[^\n]*: mount a tmpfs on \/run\/minibox\n$/,
    );
  });
});

describe.skipIf(skip !== "")("where the kernel kills the first process", () => {
  test("before it is the command, it says with which signal, and what that may mean", async () => {
    let told: Result | undefined;
    // a kill that comes after execve hits the command, and the run ends with 137: then it is tried again
    for (let tries = 0; tries < 50 && told?.status !== 125; tries++) {
      const run = Bun.spawn([...RUN, busybox, "sleep", "60"], { stdout: "pipe", stderr: "pipe" });
      while (childrenOf(run.pid).length === 0 && run.exitCode === null);
      for (const pid of childrenOf(run.pid)) signal(pid, SIGNALS.KILL);
      const [stdout, stderr, status] = await Promise.all([run.stdout.text(), run.stderr.text(), run.exited]);
      expect([125, 137]).toContain(status);
      told = { status, stdout, stderr };
    }
    expect(told).toEqual({
      status: 125,
      stdout: "",
      stderr: expect.stringMatching(
        /^minibox: the container's first process was ended by signal 9 before it could run the command\n {2}[^\n]* memory\.max [^\n]*\n$/,
      ),
    });
  });
});
