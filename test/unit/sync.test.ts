// The last words of a child that may be in hostile hands are read without waiting for more; a pid comes with "spawned".

import { afterEach, describe, expect, test } from "bun:test";
import { type FromChild, read, readAtHand, readPid, send, spawnedFrame } from "../../src/sync.ts";
import { encode } from "../../src/sys/bytes.ts";
import { close, writeAll } from "../../src/sys/file.ts";
import { socketpair } from "../../src/sys/socket.ts";

let [ours, theirs] = socketpair();
afterEach(() => {
  close(ours);
  if (theirs >= 0) close(theirs);
  [ours, theirs] = socketpair();
});

test("nothing there is no message, and no end", () => {
  expect(readAtHand(ours)).toEqual([]);
});

test("all that is there comes at once", () => {
  send(theirs, { type: "ready" });
  send(theirs, { type: "warning", message: "wärning" });
  expect(readAtHand(ours)).toEqual([{ type: "ready" }, { type: "warning", message: "wärning" }]);
  expect(readAtHand(ours)).toEqual([]);
});

test.each([
  ["half a length", Uint8Array.of(4, 0)],
  ["half a message", Uint8Array.of(9, 0, 0, 0, 0x7b)],
  ["four gigabytes announced", Uint8Array.of(255, 255, 255, 255, 0x31)],
  ["no JSON", Uint8Array.of(1, 0, 0, 0, 0x7b)],
  ["an empty message", Uint8Array.of(0, 0, 0, 0)],
])("%s is the end", (_, bytes) => {
  writeAll(theirs, bytes);
  expect(readAtHand(ours)).toBeUndefined();
});

test("a message longer than any honest one is the end", () => {
  writeAll(theirs, encode(`\0\0\x02\0"${"x".repeat(100_000)}"`));
  expect(readAtHand(ours)).toBeUndefined();
});

describe('a pid that follows "spawned"', () => {
  test("is what was written into the last four bytes", () => {
    const frame = spawnedFrame();
    new DataView(frame.buffer).setInt32(frame.length - 4, 4_194_304, true);
    writeAll(theirs, frame);
    expect(read<FromChild>(ours)?.message).toEqual({ type: "spawned" });
    expect(readPid(ours)).toBe(4_194_304);
  });

  test("is none where the stream ends before it", () => {
    const frame = spawnedFrame();
    writeAll(theirs, frame.subarray(0, frame.length - 1));
    expect(read<FromChild>(ours)?.message).toEqual({ type: "spawned" });
    close(theirs);
    theirs = -1;
    expect(readPid(ours)).toBeUndefined();
  });
});
