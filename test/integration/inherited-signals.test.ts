// A caller that ignores or blocks signals changes neither the exit code nor the signals of the command.

import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { leavesNothing } from "../support/leftovers.ts";
import { execute, RUN, rootfs, skipReason } from "../support/minibox.ts";
import { makePlace, type Place, userWords } from "../support/user.ts";

setDefaultTimeout(60_000);
leavesNothing();
const skip = skipReason("setpriv", "perl", "env", "newuidmap");
const busybox = skip ? "" : rootfs("busybox");
let place: Place;
beforeAll(() => {
  if (!skip) place = makePlace();
});
afterAll(() => place?.remove());

/** Words that start the words after them in such a state. */
const CALLERS: [string, string[]][] = [
  ["a shell's trap '' CHLD", ["sh", "-c", "trap '' CHLD; exec \"$@\"", "sh"]],
  ["perl's IGNORE", ["perl", "-e", "$SIG{CHLD} = 'IGNORE'; exec @ARGV"]],
  ["SIGCHLD blocked", ["env", "--block-signal=CHLD"]],
  ["every signal ignored", ["env", "--ignore-signal"]],
  ["every signal blocked", ["env", "--block-signal"]],
  ["every signal ignored and blocked", ["env", "--ignore-signal", "--block-signal"]],
];

/** The command's own view: what it was started with. */
const LOOK = "grep -E '^(SigBlk|SigIgn)' /proc/self/status; exit 7";
const NONE = "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n";

describe.skipIf(skip !== "").each(CALLERS)("under %s", (_, caller) => {
  test.each([
    ["root", []],
    ["root with an init", ["--init"]],
    ["root with a user namespace", ["--userns", "100000:100000:65536"]],
    ["root with a user namespace and an init", ["--userns", "100000:100000:65536", "--init"]],
  ])("%s has the command's exit code", async (_, flags) => {
    const words = [...caller, ...RUN, ...flags, busybox, "/bin/sh", "-c", LOOK];
    expect(await execute(words)).toEqual({ status: 7, stdout: NONE, stderr: "" });
  });

  test.each([[[]], [["--init"]]])("an ordinary user has it too, with %p", async (flags) => {
    const words = [place.minibox, "run", "-q", ...flags, place.rootfs, "/bin/sh", "-c", LOOK];
    const result = await execute([...caller, ...userWords(words)], { cwd: "/" });
    expect(result).toEqual({ status: 7, stdout: NONE, stderr: "" });
  });

  test("what goes wrong has its own code and words", async () => {
    const { status, stderr } = await execute([...caller, ...RUN, busybox, "/bin/missing"]);
    expect(status).toBe(127);
    expect(stderr).toContain("/bin/missing");
  });
});
