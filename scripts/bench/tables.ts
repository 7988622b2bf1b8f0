// Owns presenting the results: medians, ratios, and tables in markdown.

import { FLOOR } from "./programs.ts";
import type { Measured, Waiting } from "./result.ts";

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

type Part = "run" | "loaded" | "burst";

/** Only programs with a filter are compared with each other, and those without; what starts no container, with all. */
const isComparable = (a: Measured, b: Measured): boolean =>
  a.filter === b.filter || a.name === FLOOR || b.name === FLOOR;

/**
 * Returns the median of a program's times divided by that of the first comparable program called `to`; undefined where one
 * of them was not measured.
 */
export function ratio(rows: readonly Measured[], row: Measured, to: string, of: Part): number | undefined {
  const base = rows.find((other) => other.name === to && isComparable(row, other))?.[of]?.times;
  const own = row[of]?.times;
  return base?.length && own?.length ? median(own) / median(base) : undefined;
}

/** The rows of a table of single runs. */
export const rowsOf = (all: readonly Measured[], filter: boolean): Measured[] =>
  all.filter((row) => row.filter === filter || row.name === FLOOR);

export function table(head: readonly string[], body: readonly (readonly string[])[]): string {
  const lines = [head, head.map((_, i) => (i === 0 ? "---" : "---:")), ...body];
  return lines
    .map((cells) => `| ${head.map((_, i) => (cells[i] ?? "").replaceAll("|", "\\|")).join(" | ")} |`)
    .join("\n");
}

const title = ({ name, version }: Measured): string => (version ? `${name} ${version}` : name);
const ms = (seconds: number): string => (seconds * 1000).toFixed(1);
const mib = (kib: number): string => (kib / 1024).toFixed(1);
const times = (value: number | undefined): string => (value === undefined ? "–" : value.toFixed(2));
const skipped = (row: Measured): string[] => [row.peer ?? row.name, `skipped: ${row.skipped}`];

/** A table of single runs, for the programs with a seccomp filter or for those without. */
export function runTable(
  head: string,
  all: readonly Measured[],
  filter: boolean,
  of: "run" | "loaded",
): string {
  const rows = rowsOf(all, filter);
  return table(
    [head, "median ms", "fastest ms", "CPU ms", "page faults", "× runc", "× crun", `× ${FLOOR}`, "failed"],
    rows.map((row) => {
      const timing = row[of];
      if (timing === undefined) return skipped(row);
      return [
        title(row),
        ms(median(timing.times)),
        ms(Math.min(...timing.times)),
        ms(median(timing.cpu)),
        median(timing.faults).toFixed(0),
        times(ratio(rows, row, "runc", of)),
        times(ratio(rows, row, "crun", of)),
        times(ratio(rows, row, FLOOR, of)),
        String(timing.failures),
      ];
    }),
  );
}

/** True where a row belongs in a table, even where the program was skipped. */
export type Takes = (row: Measured) => boolean;

export function burstTable(rows: readonly Measured[], takesPart: Takes, containers: number): string {
  return table(
    [
      `${containers} containers, 8 at a time`,
      "seconds",
      "per second",
      "CPU ms each",
      "× runc",
      "× crun",
      "failed",
    ],
    rows
      .filter(takesPart)
      .map((row) =>
        row.burst === undefined
          ? skipped(row)
          : [
              title(row),
              median(row.burst.times).toFixed(2),
              (containers / median(row.burst.times)).toFixed(0),
              ms(median(row.burst.cpu) / containers),
              times(ratio(rows, row, "runc", "burst")),
              times(ratio(rows, row, "crun", "burst")),
              String(row.burst.failures),
            ],
      ),
  );
}

export function waitingTable(rows: readonly Measured[], takesPart: Takes): string {
  const known = rows.flatMap(({ waiting }) => (typeof waiting === "object" ? [waiting] : []));
  const counts = [...new Set(known.flatMap((waiting) => Object.keys(waiting)))]
    .map(Number)
    .sort((a, b) => a - b);
  const most = counts.at(-1) ?? 0;
  return table(
    [
      "waiting beside `sleep`",
      "processes",
      ...counts.flatMap((count) => [`of ${count}: RSS MiB each`, "PSS MiB each"]),
      `all ${most} in ${known[0]?.[most]?.idle?.seconds ?? 0} s: CPU ms`,
      "wake-ups",
    ],
    rows.filter(takesPart).map((row) => {
      const { waiting } = row;
      if (waiting === undefined) return skipped(row);
      if (typeof waiting === "string") return [title(row), `failed: ${waiting}`];
      const { idle } = waiting[most]!;
      return [
        title(row),
        names(waiting[most]!),
        ...counts.flatMap((count) => cells(waiting[count]!)),
        ...(idle ? [ms(idle.cpu), String(idle.switches)] : []),
      ];
    }),
  );
}

const cells = ({ each }: Waiting): string[] => [
  mib(median(each.map(({ rss }) => rss))),
  mib(median(each.map(({ pss }) => pss))),
];

/** "bwrap + bwrap" */
const names = ({ processes }: Waiting): string => processes.join(" + ") || "none";
