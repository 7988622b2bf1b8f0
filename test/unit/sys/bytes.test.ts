// Bytes that are no UTF-8 survive as text, and NUL-separated words are split.

import { describe, expect, test } from "bun:test";
import { cstring, decode, encode, splitNul } from "../../../src/sys/bytes.ts";

const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);

describe("bytes that are no UTF-8", () => {
  test.each([
    ["a lone continuation", bytes(0x80)],
    ["a Latin-1 letter", bytes(0x63, 0x61, 0x66, 0xe9)],
    ["0xff among text", bytes(0x61, 0xff, 0x62)],
    ["an overlong slash", bytes(0xc0, 0xaf)],
    ["a UTF-16 surrogate written as UTF-8", bytes(0xed, 0xb2, 0x80)],
    ["a sequence cut short", bytes(0xe2, 0x82)],
    ["above U+10FFFF", bytes(0xf4, 0x90, 0x80, 0x80)],
    ["a byte order mark", bytes(0xef, 0xbb, 0xbf, 0x61)],
  ])("%s comes out as it went in", (_, value) => {
    expect(encode(decode(value))).toEqual(value);
    expect(encode(JSON.parse(JSON.stringify(decode(value))) as string)).toEqual(value);
  });

  test("all come out as they went in, in 2,000 random strings", () => {
    let seed = 1;
    const random = (below: number): number => {
      seed = (seed * 48271) % 2147483647;
      return seed % below;
    };
    for (let round = 0; round < 2000; round++) {
      const value = Uint8Array.from({ length: random(12) }, () =>
        random(2) ? 0x78 + random(0x88) : random(256),
      );
      expect(encode(decode(value))).toEqual(value);
    }
  });
});

test("text is plain UTF-8", () => {
  for (const text of ["", "plain", "é€😀", "\ufeffx", "\ufffd"]) {
    expect(encode(text)).toEqual(new TextEncoder().encode(text));
    expect(decode(encode(text))).toBe(text);
  }
});

test("a C string ends in one zero", () => {
  expect(cstring("ab")).toEqual(bytes(0x61, 0x62, 0));
  expect(cstring("")).toEqual(bytes(0));
  expect(cstring("\udcff")).toEqual(bytes(0xff, 0));
});

test("words end at zeros, and empty ones stay", () => {
  expect(splitNul(new TextEncoder().encode("a\0\0b c\0"))).toEqual(["a", "", "b c"]);
  expect(splitNul(new TextEncoder().encode("\0"))).toEqual([""]);
  expect(splitNul(new TextEncoder().encode("a\0b"))).toEqual(["a", "b"]);
  expect(splitNul(bytes())).toEqual([]);
  expect(splitNul(bytes(0xff, 0))).toEqual(["\udcff"]);
});
