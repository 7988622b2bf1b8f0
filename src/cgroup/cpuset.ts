// Owns the kernel's lists of CPUs and memory nodes ("0-2,7"), and what of a list can be had.

import { RunError } from "../errors.ts";
import { tryReadFile } from "../sys/file.ts";

/** The numbers of a list (cpuset(7), "List format"). Pure. */
export function parseList(list: string): Set<number> {
  const numbers = new Set<number>();
  for (const part of list.trim().split(",")) {
    const [first, last = first] = part.split("-");
    if (first) for (let n = Number(first); n <= Number(last); n++) numbers.add(n);
  }
  return numbers;
}

/**
 * The kernel takes any list and falls back to what the cgroup above has: `effective` is the file that says what came of
 * it. @throws RunError where that is less than was asked for
 */
export function checkCpuset(flag: string, asked: string, effective: string): void {
  const text = tryReadFile(effective)?.trim();
  if (text === undefined) return;
  const there = parseList(text);
  if ([...parseList(asked)].every((n) => there.has(n))) return;
  const above = effective.slice(0, effective.lastIndexOf("/", effective.lastIndexOf("/") - 1));
  const name = effective.slice(effective.lastIndexOf("/") + 1);
  const allowed = tryReadFile(`${above}/${name}`)?.trim() ?? text;
  throw new RunError(
    `${flag} ${asked} cannot be enforced: the cgroup ${above} has only ${allowed} (${name})`,
  );
}
