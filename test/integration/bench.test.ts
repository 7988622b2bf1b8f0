// The benchmark of a start's phases, on the machine as it is: every phase is there, and the figures hang together.

import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { Result } from "../../scripts/bench/result.ts";
import { SLOWNESS } from "../support/container.ts";
import { execute, skipReason } from "../support/minibox.ts";

setDefaultTimeout(120_000 * SLOWNESS);
const scratch = mkdtempSync("/tmp/minibox-test-");
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

const SUPERVISOR = [
  "exec to first line",
  "first modules",
  "spawn",
  "modules",
  "flags and spec",
  "state and cgroup",
  "request",
  "wait for execve",
  "wait for the command",
  "undo",
  "exit",
];
const FIRST_PROCESS = [
  "exec to first line",
  "first modules",
  "wait for the request",
  "namespaces",
  "root file system",
  "cgroup",
  "mounts",
  "masks",
  "change of root",
  "identity",
  "seccomp filter",
  "execve",
];

const skip = skipReason("busybox", "unshare");

describe.skipIf(skip !== "")("bench --phases", () => {
  let printed: string;
  let phases: NonNullable<Result["phases"]>;

  beforeAll(async () => {
    const file = join(scratch, "result.json");
    const words = [process.execPath, "scripts/bench/bench.ts", "--phases", "--runs", "3", "--json", file];
    const { status, stdout, stderr } = await execute(words);
    expect([status, stderr]).toEqual([0, expect.stringContaining("nothing left behind")]);
    printed = stdout;
    phases = (JSON.parse(readFileSync(file, "utf8")) as Result).phases!;
  });

  test("has every phase of both processes, in order", () => {
    const of = (who: string): string[] =>
      phases.phases.filter((phase) => phase.who === who).map(({ phase }) => phase);
    expect(of("supervisor")).toEqual(SUPERVISOR);
    expect(of("first process")).toEqual(FIRST_PROCESS);
    for (const phase of [...SUPERVISOR, ...FIRST_PROCESS]) expect(printed).toContain(`| ${phase} |`);
  });

  test("accounts for all CPU time and page faults", () => {
    const sum = (of: "cpu" | "faults"): number =>
      phases.phases.reduce((total, phase) => total + (phase[of] ?? 0), phases.rest[of]);
    // sums of medians are not the medians of sums
    expect(sum("cpu") / phases.stamped.cpu).toBeWithin(0.8, 1.25);
    expect(sum("faults") / phases.stamped.faults).toBeWithin(0.9, 1.1);
    expect(phases.minibox.faults).toBeGreaterThan(phases.twice.faults);
  });

  test("counts page faults by address, or says why not", () => {
    if (typeof phases.faults === "string") expect(printed).toContain(`skipped: ${phases.faults}`);
    else expect(phases.faults.minibox.supervisor!.all).toBeGreaterThan(100);
  });
});
