// Owns the values of flags: sizes, durations, numbers, names. Each function takes the name of the flag for its errors.

import { UsageError } from "../../errors.ts";

const SIZE_UNITS: Record<string, number> = { "": 1, b: 1, k: 2 ** 10, m: 2 ** 20, g: 2 ** 30, t: 2 ** 40 };
/** A double counts bytes exactly up to here. */
const LARGEST_TERABYTES = Math.floor(Number.MAX_SAFE_INTEGER / SIZE_UNITS.t!);

/** Bytes of "64m", "1.5g", "512" (docker's units, powers of 1024; "64MiB" and "64mb" too). @throws UsageError */
export function parseSize(flag: string, text: string): number {
  const match = /^(\d+(?:\.\d+)?)([bkmgt]?)(?:i?b)?$/i.exec(text);
  const unit = match ? SIZE_UNITS[match[2]!.toLowerCase()] : undefined;
  if (!match || unit === undefined)
    throw new UsageError(`${flag}: "${text}" is not a size (64m, 1.5g, 512k)`);
  const bytes = Math.floor(Number(match[1]) * unit);
  if (!Number.isSafeInteger(bytes))
    throw new UsageError(`${flag}: "${text}" is too large, at most ${LARGEST_TERABYTES}t`);
  return bytes;
}

const DURATION_UNITS: Record<string, number> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** A double counts milliseconds exactly up to this many days, some 285,000 years. */
const LONGEST_DAYS = Math.floor(Number.MAX_SAFE_INTEGER / DURATION_UNITS.d!);

/** Milliseconds of "5s", "1m30s", "250ms", "1.5h"; a plain number is seconds. @throws UsageError */
export function parseDuration(flag: string, text: string): number {
  let total = 0;
  if (/^\d+(\.\d+)?$/.test(text)) total = Number(text) * 1000;
  else if (/^(\d+(\.\d+)?(ms|s|m|h|d))+$/.test(text))
    for (const [, number, unit] of text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h|d)/g))
      total += Number(number) * DURATION_UNITS[unit!]!;
  else throw new UsageError(`${flag}: "${text}" is not a duration (5s, 1m30s, 250ms)`);
  if (total > LONGEST_DAYS * DURATION_UNITS.d!)
    throw new UsageError(`${flag}: "${text}" is too long, at most ${LONGEST_DAYS}d`);
  return Math.round(total);
}

/** A whole number of at most `most`, -1 where `unlimited` allows it. @throws UsageError */
export function parseCount(flag: string, text: string, most: number, unlimited = false): number {
  if (unlimited && text === "-1") return -1;
  if (!/^\d+$/.test(text)) throw new UsageError(`${flag}: "${text}" is not a whole number`);
  if (Number(text) > most) {
    const hint = unlimited ? `, and -1 is unlimited` : "";
    throw new UsageError(`${flag}: "${text}" is too large, at most ${most}${hint}`);
  }
  return Number(text);
}

/** A Linux kernel can be built for at most this many CPUs (NR_CPUS). */
const MOST_CPUS = 8192;

/** CPUs as a decimal number above 0 ("1.5"). @throws UsageError */
export function parseCpus(flag: string, text: string): number {
  if (!/^(\d+\.?\d*|\.\d+)$/.test(text) || Number(text) < 0.01)
    throw new UsageError(`${flag}: "${text}" is not a number of CPUs (0.5, 2), at least 0.01`);
  if (Number(text) > MOST_CPUS) throw new UsageError(`${flag}: "${text}" is too large, at most ${MOST_CPUS}`);
  return Number(text);
}

/** A list of CPUs such as "0-2,7", as cpuset(7) writes it. @throws UsageError */
export function parseCpuList(flag: string, text: string): string {
  if (!/^\d+(-\d+)?(,\d+(-\d+)?)*$/.test(text))
    throw new UsageError(`${flag}: "${text}" is not a list of CPUs (0-2,7)`);
  for (const range of text.split(",")) {
    const [first, last = first] = range.split("-").map(Number);
    if (first! > last!) throw new UsageError(`${flag}: "${text}": the range ${range} runs backwards`);
    if (last! >= MOST_CPUS)
      throw new UsageError(`${flag}: "${text}": CPU ${last} is too large, at most ${MOST_CPUS - 1}`);
  }
  return text;
}

/** A container's name, which is safe as the name of a file everywhere. @throws UsageError */
export function parseName(flag: string, text: string): string {
  if (!/^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,63}$/.test(text))
    throw new UsageError(
      `${flag}: "${text}" must be 1 to 64 letters, digits, "_", ".", "-", starting with a letter or digit`,
    );
  return text;
}

/** One of a few words. @throws UsageError */
export function parseChoice<T extends string>(flag: string, text: string, choices: readonly T[]): T {
  for (const choice of choices) if (choice === text) return choice;
  throw new UsageError(`${flag}: "${text}" is not one of ${choices.join(", ")}`);
}

/**
 * docker's --cgroup-parent to OCI's cgroupsPath of one container. With or without a "/" before it, the path starts where
 * the hierarchy is mounted. A directory "minibox" in between marks what minibox has made. @throws UsageError
 */
export function parseCgroupParent(flag: string, text: string, id: string): string {
  const names = text.split("/").filter((name) => name !== "" && name !== ".");
  if (names.includes("..")) throw new UsageError(`${flag}: "${text}" must not lead upwards (..)`);
  if (/[\n\0]/.test(text) || names.some((name) => name.length > 255))
    throw new UsageError(`${flag}: "${text}" is no path of a cgroup`);
  return `${["", ...names].join("/")}/minibox/${id}`;
}
