// Tests src/spec/from-bundle.ts: the text of a config.json to an object.

import { describe, expect, test } from "bun:test";
import { SpecError } from "../../../src/errors.ts";
import { stringify } from "../../../src/json.ts";
import { defaultSpec } from "../../../src/spec/default.ts";
import { specFromBundle } from "../../../src/spec/from-bundle.ts";

const spec = defaultSpec("rootfs", ["true"]);
const read = (text: string) => specFromBundle(text, "/b");

test("the relative source of a bind starts at the bundle, an absolute one stays", () => {
  const sourceOf = (source: string) =>
    read(stringify({ ...spec, mounts: [{ destination: "/x", type: "bind", source }] })).mounts;
  expect(sourceOf("a/b")).toEqual([{ destination: "/x", type: "bind", source: "/b/a/b" }]);
  expect(sourceOf("/a/b")).toEqual([{ destination: "/x", type: "bind", source: "/a/b" }]);
  expect(read(stringify(spec))).toEqual(spec);
});

test("a byte order mark is skipped, and the last of equal keys counts", () => {
  const text = stringify(spec).replace('"hostname":', '"hostname":"first","hostname":');
  expect(read(`\ufeff${text}`).hostname).toBe("container");
});

test("64 bits are exact", () => {
  const rlimits = [{ type: "RLIMIT_NOFILE", soft: 9007199254740993n, hard: 2n ** 64n - 1n }];
  expect(read(stringify({ ...spec, process: { ...spec.process, rlimits } })).process.rlimits).toEqual(
    rlimits,
  );
});

describe("an error names file and field:", () => {
  test.each([
    ["", "/b/config.json: is not JSON: Unexpected EOF"],
    ["{", "/b/config.json: is not JSON: "],
    ["[]", "/b/config.json: must be an object, not an array"],
    ["\ufeff\ufeff{}", "/b/config.json: is not JSON: "],
    [stringify({ ...spec, hostname: 5 }), "/b/config.json: hostname: must be a string, not 5"],
    [
      stringify({ ...spec, mounts: [{ destination: "/x", type: "bind" }] }),
      "/b/config.json: mounts[0].source: is required for a bind",
    ],
  ])("%j", (text, message) => {
    expect(() => read(text)).toThrow(SpecError);
    expect(() => read(text)).toThrow(message);
  });
});
