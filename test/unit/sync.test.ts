// The last words of a child that may be in hostile hands are read without waiting for more.

import { afterEach, expect, test } from "bun:test";
import { readAtHand, send } from "../../src/sync.ts";
import { encode } from "../../src/sys/bytes.ts";
import { close, writeAll } from "../../src/sys/file.ts";
import { socketpair } from "../../src/sys/socket.ts";

let [ours, theirs] = socketpair();
afterEach(() => {
  close(ours);
  close(theirs);
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
