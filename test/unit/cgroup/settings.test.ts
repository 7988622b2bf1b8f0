// What linux.resources becomes on either version, and what is refused by its field.

import { describe, expect, test } from "bun:test";
import { limitsIn, settingsV1, settingsV2 } from "../../../src/cgroup/settings.ts";
import { RunError } from "../../../src/errors.ts";
import type { Resources } from "../../../src/spec/types.ts";
import { literal } from "../../../src/sys/printable.ts";

/** File → value, in order. */
const files = (settings: ReturnType<typeof settingsV1>): [string, string][] =>
  settings.map(({ file, value }) => [file, value]);

function errorOf(work: () => unknown): RunError {
  try {
    work();
  } catch (error) {
    if (error instanceof RunError) return error;
  }
  throw new Error("it was not refused");
}

const MEMORY: [Resources["memory"], [string, string][], [string, string][]][] = [
  [
    { limit: 100 },
    [
      ["memory.limit_in_bytes", "100"],
      ["memory.memsw.limit_in_bytes", "200"],
    ],
    [
      ["memory.max", "100"],
      ["memory.swap.max", "100"],
    ],
  ],
  [
    { limit: 100, swap: 130 },
    [
      ["memory.limit_in_bytes", "100"],
      ["memory.memsw.limit_in_bytes", "130"],
    ],
    [
      ["memory.max", "100"],
      ["memory.swap.max", "30"],
    ],
  ],
  [
    { limit: 100, swap: -1 },
    [
      ["memory.limit_in_bytes", "100"],
      ["memory.memsw.limit_in_bytes", "-1"],
    ],
    [
      ["memory.max", "100"],
      ["memory.swap.max", "max"],
    ],
  ],
  [
    { limit: -1 },
    [["memory.limit_in_bytes", "-1"]],
    [
      ["memory.max", "max"],
      ["memory.swap.max", "max"],
    ],
  ],
  [{ reservation: 50 }, [["memory.soft_limit_in_bytes", "50"]], [["memory.low", "50"]]],
];

test.each(MEMORY)("memory %j", (memory, v1, v2) => {
  expect(files(settingsV1({ memory: memory! }))).toEqual(v1);
  expect(files(settingsV2({ memory: memory! }))).toEqual(v2);
});

test("CPU time: version 1 has a file for each number, version 2 one for both", () => {
  const both = { cpu: { quota: 50_000, period: 200_000 } };
  expect(files(settingsV1(both))).toEqual([
    ["cpu.cfs_period_us", "200000"],
    ["cpu.cfs_quota_us", "50000"],
  ]);
  expect(files(settingsV2(both))).toEqual([["cpu.max", "50000 200000"]]);
  expect(files(settingsV2({ cpu: { quota: 50_000 } }))).toEqual([["cpu.max", "50000 100000"]]);
  expect(files(settingsV2({ cpu: { period: 200_000 } }))).toEqual([["cpu.max", "max 200000"]]);
  expect(files(settingsV2({ cpu: { quota: -1 } }))).toEqual([["cpu.max", "max"]]);
});

test.each([
  [2, "1"],
  [1024, "39"],
  [262_144, "10000"],
  [0, "1"],
  [1_000_000, "10000"],
])("%d shares of version 1 are the weight %s of version 2", (shares, weight) => {
  expect(files(settingsV1({ cpu: { shares } }))).toEqual([["cpu.shares", String(shares)]]);
  expect(files(settingsV2({ cpu: { shares } }))).toEqual([["cpu.weight", weight]]);
});

test.each([
  [9, "9"],
  [0, "0"],
  [-1, "max"],
])("pids.limit %d is %s", (limit, value) => {
  expect(files(settingsV1({ pids: { limit } }))).toEqual([["pids.max", value]]);
  expect(files(settingsV2({ pids: { limit } }))).toEqual([["pids.max", value]]);
});

test("no limit needs no controller", () => {
  const none: Resources = { memory: { limit: -1, swap: -1 }, cpu: { quota: -1 }, pids: { limit: -1 } };
  for (const settings of [settingsV1(none), settingsV2(none)])
    expect(settings.every(({ optional }) => optional)).toBe(true);
  expect(limitsIn(none)).toEqual([]);
  expect(limitsIn({ memory: {}, cpu: {} })).toEqual([]);
});

describe("what is asked for is named", () => {
  test.each([
    [
      { pids: { limit: 1 }, memory: { limit: 1 } },
      ["linux.resources.memory.limit", "linux.resources.pids.limit"],
    ],
    [{ cpu: { cpus: "0" } }, ["linux.resources.cpu.cpus"]],
    [{ pids: { limit: 0 } }, ["linux.resources.pids.limit"]],
    [{ unified: { "memory.high": "1" } }, ['linux.resources.unified["memory.high"]']],
  ])("%j", (resources, fields) => expect(limitsIn(resources)).toEqual(fields));
});

describe("unified", () => {
  test("is written on version 2 as it is, after the other limits", () => {
    const settings = settingsV2({ pids: { limit: 5 }, unified: { "pids.max": "6", "hugetlb.2MB.max": "0" } });
    expect(files(settings)).toEqual([
      ["pids.max", "5"],
      ["pids.max", "6"],
      ["hugetlb.2MB.max", "0"],
    ]);
    expect(settings.map(({ controller }) => controller)).toEqual(["pids", "pids", "hugetlb"]);
  });

  test("is refused on version 1 by its name", () => {
    const error = errorOf(() => settingsV1({ unified: { "memory.high": "1" } }));
    expect(error.field).toBe('linux.resources.unified["memory.high"]');
    expect(error.message).toContain("cannot be enforced: it is a file of cgroup v2");
  });

  test.each(["../memory.max", "a/b.max", "memory", "", ".", "..", ".max", "memory.\n", "memory.max\0"])(
    "%j is no file of a cgroup",
    (name) => {
      const error = errorOf(() => settingsV2({ unified: { [name]: "1" } }));
      expect(error.field).toBe(`linux.resources.unified[${literal(name)}]`);
      expect(error.message).toEndWith(": it is no name of a cgroup's file");
    },
  );
});

test.each([{ swap: 10 }, { limit: -1, swap: 10 }, { limit: 20, swap: 10 }])(
  "a sum of memory and swap has no meaning on version 2 with %j",
  (memory) => expect(errorOf(() => settingsV2({ memory })).field).toBe("linux.resources.memory.swap"),
);
