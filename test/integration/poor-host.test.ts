// Starting where there is little: limits of the caller's, no /proc, no working directory, no standard descriptors. What
// can run runs; what cannot says so in one line of minibox's own, with exit code 125.

import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { SIGNALS } from "../../src/sys/constants.ts";
import { childrenOf, signal } from "../support/container.ts";
import { execute, MINIBOX, type Result, rootfs, skipped, skipReason } from "../support/minibox.ts";
import { makePlace, type Place, userWords } from "../support/user.ts";

setDefaultTimeout(60_000);
const skip = skipReason("setpriv", "prlimit", "unshare", "newuidmap", "python3");
const busybox = skip ? "" : rootfs("busybox");
let place: Place;
let scratch = "";
beforeAll(() => {
  if (!skip) place = makePlace();
  scratch = mkdtempSync("/tmp/minibox-test-");
});
afterAll(() => {
  place?.remove();
  rmSync(scratch, { recursive: true, force: true });
});

/** The ways in which minibox's processes start: each is another sequence of starts of its runtime. */
const SHAPES: [string, () => string[]][] = [
  ["root", () => [MINIBOX, "run", busybox]],
  ["root with an init", () => [MINIBOX, "run", "--init", busybox]],
  ["root with a user namespace", () => [MINIBOX, "run", "--uidmap", "0:0:65536", busybox]],
  ["an ordinary user", () => userWords([place.minibox, "run", place.rootfs])],
];

const inShell = (before: string, words: readonly string[]): Promise<Result> =>
  execute(["bash", "-c", `${before}; exec "$@"`, "bash", ...words], { cwd: "/" });

const RAN = { status: 7, stdout: "ran\n", stderr: "" };
const COMMAND = ["/bin/sh", "-c", "echo ran; exit 7"];

