// Owns `bench --phases`: where one start's time, CPU and page faults go, by process and phase. A build of minibox with stamps
// (src/sys/phases.ts) runs in turns with the ordinary build and with two bare starts of Bun.

import { closeSync, openSync, readFileSync, rmSync } from "node:fs";
import type { Stamp } from "../../src/sys/phases.ts";
import { type FaultCounts, faultsByRange } from "./faults.ts";
import { launch, type Run } from "./launch.ts";
import { argsOf, type Plan, phasesOf, rootfsOf, twiceOf } from "./programs.ts";
import { median } from "./tables.ts";
import { shuffled } from "./turns.ts";

/** The stamps of both processes of one run, and the run as a whole. */
export interface StampedRun extends Run {
  supervisor: Stamp[];
  child: Stamp[];
}

export type Who = "supervisor" | "first process";

/** A phase of one run, or the medians of many. Times are in nanoseconds, `begin` since the run's start. */
export interface Phase {
  who: Who;
  phase: string;
  begin: number;
  wall: number;
  /** undefined where nobody could look: after execve, and at the process's own end */
  cpu: number | undefined;
  faults: number | undefined;
}

/** What a program used as a whole, in medians. Times are in nanoseconds. */
export interface Total {
  wall: number;
  cpu: number;
  faults: number;
}

export interface Phases {
  runs: number;
  phases: Phase[];
  /** what no stamp saw: the ends of both processes, the keeper, and the command */
  rest: Pick<Total, "cpu" | "faults">;
  /** of the build with stamps, of the ordinary build, and of two bare starts of Bun */
  stamped: Total;
  minibox: Total;
  twice: Total;
  /** page faults by range of addresses; or why they were not counted */
  faults: { minibox: FaultCounts; twice: FaultCounts } | string;
}

const WARMUP = 3;

/** The phases of one process: each lasts from its stamp to the next one, the last until `end`. */
function phasesOfProcess(
  who: Who,
  stamps: readonly Stamp[],
  begin: number,
  end: number,
  zero: number,
): Phase[] {
  // a process's CPU time and page faults count from its fork
  const all: Stamp[] = [["exec to first line", begin, 0, 0], ...stamps];
  return all.map(([phase, time, cpu, faults], i) => {
    const next = all[i + 1];
    return {
      who,
      phase,
      begin: time - zero,
      wall: (next?.[1] ?? end) - time,
      cpu: next && next[2] - cpu,
      faults: next && next[3] - faults,
    };
  });
}

const timeOf = (stamps: readonly Stamp[], phase: string): number => {
  const found = stamps.find(([name]) => name === phase);
  if (!found) throw new Error(`no stamp "${phase}": was the run a plain one?`);
  return found[1];
};

/** The phases of a run. The first process exists from the supervisor's return from spawning it. */
export function phasesOfRun({ start, end, supervisor, child }: StampedRun): Phase[] {
  const spawned = timeOf(supervisor, "modules");
  const executed = timeOf(supervisor, "wait for the command");
  return [
    ...phasesOfProcess("supervisor", supervisor, start, end, start),
    ...phasesOfProcess("first process", child, spawned, executed, start),
  ];
}

const medianOf = (values: readonly (number | undefined)[]): number | undefined => {
  const known = values.filter((value) => value !== undefined);
  return known.length > 0 ? median(known) : undefined;
};

/** The medians of each phase over all runs, in the order in which the phases begin. */
export function summary(runs: readonly (readonly Phase[])[]): Phase[] {
  return runs[0]!
    .map(({ who, phase }) => {
      const same = runs.map((run) => run.find((it) => it.who === who && it.phase === phase)!);
      return {
        who,
        phase,
        begin: median(same.map(({ begin }) => begin)),
        wall: median(same.map(({ wall }) => wall)),
        cpu: medianOf(same.map(({ cpu }) => cpu)),
        faults: medianOf(same.map(({ faults }) => faults)),
      };
    })
    .sort((a, b) => a.begin - b.begin);
}

const total = (runs: readonly Run[]): Total => ({
  wall: median(runs.map(({ start, end }) => end - start)),
  cpu: median(runs.map(({ cpu }) => cpu)),
  faults: median(runs.map(({ faults }) => faults)),
});

/** What the stamps saw of a run, which both processes' last stamps say. */
const seen = ({ supervisor, child }: StampedRun, column: 2 | 3): number =>
  supervisor.at(-1)![column] + child.at(-1)![column];

/** Runs the three programs in turns. @throws Error where a run fails */
export function measurePhases(plan: Plan): Phases {
  const stampsFile = `${plan.work}/stamps.json`;
  const words = ["run", rootfsOf(plan), ...argsOf("true")];
  const programs = {
    stamped: [phasesOf(plan), ...words],
    minibox: [plan.minibox, ...words],
    twice: [twiceOf(plan), `${rootfsOf(plan)}/bin/true`],
  };
  const runs: Record<keyof typeof programs, Run[]> = { stamped: [], minibox: [], twice: [] };
  const stampedRuns: StampedRun[] = [];
  const quiet = openSync("/dev/null", "r+");
  for (let turn = -WARMUP; turn < plan.runs; turn++)
    for (const name of shuffled(["stamped", "minibox", "twice"] as const)) {
      rmSync(stampsFile, { force: true });
      const run = launch(programs[name], { ...process.env, MINIBOX_PHASES: stampsFile }, quiet, 2);
      if (run.status !== 0) throw new Error(`${programs[name].join(" ")} ended with exit code ${run.status}`);
      if (turn < 0) continue;
      runs[name].push(run);
      if (name === "stamped") stampedRuns.push({ ...run, ...JSON.parse(readFileSync(stampsFile, "utf8")) });
    }
  closeSync(quiet);
  return {
    runs: plan.runs,
    phases: summary(stampedRuns.map(phasesOfRun)),
    rest: {
      cpu: median(stampedRuns.map((run) => run.cpu - seen(run, 2))),
      faults: median(stampedRuns.map((run) => run.faults - seen(run, 3))),
    },
    stamped: total(runs.stamped),
    minibox: total(runs.minibox),
    twice: total(runs.twice),
    faults: faultsByRange(plan, programs.minibox, programs.twice),
  };
}
