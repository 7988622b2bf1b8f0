// Numbers at the command line that are larger than anything: told at once, or kept to where the kernel knows them.

import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { SIGNALS } from "../../src/sys/constants.ts";
import { start } from "../support/container.ts";
import { leavesNothing } from "../support/leftovers.ts";
import { rootfs, run, skipReason } from "../support/minibox.ts";

setDefaultTimeout(60_000);
leavesNothing();
const skip = skipReason();
const busybox = skip ? "" : rootfs("busybox");

const NINES = "9".repeat(26);

describe.skipIf(skip !== "")("a number too large is one line with its flag, and 125", () => {
  test.each([
    ["--timeout", NINES, "is too long, at most 104249991d"],
    ["--timeout", `${NINES}h`, "is too long, at most 104249991d"],
    ["--stop-timeout", NINES, "is too long, at most 104249991d"],
    ["--memory", NINES, "is too large, at most 8191t"],
    ["--memory", `${NINES}t`, "is too large, at most 8191t"],
    ["--memory=64m", `--memory-swap=${NINES}`, "is too large, at most 8191t"],
    ["--cpus", NINES, "is too large, at most 8192"],
    ["--cpuset-cpus", `0-${NINES}`, "at most 8191"],
    ["--cpuset-cpus", "1-0", "runs backwards"],
    ["--pids-limit", "4194305", "is too large, at most 4194304, and -1 is unlimited"],
    ["--pids-limit", NINES, "is too large, at most 4194304, and -1 is unlimited"],
    ["--ulimit", `nofile=${NINES}`, "is above 2^64-1"],
    ["--ulimit", "nofile=18446744073709551616", "is above 2^64-1"],
    ["--user", NINES, "is above the largest, 4294967294"],
    ["--user", "4294967295", "is above the largest, 4294967294"],
    ["--user", `0:${NINES}`, "is above the largest, 4294967294"],
    ["--tmpfs", `/tmp:size=${NINES}`, "is too large"],
    ["--tmpfs", "/tmp:size=99999999e", "is too large"],
    ["--tmpfs", `/tmp:nr_inodes=${NINES}`, "is too large"],
    ["--tmpfs", "/tmp:uid=4294967295", "at most 4294967294"],
    ["--tmpfs", "/tmp:mode=77777", "is not octal, at most 7777"],
    ["--mount", `type=tmpfs,dst=/tmp,tmpfs-size=${NINES}`, "is too large, at most 8191t"],
    ["--mount", "type=tmpfs,dst=/tmp,tmpfs-mode=77777", "is not octal, at most 7777"],
    ["--hostname", "h".repeat(65), "must be 1 to 64 bytes long"],
    ["--uidmap", `0:0:${NINES}`, "must be CONTAINER-ID:HOST-ID:SIZE"],
    ["--uidmap", "0:4294967295:1", "goes beyond the last id"],
    ["--userns", `0:0:${NINES}`, "must be host, auto or UID:GID:SIZE"],
    ["--name", "n".repeat(65), "must be 1 to 64"],
  ])("%s %s", async (flag, value, words) => {
    const { status, stdout, stderr } = await run([flag, value, busybox, "/bin/echo", "it ran"]);
    expect([status, stdout]).toEqual([125, ""]);
    expect(stderr).toContain(words);
    expect(stderr).toMatch(/^minibox: --[^\n]+\n( {2}see minibox run --help\n)?$/);
  });
});

describe.skipIf(skip !== "")("a number that is large and still means something is taken", () => {
  test.each([
    [["--timeout", "300000d"]],
    [["--timeout", "104249991d", "--stop-timeout", "104249991d"]],
    [["--memory", "8191t"]],
    [["--memory", "64m", "--memory-swap", "8191t"]],
    [["--cpus", "8192"]],
    [["--pids-limit", "4194304"]],
    [["--ulimit", "stack=18446744073709551615"]],
    [["--ulimit", "cpu=18446744073709551614"]],
    [["--user", "4294967294:4294967294"]],
    [["--tmpfs", "/tmp:size=8191t,nr_inodes=8191t,uid=4294967294,mode=07777"]],
    [["--mount", "type=tmpfs,dst=/tmp,tmpfs-size=8191t"]],
  ])("%p", async (flags) => {
    const words = [...flags, busybox, "/bin/sh", "-c", "sleep 0.2; exit 7"];
    expect(await run(words)).toEqual({ status: 7, stdout: "", stderr: "" });
  });

  test("a time limit of 300 years still lets a signal through", async () => {
    const container = start(["--timeout", "109500d", busybox, "/bin/sh", "-c", "echo ready; exec sleep 600"]);
    await container.says("ready");
    container.signal(SIGNALS.TERM);
    expect(await container.ended).toEqual({ status: 143, stdout: "ready\n", stderr: "" });
  });
});
