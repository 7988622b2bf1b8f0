// Tests src/json.ts: whole numbers up to 2^64-1 survive, and everything else is as JSON has it.

import { describe, expect, test } from "bun:test";
import { parse, parseOwn, stringify } from "../../src/json.ts";

const MOST = 2n ** 64n - 1n;

describe("stringify", () => {
  test("writes a bigint as plain digits, at any depth", () => {
    expect(stringify({ soft: MOST, list: [1n, { hard: -(2n ** 63n) }] })).toBe(
      ' {"soft":18446744073709551615,"list":[1,{"hard":-9223372036854775808}]}',
    );
    expect(stringify(MOST)).toBe(" 18446744073709551615");
  });

  test("writes all else as JSON.stringify does", () => {
    const value = { a: "18446744073709551615", b: [1.5, null, true, undefined], c: undefined, d: "\ud800\n" };
    expect(stringify(value)).toBe(JSON.stringify(value));
    expect(stringify({ ...value, e: 7n })).toBe(` ${JSON.stringify({ ...value, e: 7 })}`);
  });

  test("refuses a cycle, with and without a bigint", () => {
    const cycle: Record<string, unknown> = { a: 1 };
    cycle.self = cycle;
    expect(() => stringify(cycle)).toThrow(TypeError);
    expect(() => stringify({ n: 1n, cycle })).toThrow(TypeError);
  });
});

test("parseOwn reads back what stringify has written", () => {
  for (const value of [{ soft: MOST, n: 1 }, { n: 1.5, text: "18446744073709551615" }, [], "x"])
    expect(parseOwn(stringify(value))).toEqual(value);
});

describe("parse", () => {
  test.each([
    ["9007199254740991", Number.MAX_SAFE_INTEGER],
    ["9007199254740992", 9007199254740992n],
    ["9007199254740993", 9007199254740993n],
    ["18446744073709551615", MOST],
    ["18446744073709551616", MOST + 1n],
    ["-9007199254740993", -9007199254740993n],
    ["-9223372036854775808", -(2n ** 63n)],
    ["1e20", 1e20],
    ["1234567890123456.5", 1234567890123456.5],
    ["0.12345678901234567", Number("0.12345678901234567")],
    ["12345678901234567e2", Number("12345678901234567e2")],
    ['"18446744073709551615"', "18446744073709551615"],
    ["1024", 1024],
  ])("%s", (text, value) => {
    expect(parse(text)).toBe(value);
    expect(parse(` { "a": [ ${text} ] } `)).toEqual({ a: [value] });
  });

  test("keeps a key named __proto__ a plain key", () => {
    const value = parse('{"__proto__": {"soft": 18446744073709551615}}') as object;
    expect(Object.getPrototypeOf(value)).toBe(Object.prototype);
    expect(Object.keys(value)).toEqual(["__proto__"]);
  });

  test("of equal keys the last counts, with its own digits", () => {
    expect(parse('{"a": 9007199254740993, "a": 18446744073709551615}')).toEqual({ a: MOST });
    expect(parse('{"a": 18446744073709551615, "a": 3}')).toEqual({ a: 3 });
    expect(parse('{"a": [9007199254740993], "a": [18446744073709551615, 2]}')).toEqual({ a: [MOST, 2] });
  });

  test("throws SyntaxError for what is no JSON", () => {
    for (const text of ["", "{", "01", "[1,]", "18446744073709551615x"])
      expect(() => parse(text)).toThrow(SyntaxError);
  });
});

test("what is written is read again, all around the powers of two", () => {
  for (let bits = 0n; bits <= 64n; bits++)
    for (const difference of [-1n, 0n, 1n]) {
      const value = 2n ** bits + difference;
      const read = parse(stringify({ value })) as { value: number | bigint };
      expect(BigInt(read.value)).toBe(value);
      expect(typeof read.value).toBe(value > BigInt(Number.MAX_SAFE_INTEGER) ? "bigint" : "number");
    }
});