describe.skipIf(skip !== "").each(SHAPES)("%s", (_, shape) => {
  test.each([
    "ulimit -c 0",
    "ulimit -s 320",
    "ulimit -n 24",
    "ulimit -v 2000000",
    "ulimit -v 500000",
    "ulimit -d 2000000",
    "ulimit -d 400000",
    "ulimit -l 0",
    "ulimit -i 0",
  ])("runs under '%s'", async (limit) => expect(await inShell(limit, [...shape(), ...COMMAND])).toEqual(RAN));

  test.each([
    [
      "ulimit -s 16",
      /^minibox: the stack is too small .*: ulimit -s says 16, and it takes \d+: .*--ulimit stack/,
    ],
    [
      "ulimit -s 128",
      /^minibox: the stack is too small .*: ulimit -s says 128, and it takes \d+: .*--ulimit stack/,
    ],
    [
      "ulimit -n 4",
      /^minibox: too few files may be open .*: ulimit -n says 4, and it takes \d+: .*--ulimit nofile/,
    ],
    ["ulimit -n 8", /^minibox: .*: EMFILE: too many open files\n {2}.* raise ulimit -n, which is 8, /],
    [
      "ulimit -f 0",
      /^minibox: .*: EFBIG: file too large\n {2}.* raise ulimit -f, which is 0, .*--ulimit fsize/,
    ],
    [
      "ulimit -v 250000",
      /^minibox: the address space is too small .*: ulimit -v says 250000, and it takes \d+: /,
    ],
    [
      "ulimit -d 60000",
      /^minibox: too little memory is allowed .*: ulimit -d says 60000, and it takes \d+: /,
    ],
  ])("says what is too little under '%s', with the number", async (limit, words) => {
    const { status, stdout, stderr } = await inShell(limit, [...shape(), ...COMMAND]);
    expect([status, stdout]).toEqual([125, ""]);
    expect(stderr).toMatch(words);
    expect(stderr).toMatch(/^minibox: [^\n]+\n( {2}[^\n]+\n)?$/);
  });

  test.each([
    ["-s", 64],
    ["-n", 4],
    ["-d", 60_000],
    ["-v", 250_000],
  ])("runs with as much as it says that it takes of ulimit %s", async (flag, little) => {
    const { stderr } = await inShell(`ulimit ${flag} ${little}`, [...shape(), ...COMMAND]);
    const [, takes] = new RegExp(`ulimit ${flag} says ${little}, and it takes (\\d+):`).exec(stderr) ?? [];
    expect(await inShell(`ulimit ${flag} ${takes}`, [...shape(), ...COMMAND])).toEqual(RAN);
  });

  test.each([
    ["-s", 32, 288, 32],
    ["-n", 4, 20, 1],
    ["-v", 150_000, 3_000_000, 190_000],
    ["-d", 50_000, 2_500_000, 175_000],
  ])("runs, or says why not, with each value of ulimit %s", async (flag, from, to, step) => {
    let runs = false;
    for (let value = from; value <= to; value += step) {
      const { status, stdout, stderr } = await inShell(`ulimit ${flag} ${value}`, [...shape(), ...COMMAND]);
      // more is never worse
      if (runs) expect([value, status]).toEqual([value, RAN.status]);
      runs ||= status === RAN.status;
      const said = status === RAN.status ? /^$/ : /^minibox: [^\n]+\n( {2}[^\n]+\n)?$/;
      expect([value, status, stdout, stderr]).toEqual(
        status === RAN.status
          ? [value, RAN.status, RAN.stdout, ""]
          : [value, 125, "", expect.stringMatching(said)],
      );
    }
    expect(runs).toBe(true);
  });

  test("runs in a working directory that was deleted", async () => {
    const script = 'cd "$(mktemp -d /tmp/minibox-test-XXXXXX)" && chmod 755 . && rmdir "$PWD"';
    expect(await inShell(script, [...shape(), ...COMMAND])).toEqual(RAN);
  });

  test.each([
    [
      "-v",
      "here:/mnt",
      /^minibox: --volume: the source "here" is relative, and the working directory was deleted\n/,
    ],
    [
      "--mount",
      "src=here,dst=/mnt",
      /^minibox: --mount: the source "here" is relative, and the working directory/,
    ],
  ])("cannot take a source from there: %s %s", async (flag, value, words) => {
    const script = 'cd "$(mktemp -d /tmp/minibox-test-XXXXXX)" && chmod 755 . && rmdir "$PWD"';
    const [rootfsWord, ...before] = shape().reverse();
    const { status, stderr } = await inShell(script, [
      ...before.reverse(),
      flag,
      value,
      rootfsWord!,
      ...COMMAND,
    ]);
    expect(status).toBe(125);
    expect(stderr).toMatch(words);
  });

  test("runs in a working directory whose mount is gone", async () => {
    const script = 'mount -t tmpfs none "$0" && cd "$0" && umount -l "$0" && exec "$@"';
    const words = ["unshare", "--mount", "sh", "-c", script, scratch, ...shape(), ...COMMAND];
    expect(await execute(words)).toEqual(RAN);
  });

  test.each(["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])("runs with %s", async (closed) => {
    const words = [...shape(), "/bin/sh", "-c", "exit 7"];
    const { status, stderr } = await execute(["sh", "-c", `exec "$@" ${closed}`, "sh", ...words], {
      cwd: "/",
    });
    expect([status, stderr]).toEqual([7, ""]);
  });

  test("says that it misses /proc", async () => {
    const script = 'umount -l /proc && exec "$@"';
    const words = ["unshare", "--mount", "sh", "-c", script, "sh", ...shape(), ...COMMAND];
    const stderr = "minibox: /proc is not mounted here, and minibox needs it: mount -t proc proc /proc\n";
    expect(await execute(words)).toEqual({ status: 125, stdout: "", stderr });
  });
});

