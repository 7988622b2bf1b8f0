// 64-bit fields and struct timespec are written as the kernel reads them.

import { describe, expect, test } from "bun:test";
import { putLong } from "../../../src/sys/bytes.ts";
import { timespec } from "../../../src/sys/poll.ts";

const longs = (bytes: Uint8Array): bigint[] => [...new BigUint64Array(bytes.buffer)];

test.each([0, 1, 4294967295, 4294967296, 0x7ffe_1234_5678, Number.MAX_SAFE_INTEGER, -1, -100, -(2 ** 40)])(
  "putLong writes %p as the machine has it",
  (value) => {
    const words = new Uint32Array(new ArrayBuffer(16));
    putLong(words, 2, value);
    expect(longs(new Uint8Array(words.buffer))).toEqual([0n, BigInt.asUintN(64, BigInt(value))]);
  },
);

describe("struct timespec", () => {
  test.each([
    [0, [0n, 0n]],
    [-5, [0n, 0n]],
    [0.5, [0n, 500_000n]],
    [100, [0n, 100_000_000n]],
    [999.75, [0n, 999_750_000n]],
    [1000, [1n, 0n]],
    [86_400_000.25, [86_400n, 250_000n]],
    [2 ** 33 * 1000 + 1, [2n ** 33n, 1_000_000n]],
  ] as [number, bigint[]][])("of %p milliseconds", (milliseconds, expected) => {
    expect(longs(timespec(milliseconds))).toEqual(expected);
  });
});
