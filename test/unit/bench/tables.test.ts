// The benchmark's tables: medians, what is compared with what, and rows of programs that were not measured.

import { expect, test } from "bun:test";
import { parseOptions, UsageError } from "../../../scripts/bench/options.ts";
import type { Measured, Timing } from "../../../scripts/bench/result.ts";
import { median, ratio, rowsOf, runTable, waitingTable } from "../../../scripts/bench/tables.ts";
import { shuffled } from "../../../scripts/bench/turns.ts";

const timing = (...times: number[]): Timing => {
  return { times, cpu: times.map((time) => time / 2), faults: times.map(() => 700), failures: 0 };
};
const rows: Measured[] = [
  { name: "minibox", filter: true, version: "0.1.0", run: timing(0.02, 0.04, 0.03) },
  { name: "crun", filter: true, version: "1.8", run: timing(0.06) },
  { name: "crun", filter: true, version: "1.9", peer: "/opt/crun", run: timing(0.01) },
  { name: "crun", filter: true, peer: "/opt/broken", skipped: "not installed" },
  { name: "minibox", filter: false, run: timing(0.02) },
  { name: "Bun twice", filter: false, version: "1.4.5", run: timing(0.01) },
];

test("the median of an even number of values lies between the two in the middle", () => {
  expect(median([4, 1, 3, 2])).toBe(2.5);
  expect(median([3, 1, 2])).toBe(2);
});

test("a ratio is to the installed version, among programs with a filter or among those without", () => {
  expect(ratio(rows, rows[0]!, "crun", "run")).toBeCloseTo(0.5);
  expect(ratio(rows, rows[2]!, "crun", "run")).toBeCloseTo(1 / 6);
  expect(ratio(rows, rows[4]!, "crun", "run")).toBeUndefined();
  expect(ratio(rows, rows[0]!, "runc", "run")).toBeUndefined();
});

test("the floor stands in both tables, and everything is compared with it", () => {
  for (const filter of [true, false])
    expect(rowsOf(rows, filter).map(({ name }) => name)).toContain("Bun twice");
  expect(ratio(rows, rows[0]!, "Bun twice", "run")).toBeCloseTo(3);
  expect(ratio(rowsOf(rows, true), rows[5]!, "crun", "run")).toBeCloseTo(1 / 6);
});

test("a table has a row for each program, also for one that was not measured", () => {
  const [, , ...lines] = runTable("head", rows, true, "run").split("\n");
  expect(lines[0]).toBe("| minibox 0.1.0 | 30.0 | 20.0 | 15.0 | 700 | – | 0.50 | 3.00 | 0 |");
  expect(lines[2]).toMatch(/^\| crun 1\.9 \| 10\.0 /);
  expect(lines[3]).toMatch(/^\| \/opt\/broken \| skipped: not installed \|/);
  expect(lines[4]).toMatch(/^\| Bun twice 1\.4\.5 \|.* 1\.00 \| 0 \|$/);
  expect(lines.length).toBe(5);
});

test("what waits has columns for each number of containers, and for its idle work", () => {
  const each = [
    { rss: 2048, pss: 1024 },
    { rss: 4096, pss: 2048 },
  ];
  const waiting = {
    1: { processes: ["minibox"], each: each.slice(0, 1) },
    2: { processes: ["minibox", "keeper"], each, idle: { seconds: 3, cpu: 0.25, switches: 7 } },
  };
  const [head, , line] = waitingTable([{ ...rows[0]!, waiting }], () => true).split("\n");
  expect(head).toContain("all 2 in 3 s: CPU ms | wake-ups");
  expect(line).toBe("| minibox 0.1.0 | minibox + keeper | 2.0 | 1.0 | 3.0 | 1.5 | 250.0 | 7 |");
});

test("what could not be watched says why", () => {
  const rows: Measured[] = [
    { name: "crun", filter: true, waiting: "100 containers that sleep do not start" },
  ];
  expect(waitingTable(rows, () => true)).toContain(
    "| crun | failed: 100 containers that sleep do not start |",
  );
});

test("an order has everything once", () => {
  const list = [1, 2, 3, 4, 5];
  for (let i = 0; i < 20; i++) expect(shuffled(list).sort()).toEqual(list);
  expect(new Set(Array.from({ length: 50 }, () => shuffled(list).join())).size).toBeGreaterThan(1);
});

test("further versions of a peer come from the command line", () => {
  const options = parseOptions(["--peer", "crun=/a=b", "--peer", "runc=/c"])!;
  expect(options.peers).toEqual([
    { name: "crun", path: "/a=b" },
    { name: "runc", path: "/c" },
  ]);
  for (const wrong of ["podman=/a", "crun", "crun="])
    expect(() => parseOptions(["--peer", wrong])).toThrow(UsageError);
});