test.skipIf(skip !== "")("a source may be in a directory whose name only looks deleted", async () => {
  const script = 'mkdir -p "$0/x (deleted)/here" && cd "$0/x (deleted)" && exec "$@"';
  const words = ["sh", "-c", script, scratch, MINIBOX, "run", "-v", "here:/mnt", busybox, ...COMMAND];
  expect(await execute(words)).toEqual(RAN);
});

/** prctl(2): PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN */
const REFUSE_CODE =
  "import ctypes, os, sys; refused = ctypes.CDLL(None).prctl(65, 1, 0, 0, 0) != 0; os.execv(sys.argv[1], sys.argv[1:]) if not refused else sys.exit(99)";

test.skipIf(skip !== "")("memory that may not be executed is told", async () => {
  const words = ["python3", "-c", REFUSE_CODE, MINIBOX, "run", busybox, ...COMMAND];
  const { status, stdout, stderr } = await execute(words);
  if (status === 99) return void skipped("needs Linux 6.3 for PR_SET_MDWE");
  expect([status, stdout]).toEqual([125, ""]);
  expect(stderr).toMatch(
    /^minibox: this process may not have memory for code [^\n]*MemoryDenyWriteExecute[^\n]*\n$/,
  );
});

/** Makes a cgroup that admits so many tasks; returns the file to join it, or undefined where there is no such controller. */
function pidsCgroup(most: number): { join: string; remove(): void } | undefined {
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
  return undefined;
}

describe.skipIf(skip !== "")("where few processes are allowed", () => {
  test.each([1, 2])("by pids.max %p, minibox says so", async (most) => {
    const cgroup = pidsCgroup(most);
    if (!cgroup) return void skipped("needs a pids controller");
    try {
      const words = [MINIBOX, "run", busybox, ...COMMAND];
      const { status, stdout, stderr } = await inShell(`echo $$ > ${cgroup.join}`, words);
      expect([status, stdout]).toEqual([125, ""]);
      expect(stderr).toMatch(/^minibox: no thread more can be started, .* pids\.max [^\n]*\n$/);
    } finally {
      await removed(cgroup);
    }
  });

  test.each(SHAPES)("by pids.max 5, %s runs", async (_, shape) => {
    const cgroup = pidsCgroup(5);
    if (!cgroup) return void skipped("needs a pids controller");
    try {
      expect(await inShell(`echo $$ > ${cgroup.join}`, [...shape(), ...COMMAND])).toEqual(RAN);
    } finally {
      await removed(cgroup);
    }
  });

  test("by ulimit -u 5, an ordinary user's container runs", async () => {
    const words = ["prlimit", "--nproc=5", place.minibox, "run", place.rootfs, ...COMMAND];
    expect(await execute(userWords(words), { cwd: "/" })).toEqual(RAN);
  });

  test.each([0, 1, 2, 3, 4])("by ulimit -u %p, an ordinary user is told", async (most) => {
    const words = ["prlimit", `--nproc=${most}`, place.minibox, "run", place.rootfs, ...COMMAND];
    const { status, stdout, stderr } = await execute(userWords(words), { cwd: "/" });
    expect([status, stdout]).toEqual([125, ""]);
    expect(stderr).toContain("ulimit -u");
    expect(stderr).toContain(String(most));
    expect(stderr).toMatch(/^minibox: [^\n]+\n( {2}[^\n]+\n)?$/);
  });
});

/** A cgroup can go when its last process has been waited for, which may be the host's init's business. */
async function removed(cgroup: { remove(): void }): Promise<void> {
  for (let tries = 0; ; tries++) {
    try {
      return cgroup.remove();
    } catch (error) {
      if (tries === 500) throw error;
      await Bun.sleep(10);
    }
  }
}

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
    // a kill that comes late ends the command itself
    for (let tries = 0; tries < 50 && told?.status !== 125; tries++) {
      const run = Bun.spawn([MINIBOX, "run", busybox, "sleep", "60"], { stdout: "pipe", stderr: "pipe" });
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
