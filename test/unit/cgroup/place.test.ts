// Where linux.cgroupsPath leads.

import { expect, test } from "bun:test";
import { pathBelow } from "../../../src/cgroup/place.ts";
import { RunError } from "../../../src/errors.ts";

test.each([
  [undefined, "/minibox/id", false],
  ["/a/b", "/a/b", true],
  ["//a/./b/", "/a/b", true],
  ["a/b", "/minibox/a/b", false],
  ["./a", "/minibox/a", false],
])("%j is %s", (cgroupsPath, path, absolute) => {
  expect(pathBelow("id", cgroupsPath)).toEqual({ path, absolute });
});

test.each(["..", "/a/../b", "a/..", "/", "", "."])("%j is refused by the field", (cgroupsPath) => {
  let error: unknown;
  try {
    pathBelow("id", cgroupsPath);
  } catch (thrown) {
    error = thrown;
  }
  expect(error).toBeInstanceOf(RunError);
  expect((error as RunError).field).toBe("linux.cgroupsPath");
});
