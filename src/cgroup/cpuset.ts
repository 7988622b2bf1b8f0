// Owns the kernel's lists of CPUs and memory nodes ("0-2,7"), and whether a cgroup has got all that it asked for.

import { RunError } from "../errors.ts";
import { tryReadFile } from "../sys/file.ts";
import { parentOf } from "./directory.ts";

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
 * The kernel takes any list, and where it has nothing of that list falls back to what the cgroup above has. `effective`
 * is the file that tells the result. @throws RunError where that is less than was asked for
 */
export function checkCpuset(field: string, asked: string, effective: string): void {
  const text = tryReadFile(effective)?.trim();
  if (text === undefined) return;
  const there = parseList(text);
  if ([...parseList(asked)].every((n) => there.has(n))) return;
  const name = effective.slice(effective.lastIndexOf("/") + 1);
  const above = parentOf(parentOf(effective));
  const allowed = tryReadFile(`${above}/${name}`)?.trim() ?? text;
  throw new RunError(
    `${asked} cannot be enforced: the cgroup ${above} has only ${allowed} (${name})`,
    125,
    undefined,
    field,
  );
}
