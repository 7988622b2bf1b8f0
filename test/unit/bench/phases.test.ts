// The benchmark's arithmetic of phases: from the stamps of two processes to intervals on one clock, medians, and overlaps.

import { describe, expect, test } from "bun:test";
import { meanwhile, ownWork } from "../../../scripts/bench/phase-tables.ts";
import { type Phase, phasesOfRun, type StampedRun, summary } from "../../../scripts/bench/phases.ts";

const run: StampedRun = {
  start: 1000,
  end: 2000,
  cpu: 900,
  faults: 90,
  status: 0,
  supervisor: [
    ["spawn", 1100, 80, 8],
    ["modules", 1200, 150, 10],
    ["wait for the command", 1800, 200, 30],
    ["exit", 1900, 210, 31],
  ],
  child: [
    ["namespaces", 1500, 250, 20],
    ["execve", 1700, 400, 25],
  ],
};
const phases = phasesOfRun(run);
const find = (who: Phase["who"], phase: string): Phase =>
  phases.find((it) => it.who === who && it.phase === phase)!;

describe("a run", () => {
  test("begins before the supervisor's first stamp", () => {
    expect(find("supervisor", "exec to first line")).toMatchObject({
      begin: 0,
      wall: 100,
      cpu: 80,
      faults: 8,
    });
  });

  test("has a phase from each stamp to the next", () => {
    expect(find("supervisor", "modules")).toMatchObject({ begin: 200, wall: 600, cpu: 50, faults: 20 });
    expect(find("first process", "namespaces")).toMatchObject({ begin: 500, wall: 200, cpu: 150, faults: 5 });
  });

  test("has a first process from the supervisor's return from spawning it", () => {
    const first = find("first process", "exec to first line");
    expect(first).toMatchObject({ begin: 200, wall: 300, cpu: 250, faults: 20 });
  });

  test("ends where nobody can look any more", () => {
    const nobody = { cpu: undefined, faults: undefined };
    expect(find("first process", "execve")).toMatchObject({ begin: 700, wall: 100, ...nobody });
    expect(find("supervisor", "exit")).toMatchObject({ begin: 900, wall: 100, ...nobody });
  });

  test("lies without a gap between its ends, in each process", () => {
    for (const [who, from, to] of [
      ["supervisor", 0, 1000],
      ["first process", 200, 800],
    ] as const) {
      const own = phases.filter((phase) => phase.who === who);
      expect(own[0]!.begin).toBe(from);
      for (const [i, { begin, wall }] of own.entries()) expect(begin + wall).toBe(own[i + 1]?.begin ?? to);
    }
  });

  test("that was no plain one has no phases", () => {
    expect(() => phasesOfRun({ ...run, supervisor: [] })).toThrow('no stamp "modules"');
  });
});

test("many runs have the medians of each phase, in the order of their begins", () => {
  const late = {
    ...run,
    child: run.child.map(([name, time, ...rest]) => [name, time + 10, ...rest]),
  } as StampedRun;
  const latest = {
    ...run,
    child: run.child.map(([name, time, ...rest]) => [name, time + 90, ...rest]),
  } as StampedRun;
  const medians = summary([run, latest, late].map(phasesOfRun));
  expect(medians.find(({ phase }) => phase === "namespaces")).toMatchObject({
    begin: 510,
    wall: 200,
    cpu: 150,
  });
  expect(medians.find(({ phase }) => phase === "execve")).toMatchObject({ wall: 90, cpu: undefined });
  const begins = medians.map(({ begin }) => begin);
  expect(begins).toEqual(begins.toSorted((a, b) => a - b));
});

test("what the other process does meanwhile leaves out a moment", () => {
  const of = (who: Phase["who"], phase: string, begin: number, wall: number): Phase => {
    return { who, phase, begin: begin * 1e6, wall: wall * 1e6, cpu: undefined, faults: undefined };
  };
  const wait = of("supervisor", "wait", 2, 3);
  const all = [
    wait,
    of("first process", "before", 0, 2.05),
    of("first process", "mounts", 2.05, 1),
    of("first process", "masks", 3.05, 5),
    of("supervisor", "undo", 5, 1),
  ];
  expect(meanwhile(wait, all)).toBe("mounts, masks");
});

test("own work is what lies above the floor, as a part of the floor", () => {
  const own = ownWork({ wall: 15, cpu: 30, faults: 2000 }, { wall: 10, cpu: 10, faults: 1000 });
  expect(own).toEqual({ wall: 0.5, cpu: 2, faults: 1 });
});
