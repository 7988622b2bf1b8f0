// Owns counting page faults by process and by what lies at the address: perf(1) records each one.

import { readFileSync, rmSync } from "node:fs";
import { Executable, type Section } from "../elf/executable.ts";
import type { Plan } from "./programs.ts";
import { median } from "./tables.ts";

/** process → what lies at the address → number of page faults */
export type FaultCounts = Record<string, Record<string, number>>;

/** Runs of each program under perf. */
const RUNS = 3;

export const RANGES = [
  "text",
  "read-only data",
  "data",
  "embedded bundle",
  "heap and other anonymous memory",
  "libraries",
  "stack",
] as const;
export type Range = (typeof RANGES)[number];

/** the sum of the ranges, and how many of them are helper threads' */
export const ALL = "all";
export const IN_THREADS = "of these in helper threads";

const PAGE = 4096;
/** what `perf script` prints of an event */
const FIELDS = "comm,pid,tid,event,addr";

const RANGE_OF_SECTION: Record<string, Range> = {
  ".text": "text",
  ".init": "text",
  ".fini": "text",
  ".plt": "text",
  ".bun": "embedded bundle",
  ".rodata": "read-only data",
  ".bun_builtins": "read-only data",
};

interface Mapping {
  start: number;
  end: number;
  name: string;
}

/** The executable's own addresses, which no other mapping of its process has (scripts/elf/executable.ts). */
function rangeInExecutable(sections: readonly Section[], address: number): Range | undefined {
  const loaded = sections.filter((section) => section.address > 0);
  const first = Math.min(...loaded.map((section) => section.address));
  const end = Math.max(...loaded.map((section) => section.address + section.size));
  if (address < Math.floor(first / PAGE) * PAGE || address >= end) return undefined;
  const section = loaded.find((it) => address >= it.address && address < it.address + it.size);
  const known = RANGE_OF_SECTION[section?.name ?? ""];
  if (known) return known;
  const text = loaded.find(({ name }) => name === ".text");
  return text && address < text.address ? "read-only data" : "data";
}

function rangeElsewhere(mappings: readonly Mapping[], address: number): Range {
  // the latest mapping at an address hides those before
  const name = mappings.findLast(({ start, end }) => address >= start && address < end)?.name ?? "";
  if (name === "[stack]") return "stack";
  return /^\/(?!\/)|^\[/.test(name) ? "libraries" : "heap and other anonymous memory";
}

const EVENT = /^\s*(\S.*?)\s+(\d+)\/(\d+)\s+(?:PERF_RECORD_MMAP2? \S+: (.*)|page-faults:\s+([0-9a-f]+)\s*)$/;
const MAPPED = /^\[0x([0-9a-f]+)\(0x([0-9a-f]+)\).*: \S+ (.*)$/;

/**
 * Counts the page faults in what `perf script` has printed about a run, in which the executable with these sections starts
 * itself again, and the second process executes the command of this name.
 */
export function countFaults(text: string, sections: readonly Section[], command: string): FaultCounts {
  const counts: FaultCounts = {};
  const mappings: Record<string, Mapping[]> = {};
  let supervisor: string | undefined;
  for (const line of text.split("\n")) {
    const [, name, pid = "", tid, mapped, hex] = EVENT.exec(line) ?? [];
    if (mapped !== undefined) {
      const [, start = "", size = "", file = ""] = MAPPED.exec(mapped) ?? [];
      // the stack is a new program's first mapping
      if (file === "[stack]") mappings[pid] = [];
      const from = Number.parseInt(start, 16);
      mappings[pid] ??= [];
      mappings[pid].push({ start: from, end: from + Number.parseInt(size, 16), name: file });
    }
    if (hex === undefined) continue;
    supervisor ??= pid;
    const address = Number.parseInt(hex, 16);
    const own = name === command ? undefined : rangeInExecutable(sections, address);
    const who = name === command ? "command" : pid === supervisor ? "supervisor" : "first process";
    const keys = [
      own ?? rangeElsewhere(mappings[pid] ?? [], address),
      ALL,
      ...(tid === pid ? [] : [IN_THREADS]),
    ];
    counts[who] ??= {};
    for (const key of keys) counts[who][key] = (counts[who][key] ?? 0) + 1;
  }
  return counts;
}

/** The medians of counts; a range that a run does not have counts as 0. */
export function medianCounts(runs: readonly FaultCounts[]): FaultCounts {
  const result: FaultCounts = {};
  for (const who of new Set(runs.flatMap((run) => Object.keys(run)))) {
    result[who] = {};
    for (const range of [...RANGES, ALL, IN_THREADS])
      result[who][range] = median(runs.map((run) => run[who]?.[range] ?? 0));
  }
  return result;
}

/** Records one run. @throws Error with perf's words where it fails */
function record(plan: Plan, command: readonly string[], sections: readonly Section[]): FaultCounts {
  const file = `${plan.work}/perf.data`;
  const perf = (...words: string[]): string => {
    const { exitCode, stdout, stderr } = Bun.spawnSync(["perf", ...words], {
      stdin: "ignore",
      stderr: "pipe",
    });
    if (exitCode !== 0)
      throw new Error(stderr.toString().trim().split("\n").at(-1) ?? `exit code ${exitCode}`);
    return stdout.toString();
  };
  try {
    perf("record", "-q", "-e", "page-faults", "-c", "1", "-d", "-o", file, "--", ...command);
    return countFaults(perf("script", "-i", file, "--show-mmap-events", "-F", FIELDS), sections, "true");
  } finally {
    rmSync(file, { force: true });
  }
}

/** Counts the faults of both programs; returns the reason where perf cannot. */
export function faultsByRange(
  plan: Plan,
  minibox: readonly string[],
  twice: readonly string[],
): { minibox: FaultCounts; twice: FaultCounts } | string {
  if (Bun.which("perf") === null) return "perf is not installed";
  try {
    const [a, b] = [minibox, twice].map((command) => {
      const sections = new Executable(readFileSync(command[0]!)).sections();
      return medianCounts(Array.from({ length: RUNS }, () => record(plan, command, sections)));
    });
    return { minibox: a!, twice: b! };
  } catch (error) {
    return `perf: ${(error as Error).message}`;
  }
}
