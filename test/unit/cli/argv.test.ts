// The words of a command line are separated into flags, with their values, and the words that follow them.

import { describe, expect, test } from "bun:test";
import { type Flags, type Parsed, parseFlags } from "../../../src/cli/argv.ts";
import { runFlags } from "../../../src/cli/run-flags.ts";
import { UsageError } from "../../../src/errors.ts";

const parse = (...words: string[]): Parsed => parseFlags(words, runFlags());
const given = (...words: string[]): Record<string, string[]> => Object.fromEntries(parse(...words).given);

describe("flags end", () => {
  test("at the first word that is none, and the rest keeps every word", () => {
    const { given, rest } = parse("--hostname", "h", "R", "sh", "-c", "echo", "--help", "--", "-x", "");
    expect([...given]).toEqual([["hostname", ["h"]]]);
    expect(rest).toEqual(["R", "sh", "-c", "echo", "--help", "--", "-x", ""]);
  });

  test("at --, which is not part of the rest", () => {
    expect(parse("--init", "--", "-R", "--", "x").rest).toEqual(["-R", "--", "x"]);
  });

  test("at a lone dash and at an empty word", () => {
    expect(parse("-", "--init").rest).toEqual(["-", "--init"]);
    expect(parse("", "--init").rest).toEqual(["", "--init"]);
  });

  test("with the words", () => {
    expect(parse()).toEqual({ given: new Map(), rest: [] });
    expect(parse("--init").rest).toEqual([]);
  });
});

describe("a flag's value", () => {
  test("is the next word or follows =, and may hold = and dashes", () => {
    expect(given("--name", "a")).toEqual({ name: ["a"] });
    expect(given("--name=a")).toEqual({ name: ["a"] });
    expect(given("--env=A=b=c", "--env", "--x")).toEqual({ env: ["A=b=c", "--x"] });
    expect(given("--name=")).toEqual({ name: [""] });
    expect(given("--name", "")).toEqual({ name: [""] });
  });

  test("is attached to a letter, follows it, or follows =", () => {
    for (const words of [["-m64m"], ["-m=64m"], ["-m", "64m"]])
      expect(given(...words)).toEqual({ memory: ["64m"] });
    expect(given("-eA==b")).toEqual({ env: ["A==b"] });
  });

  test("is every one in order where many are allowed, else the last", () => {
    expect(given("-e", "A=1", "--env=B=2", "-eC=3")).toEqual({ env: ["A=1", "B=2", "C=3"] });
    expect(given("--name", "a", "--name", "b")).toEqual({ name: ["b"] });
  });

  test("is missed with the flag as it was written", () => {
    expect(() => parse("--name")).toThrow(new UsageError("--name needs a value"));
    expect(() => parse("-itm")).toThrow(new UsageError("-m needs a value"));
  });
});

describe("switches", () => {
  test("bundle in one word, also before a letter with a value", () => {
    expect(given("-it")).toEqual({ interactive: ["true"], tty: ["true"] });
    expect(given("-itu", "1")).toEqual({ interactive: ["true"], tty: ["true"], user: ["1"] });
    expect(given("-itu1")).toEqual({ interactive: ["true"], tty: ["true"], user: ["1"] });
  });

  test("take true and false after =, nothing else", () => {
    expect(given("--init=true", "--overlay=false")).toEqual({ init: ["true"], overlay: ["false"] });
    expect(() => parse("--init=yes")).toThrow(new UsageError('--init is a switch: true or false, not "yes"'));
    expect(parse("--init", "false").rest).toEqual(["false"]);
  });
});

describe("an unknown flag", () => {
  test.each([
    ["--hostnme", "--hostnme"],
    ["--memroy=1m", "--memroy"],
    ["-Z", "-Z"],
    ["-iZ", "-Z"],
    ["---", "---"],
  ])("%s is refused", (word, named) => {
    expect(() => parse(word)).toThrow(new UsageError(`unknown flag ${named}`));
  });

  test("of a name that every object has is unknown too", () => {
    for (const name of ["constructor", "toString", "__proto__", "hasOwnProperty"])
      expect(() => parse(`--${name}`)).toThrow(UsageError);
  });
});

test("the table gives each letter to one flag, and every flag a description", () => {
  const flags: Flags = runFlags();
  const letters = Object.values(flags).flatMap(({ alias }) => alias ?? []);
  expect(new Set(letters).size).toBe(letters.length);
  for (const [name, flag] of Object.entries(flags)) {
    expect(flag.description).not.toBe("");
    expect([name, flag.type === "string"]).toEqual([name, flag.valueHint !== undefined]);
  }
});

test("twenty thousand words after the rootfs are kept, in order", () => {
  const words = Array.from({ length: 20_000 }, (_, i) => `--word-${i}`);
  expect(parse("R", ...words).rest).toEqual(["R", ...words]);
});
