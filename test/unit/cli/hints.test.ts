// What is said to do about a failed call.

import { expect, test } from "bun:test";
import { hintFor } from "../../../src/cli/hints.ts";
import { SysError } from "../../../src/sys/errno.ts";

const [EPERM, EAGAIN, EMFILE] = [1, 11, 24];

test("a hint is for its call and its errno alone", () => {
  expect(hintFor(new SysError("posix_spawn", [], EAGAIN))).toContain("pids.max");
  expect(hintFor(new SysError("posix_spawn", [], EPERM))).toBeUndefined();
  expect(hintFor(new SysError("openat", [], EAGAIN))).toBeUndefined();
});

test("too few descriptors are told whichever call meets it", () => {
  for (const call of ["openat", "socketpair", "signalfd4"] as const)
    expect(hintFor(new SysError(call, [], EMFILE))).toContain("ulimit -n");
});
