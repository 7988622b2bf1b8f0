// Owns presenting the results: medians, ratios, and tables in markdown.

import type { Measured, Waiting } from "./measure.ts";

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/**
 * Returns the median of a program's samples divided by that of the program `to`, both with a filter or both without;
 * undefined where one of them was not measured.
 */
export function ratio(
  rows: readonly Measured[],
  row: Measured,
  to: string,
  of: "run" | "burst",
): number | undefined {
  const base = rows.find(({ name, filter }) => name === to && filter === row.filter)?.[of]?.times;
  const own = row[of]?.times;
  return base?.length && own?.length ? median(own) / median(base) : undefined;
}

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
const skipped = (row: Measured): string[] => [row.name, `skipped: ${row.skipped}`];

/** The table of one run, for the programs with a seccomp filter or for those without. */
export function runTable(head: string, all: readonly Measured[], filter: boolean): string {
  const rows = all.filter((row) => row.filter === filter);
  return table(
    [head, "median ms", "fastest ms", "× runc", "× crun", "runs", "failed"],
    rows.map((row) =>
      row.run === undefined
        ? skipped(row)
        : [
            title(row),
            ms(median(row.run.times)),
            ms(Math.min(...row.run.times)),
            times(ratio(rows, row, "runc", "run")),
            times(ratio(rows, row, "crun", "run")),
            String(row.run.times.length),
            String(row.run.failures),
          ],
    ),
  );
}

/** True where a row belongs in a table, even where the program was skipped. */
export type Takes = (row: Measured) => boolean;

export function burstTable(rows: readonly Measured[], takesPart: Takes, containers: number): string {
  return table(
    [`${containers} containers, 8 at a time`, "seconds", "per second", "× runc", "× crun", "failed"],
    rows
      .filter(takesPart)
      .map((row) =>
        row.burst === undefined
          ? skipped(row)
          : [
              title(row),
              median(row.burst.times).toFixed(2),
              (containers / median(row.burst.times)).toFixed(0),
              times(ratio(rows, row, "runc", "burst")),
              times(ratio(rows, row, "crun", "burst")),
              String(row.burst.failures),
            ],
      ),
  );
}

export function memoryTable(rows: readonly Measured[], takesPart: Takes): string {
  return table(
    ["waiting beside `sleep`", "processes", "RSS MiB", "PSS MiB", "of 10: RSS each", "of 10: PSS each"],
    rows
      .filter(takesPart)
      .map((row) =>
        row.memory === undefined
          ? skipped(row)
          : [title(row), names(row.memory[1]!), ...cells(row.memory[1]!), ...cells(row.memory[10]!)],
      ),
  );
}

const cells = ({ each }: Waiting): string[] => [
  mib(median(each.map(({ rss }) => rss))),
  mib(median(each.map(({ pss }) => pss))),
];

/** "bwrap + bwrap" */
const names = ({ processes }: Waiting): string => processes.join(" + ") || "none";
