// Sizes, durations, numbers and names of flags are read exactly, or refused.

import { describe, expect, test } from "bun:test";
import { UsageError } from "../../../../src/errors.ts";
import {
  parseCgroupParent,
  parseChoice,
  parseCount,
  parseCpuList,
  parseCpus,
  parseDuration,
  parseName,
  parseSize,
} from "../../../../src/spec/from-flags/values.ts";

/** Every word is refused, with the flag and the word in the message. */
function refuses(parse: (flag: string, text: string) => unknown, words: string[]): void {
  for (const word of words) {
    expect(() => parse("--flag", word), word).toThrow(UsageError);
    expect(() => parse("--flag", word), word).toThrow(`--flag: "${word}"`);
  }
}

describe("sizes", () => {
  test.each([
    ["0", 0],
    ["512", 512],
    ["512b", 512],
    ["1k", 1024],
    ["64m", 64 * 2 ** 20],
    ["64M", 64 * 2 ** 20],
    ["64mb", 64 * 2 ** 20],
    ["64MiB", 64 * 2 ** 20],
    ["1.5g", 1.5 * 2 ** 30],
    ["0.3k", 307],
    ["2t", 2 ** 41],
  ])("%s is %d bytes", (text, bytes) => expect(parseSize("--flag", text)).toBe(bytes));

  test("that are none are refused", () =>
    refuses(parseSize, [
      "",
      "m",
      "-1",
      "1x",
      "1 m",
      " 1",
      "1e3",
      "0x10",
      ".5m",
      "1.m",
      "١",
      "1m\n",
      "9999999t",
    ]));

  test("go to the last byte that is counted exactly", () => {
    expect(parseSize("--flag", "8191t")).toBe(8191 * 2 ** 40);
    for (const word of ["8192t", "9".repeat(30), "9".repeat(400)])
      expect(() => parseSize("--flag", word)).toThrow(
        new UsageError(`--flag: "${word}" is too large, at most 8191t`),
      );
  });
});

describe("durations", () => {
  test.each([
    ["5", 5000],
    ["0.25", 250],
    ["5s", 5000],
    ["250ms", 250],
    ["1m30s", 90_000],
    ["1.5h", 5_400_000],
    ["1d", 86_400_000],
    ["0s", 0],
  ])("%s is %d ms", (text, milliseconds) => expect(parseDuration("--flag", text)).toBe(milliseconds));

  test("that are none are refused", () =>
    refuses(parseDuration, ["", "s", "-1s", "5 s", "5sec", "1h30", "1e3s", "5S"]));

  test("may be longer than anybody waits, but not without end", () => {
    expect(parseDuration("--flag", "104249991d")).toBe(104_249_991 * 86_400_000);
    for (const word of [
      "104249992d",
      "104249991d1ms",
      "9".repeat(26),
      "9".repeat(400),
      `${"9".repeat(400)}h`,
    ])
      expect(() => parseDuration("--flag", word)).toThrow(
        new UsageError(`--flag: "${word}" is too long, at most 104249991d`),
      );
  });
});

describe("numbers", () => {
  test("are whole, and -1 only where it means unlimited", () => {
    const count = (flag: string, text: string): number => parseCount(flag, text, 100);
    expect(count("--flag", "20")).toBe(20);
    expect(count("--flag", "100")).toBe(100);
    expect(parseCount("--flag", "-1", 100, true)).toBe(-1);
    refuses(count, ["", "-1", "1.5", "1e3", "abc", "101", "9".repeat(400)]);
    expect(() => parseCount("--flag", "101", 100, true)).toThrow("at most 100, and -1 is unlimited");
  });

  test("of CPUs are decimal and above zero", () => {
    expect(parseCpus("--flag", "0.5")).toBe(0.5);
    expect(parseCpus("--flag", ".5")).toBe(0.5);
    expect(parseCpus("--flag", "2")).toBe(2);
    expect(parseCpus("--flag", "8192")).toBe(8192);
    refuses(parseCpus, ["", "0", "0.001", "-1", "1e3", "two", ".", "8193", "9".repeat(400)]);
  });

  test("of particular CPUs are lists of numbers and ranges", () => {
    for (const list of ["0", "0-2", "0-2,7", "1,3,5", "8191"])
      expect(parseCpuList("--flag", list)).toBe(list);
    refuses(parseCpuList, ["", "a", "0-", "-1", "0,,1", "0-1-2", "0 ,1", "2-1"]);
    refuses(parseCpuList, ["8192", "0-99999999999", "0,9-8192", "9".repeat(400)]);
  });
});

test("names are safe as file names", () => {
  for (const name of ["a", "web-1", "A_b.c", "0", "x".repeat(64)])
    expect(parseName("--flag", name)).toBe(name);
  refuses(parseName, ["", ".", "..", "-a", ".a", "a/b", "a b", "é", "a\n", "x".repeat(65)]);
});

test("a cgroup's parent is a path from where the hierarchy is mounted, and leads nowhere else", () => {
  for (const path of ["/a/b", "a/b", "/a//b/", "./a/./b"])
    expect(parseCgroupParent("--flag", path, "id")).toBe("/a/b/minibox/id");
  expect(parseCgroupParent("--flag", "/", "id")).toBe("/minibox/id");
  for (const path of ["..", "/a/../b", "a/..", "a\nb", "x".repeat(256)])
    expect(() => parseCgroupParent("--flag", path, "id")).toThrow(UsageError);
});

test("a choice is one of the words, exactly", () => {
  expect(parseChoice("--flag", "host", ["none", "host"])).toBe("host");
  expect(() => parseChoice("--flag", "Host", ["none", "host"])).toThrow(
    new UsageError('--flag: "Host" is not one of none, host'),
  );
});
