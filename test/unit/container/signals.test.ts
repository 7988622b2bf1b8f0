// Owns: the signals of a mask in /proc/PID/status.

import { expect, test } from "bun:test";
import { byCaller, signalsIn } from "../../../src/container/signals.ts";

const STATUS =
  "Name:\tSigIgn:\t0001\nSigBlk:\t8000000100000000\nSigIgn:\t0000000001001000\nSigCgt:\tffffffffffffffff\nCapInh:\t0\n";

test.each([
  ["SigIgn", [13, 25]],
  ["SigBlk", [33, 64]],
  ["SigCgt", Array.from({ length: 64 }, (_, i) => i + 1)],
])("%s", (field, signals) => {
  expect(signalsIn(STATUS, field)).toEqual(signals);
});

test("of a process that is gone there are none", () => {
  expect(signalsIn("", "SigIgn")).toEqual([]);
});

test("those that Bun itself ignores are not the caller's", () => {
  expect(byCaller([1, 13, 25])).toEqual([1]);
});
