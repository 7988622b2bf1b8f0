// Owns presenting `bench --phases`.

import { ALL, type FaultCounts, IN_THREADS, RANGES } from "./faults.ts";
import type { Phase, Phases, Total } from "./phases.ts";
import { table } from "./tables.ts";

const ms = (nanoseconds: number | undefined): string =>
  nanoseconds === undefined ? "–" : (nanoseconds / 1e6).toFixed(2);
const count = (value: number | undefined): string => (value === undefined ? "–" : value.toFixed(0));

/** In nanoseconds: a shorter overlap is not worth a word. */
const OVERLAP = 100_000;

/** What the other process does during a phase. */
export function meanwhile({ who, begin, wall }: Phase, all: readonly Phase[]): string {
  const end = begin + wall;
  return all
    .filter((other) => other.who !== who)
    .filter((other) => Math.min(end, other.begin + other.wall) - Math.max(begin, other.begin) > OVERLAP)
    .map(({ phase }) => phase)
    .join(", ");
}

/** What is more than two bare starts of Bun, as a part of these: 0.5 is half of them. */
export const ownWork = (minibox: Total, twice: Total): Total => ({
  wall: (minibox.wall - twice.wall) / twice.wall,
  cpu: (minibox.cpu - twice.cpu) / twice.cpu,
  faults: (minibox.faults - twice.faults) / twice.faults,
});

function phaseTable({ phases, rest, stamped }: Phases): string {
  return table(
    ["phase", "process", "begins at ms", "wall ms", "CPU ms", "page faults", "the other process meanwhile"],
    [
      ...phases.map((phase) => [
        phase.phase,
        phase.who,
        ms(phase.begin),
        ms(phase.wall),
        ms(phase.cpu),
        count(phase.faults),
        meanwhile(phase, phases),
      ]),
      ["execve, the command, keeper, both ends", "all", "", "", ms(rest.cpu), count(rest.faults)],
      ["**all of it**", "all", ms(0), ms(stamped.wall), ms(stamped.cpu), count(stamped.faults)],
    ],
  );
}

function ownTable({ minibox, twice, stamped }: Phases): string {
  const row = (name: string, { wall, cpu, faults }: Total): string[] => [
    name,
    ms(wall),
    ms(cpu),
    count(faults),
  ];
  const own = ownWork(minibox, twice);
  return table(
    ["in the same turns", "wall ms", "CPU ms", "page faults"],
    [
      row("minibox", minibox),
      row("the same with stamps", stamped),
      row("Bun twice", twice),
      [
        "own work: (minibox − Bun twice) / Bun twice",
        ...[own.wall, own.cpu, own.faults].map((part) => part.toFixed(2)),
      ],
    ],
  );
}

function faultTable(faults: Phases["faults"]): string {
  const head = "page faults by address";
  if (typeof faults === "string") return table([head, ""], [[`skipped: ${faults}`]]);
  const columns = (name: string, counts: FaultCounts): [string, Record<string, number>][] =>
    ["supervisor", "first process", "command"].map((who) => [`${name}: ${who}`, counts[who] ?? {}]);
  const all = [...columns("minibox", faults.minibox), ...columns("Bun twice", faults.twice)];
  return table(
    [head, ...all.map(([name]) => name)],
    [...RANGES, ALL, IN_THREADS].map((range) => [
      range,
      ...all.map(([, counts]) => count(counts[range] ?? 0)),
    ]),
  );
}

const NOTE =
  'The first process is born in the supervisor\'s phase "spawn", and its CPU time and page faults count from there;\n' +
  "its first phase begins where the supervisor goes on.";

export const phaseTables = (phases: Phases): string =>
  [phaseTable(phases), NOTE, ownTable(phases), faultTable(phases.faults)].join("\n\n");
