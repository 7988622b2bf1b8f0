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

  test("is none where more than a third is wrong", () => {
    for (const word of ["xyz", "q", "", "completely-else"]) expect(nearest(word, KNOWN)).toBeUndefined();
  });

  test("is the first of equally near ones, and none of nothing", () => {
    expect(nearest("bat", ["cat", "hat"])).toBe("cat");
    expect(nearest("bat", [])).toBeUndefined();
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
