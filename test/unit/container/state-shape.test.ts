import { describe, expect, test } from "bun:test";
import { readRecord } from "../../../src/cgroup/record.ts";
import { parseState } from "../../../src/container/state-shape.ts";

const V1 = {
  version: 1,
  directories: ["/sys/fs/cgroup/pids/minibox/a", "/sys/fs/cgroup/memory/minibox/a"],
  controllers: { pids: "/sys/fs/cgroup/pids/minibox/a", memory: "/sys/fs/cgroup/memory/minibox/a" },
  required: 2,
};
const V2 = {
  version: 2,
  directories: ["/sys/fs/cgroup/minibox/a"],
  mount: "/sys/fs/cgroup",
  top: "/sys/fs/cgroup",
  makesRoom: false,
};
const STATE = {
  id: "a",
  status: "running",
  owner: "supervisor",
  pid: 1234,
  startTime: 5678,
  created: 1,
  cgroup: V1,
  bundle: "/",
  spec: { ociVersion: "1.2.0", root: { path: "/r" }, process: { args: ["true"] }, linux: {} },
};

const parsed = (change: object): unknown => parseState(JSON.stringify({ ...STATE, ...change }), "a");

describe("a state", () => {
  test("that minibox wrote is read as it was written", () => {
    expect(parsed({})).toEqual(STATE);
    expect(parsed({ cgroup: undefined })).toEqual({ ...STATE, cgroup: undefined });
  });

  test("keeps nothing but what is known", () => {
    expect(parsed({ later: 1, cgroup: { ...V1, later: 1 } })).toEqual(STATE);
  });

  test.each([
    ["id", ["b", 1, null]],
    ["status", ["stopped", "paused", "", null, 0, ["running"], "__proto__"]],
    ["owner", ["", "root", null, 1]],
    ["pid", [-1, 0, 1, 1.5, 2 ** 22, "2", null, [2], {}]],
    ["startTime", [-1, 0.5, 2 ** 53, "1", null]],
    ["created", [-1, "x", null]],
    ["bundle", ["", "x", "/a\0b", null, 1]],
    ["cgroup", [null, 1, "x", [], {}, { ...V1, version: 3 }]],
    ["spec", [null, 1, [], {}, { ...STATE.spec, root: {} }, { ...STATE.spec, root: { path: "r" } }]],
    [
      "spec",
      [
        { ...STATE.spec, annotations: [] },
        { ...STATE.spec, annotations: { a: 1 } },
      ],
    ],
  ] as [string, unknown[]][])("with another %s than minibox writes is none", (field, values) => {
    for (const value of values) expect([value, parsed({ [field]: value })]).toEqual([value, undefined]);
  });

  test("is no text that is no JSON, or is nested too deeply", () => {
    for (const text of [
      "",
      "{",
      "null",
      "[]",
      "1",
      "[".repeat(1 << 20),
      `{"id":"a","x":${"[".repeat(1 << 20)}`,
    ])
      expect(parseState(text, "a")).toBeUndefined();
  });
});

describe("a cgroup's record", () => {
  test("is read as it was written", () => {
    for (const record of [V1, V2, { ...V1, kept: [] }, { ...V2, kept: V2.directories }])
      expect(readRecord(record) as unknown).toEqual(record);
  });

  const wrong = (record: object, changes: object[]): void => {
    for (const change of changes)
      expect([change, readRecord({ ...record, ...change })]).toEqual([change, undefined]);
  };

  test("whose paths lead upwards, or to nothing of its own, is none", () => {
    wrong(V1, [
      { directories: [] },
      { directories: "/sys" },
      { directories: ["/sys/../etc"] },
      { directories: ["sys"] },
      { directories: ["/sys//x"] },
      { directories: ["/sys/x/"] },
      { directories: ["/"] },
      { directories: Array(1000).fill("/sys/x") },
      { kept: ["/sys/fs/cgroup/pids/other"] },
      { controllers: { freezer: "/sys/fs/cgroup/freezer/other" } },
      { controllers: null },
      { required: 3 },
      { required: -1 },
    ]);
    wrong(V2, [
      { directories: ["/sys/fs/cgroup"] },
      { directories: ["/sys/fs/other"] },
      { directories: ["/sys/fs/cgroup/a", "/sys/fs/cgroup/b"] },
      { top: "/sys" },
      { top: "/sys/fs/cgroup/minibox/a" },
      { mount: "/sys/fs/cgroup/.." },
      { makesRoom: 1 },
    ]);
  });
});
