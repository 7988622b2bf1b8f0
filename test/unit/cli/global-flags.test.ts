// Where the command is, behind the options that stand before it.

import { describe, expect, test } from "bun:test";
import { commandAt, TAKE_A_VALUE } from "../../../src/cli/command-at.ts";
import { GLOBAL_FLAGS } from "../../../src/cli/global-flags.ts";

describe("the command is", () => {
  test.each([
    ["run x y", "run"],
    ["--root /r run x y", "run"],
    ["--root=/r run x y", "run"],
    ["--root run run x y", "run"],
    ["--debug --root /a --log /l --log-format json --root /b --systemd-cgroup run --debug", "run"],
    ["--root --debug run", "run"], // --debug is the value
    ["--debug=false run", "run"],
    ["--unknown run", "run"],
    ["-h run", "run"],
    ["child 7", "child"],
    ["- run", "-"],
    ["-- run", "--"],
    ["", undefined],
    ["--debug", undefined],
    ["--root", undefined],
    ["--root /r", undefined],
  ])("in '%s' %p", (line, command) => {
    const words = line.split(" ").filter(Boolean);
    expect(words[commandAt(words)]).toBe(command);
  });

  test("the first word that is neither an option nor the value of one", () => {
    expect(commandAt(["--root", "run", "run"])).toBe(2);
    expect(commandAt(["--root"])).toBe(1);
    expect(commandAt(["--log", "", "run"])).toBe(2);
  });
});

test("the options with a value are those of the table", () => {
  const flags = Object.entries(GLOBAL_FLAGS).filter(([, { type }]) => type === "string");
  expect(flags.map(([name]) => `--${name}`)).toEqual([...TAKE_A_VALUE]);
});
