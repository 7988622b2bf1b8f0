// A mistyped word is answered with the known word that is spelled most like it, and only where one is near.

import { describe, expect, test } from "bun:test";
import { nearest, RunError, SpecError } from "../../src/errors.ts";

describe("the nearest known word", () => {
  const KNOWN = ["memory", "memory-swap", "mount", "env", "env-file", "user", "volume"];

  test.each([
    ["memry", "memory"],
    ["memroy", "memory"], // two letters swapped are one mistake
    ["mounts", "mount"],
    ["volum", "volume"],
    ["memory-sawp", "memory-swap"],
    ["envfile", "env-file"],
    ["user", "user"],
    ["evn", "env"],
  ])("to %s is %s", (word, expected) => {
    expect(nearest(word, KNOWN)).toBe(expected);
  });

  test("is none where the word is too far from all", () => {
    for (const word of ["xyz", "q", "", "completely-else", "net"])
      expect(nearest(word, KNOWN)).toBeUndefined();
  });

  test("is the first of equally near ones, and none of nothing", () => {
    expect(nearest("bottle", ["battle", "bettle"])).toBe("battle");
    expect(nearest("bottle", [])).toBeUndefined();
  });

  test.each([
    ["vim", ["mim", "rim"]],
    ["git", ["gid", "gix"]],
    ["node", ["code", "nose"]],
    ["w", ["[", "v", "ls"]],
    ["ls", ["ln", "lsx", "as"]],
    ["make", ["wake"]],
  ] as [string, string[]][])("%s is a name of its own, not one of %p", (word, known) => {
    expect(nearest(word, known)).toBeUndefined();
  });

  test.each([
    ["vim", ["mim", "vi"], "vi"],
    ["lss", ["lls", "nss", "ls"], "ls"],
    ["touc", ["touch"], "touch"],
    ["pyhton3", ["python3"], "python3"],
    ["env2", ["env"], "env"],
  ] as [string, string[], string][])("%s among %p is meant for %s", (word, known, meant) => {
    expect(nearest(word, known)).toBe(meant);
  });

  test("two letters in each other's place are the likeliest slip", () => {
    expect(nearest("sl", ["nl", "ls", "sh"])).toBe("ls");
  });
});

test("errors of the person's keep what they are told", () => {
  expect(new SpecError("mounts[2].destination", "must be absolute").message).toBe(
    "mounts[2].destination: must be absolute",
  );
  expect(new RunError("no").status).toBe(125);
  expect(new RunError("no", 127, "look").hint).toBe("look");
});
