// Owns the numbers' way to the reader: medians, ratios, markdown.

import type { Measured, Waiting } from "./measure.ts";

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** The median of one program's pooled samples against another's; undefined where either was not measured. */
export function ratio(
  rows: readonly Measured[],
  row: Measured,
  to: string,
  of: "run" | "burst",
): number | undefined {
  const base = rows.find(({ name }) => name === to)?.[of]?.times;
  const own = row[of]?.times;
  return base?.length && own?.length ? median(own) / median(base) : undefined;
}

function table(head: readonly string[], body: readonly (readonly string[])[]): string {
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

export function runTable(rows: readonly Measured[]): string {
  return table(
    ["`/bin/true` in a container", "median ms", "fastest ms", "× runc", "× crun", "runs", "failed"],
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

/** @param takesPart the programs that belong into this table, so that one of them is missed in it when skipped */
export function burstTable(
  rows: readonly Measured[],
  takesPart: readonly string[],
  containers: number,
): string {
  return table(
    [`${containers} containers, 8 at a time`, "seconds", "per second", "× runc", "× crun", "failed"],
    rows
      .filter(({ name }) => takesPart.includes(name))
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

export function memoryTable(rows: readonly Measured[], takesPart: readonly string[]): string {
  return table(
    ["waiting beside `sleep`", "processes", "RSS MiB", "PSS MiB", "of 10: RSS each", "of 10: PSS each"],
    rows
      .filter(({ name }) => takesPart.includes(name))
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
