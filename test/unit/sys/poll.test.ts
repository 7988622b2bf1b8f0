// Owns: an interest that is used for many waits.

import { expect, test } from "bun:test";
import { POLLIN, POLLOUT } from "../../../src/sys/constants.ts";
import { pipe } from "../../../src/sys/descriptor.ts";
import { close, tryWrite } from "../../../src/sys/file.ts";
import { Interest } from "../../../src/sys/poll.ts";
import { execute, TOP } from "../../support/minibox.ts";

test("each wait tells what it found itself", () => {
  const [read, write] = pipe(0);
  const interest = new Interest(2);
  interest.set(0, read, POLLIN);
  interest.set(1, -1, POLLOUT);
  expect([interest.wait(0), interest.found(0), interest.found(1)]).toEqual([0, 0, 0]);
  tryWrite(write, Uint8Array.of(1));
  interest.set(1, write, POLLOUT);
  expect([interest.wait(0), interest.found(0), interest.found(1)]).toEqual([2, POLLIN, POLLOUT]);
  interest.set(0, -1, POLLIN);
  expect([interest.wait(0), interest.found(0), interest.found(1)]).toEqual([1, 0, POLLOUT]);
  close(read);
  close(write);
});

/** ppoll(2) takes no more descriptors than the process may have open. */
const FAILING = `
import { POLLOUT } from "${TOP}/src/sys/constants.ts";
import { setRlimit } from "${TOP}/src/sys/process.ts";
import { Interest } from "${TOP}/src/sys/poll.ts";
const interest = new Interest(1);
interest.set(0, 1, POLLOUT);
const found = [interest.wait(0), interest.found(0)];
setRlimit(7, 0n, 0n); // RLIMIT_NOFILE
found.push(interest.wait(0), interest.found(0));
console.log(found.join(" "));
`;

test("a wait that fails has found nothing", async () => {
  expect((await execute([process.execPath, "-e", FAILING])).stdout).toBe(`1 ${POLLOUT} -22 0\n`);
});
