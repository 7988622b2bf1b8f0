// Starts under low limits of the caller's, without /proc, without a working directory, without standard descriptors: a
// container runs, or minibox says in one line why it cannot, with exit code 125.

import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { leavesNothing } from "../support/leftovers.ts";
import { execute, RUN, rootfs, scratchDirectory, skipped, skipReason } from "../support/minibox.ts";
import { COMMAND, inShell, RAN, SHAPES } from "../support/shapes.ts";
import { makePlace, type Place } from "../support/user.ts";

setDefaultTimeout(60_000);
leavesNothing();
const skip = skipReason("setpriv", "unshare", "newuidmap", "python3");
const busybox = skip ? "" : rootfs("busybox");
let place: Place;
let scratch = "";
beforeAll(() => {
  if (!skip) place = makePlace();
  scratch = scratchDirectory();
});
afterAll(() => {
  place?.remove();
});

describe.skipIf(skip !== "").each(SHAPES)("%s", (_, words) => {
  const shape = (): string[] => words(place);

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
      "ulimit -s 48",
      /^minibox: the stack is too small .*: ulimit -s says 48, and it takes \d+: .*--ulimit stack/,
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
  ])("says what is too little under '%s', with the number", async (limit, said) => {
    const { status, stdout, stderr } = await inShell(limit, [...shape(), ...COMMAND]);
    expect([status, stdout]).toEqual([125, ""]);
    expect(stderr).toMatch(said);
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
      // once a limit is high enough, every higher one is too
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
  ])("cannot take a source from there: %s %s", async (flag, value, said) => {
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
    expect(stderr).toMatch(said);
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
  const words = ["sh", "-c", script, scratch, ...RUN, "-v", "here:/mnt", busybox, ...COMMAND];
  expect(await execute(words)).toEqual(RAN);
});

/** Forbids itself memory that is both written and executed (PR_SET_MDWE, prctl(2)), then executes its words; 99 if it cannot. */
const REFUSE_CODE =
  "import ctypes, os, sys; refused = ctypes.CDLL(None).prctl(65, 1, 0, 0, 0) != 0; os.execv(sys.argv[1], sys.argv[1:]) if not refused else sys.exit(99)";
const hasMdwe = !skip && Bun.spawnSync(["python3", "-c", REFUSE_CODE, "/bin/true"]).exitCode === 0;
if (!skip && !hasMdwe) skipped("needs Linux 6.3 for PR_SET_MDWE");

test.skipIf(!hasMdwe)("memory that may not be executed is told", async () => {
  const words = ["python3", "-c", REFUSE_CODE, ...RUN, busybox, ...COMMAND];
  const { status, stdout, stderr } = await execute(words);
  expect([status, stdout]).toEqual([125, ""]);
  expect(stderr).toMatch(
    /^minibox: this process may not have memory for code [^\n]*MemoryDenyWriteExecute[^\n]*\n$/,
  );
});
