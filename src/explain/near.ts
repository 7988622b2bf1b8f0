// Owns finding the name that was meant among those of a directory, which may have been filled by somebody hostile.

import { mostSlips, nearest } from "../errors.ts";
import { listDirectory } from "../sys/directory.ts";
import type { Budget } from "./budget.ts";

/** More names than any real directory of programs has: a hostile directory is not read to its end. */
const MOST_NAMES = 20_000;

/** Returns the names in an open directory. @throws SysError, BudgetSpent */
export const namesOf = (budget: Budget, fd: number): string[] =>
  listDirectory(fd, MOST_NAMES, (bytes) => budget.spend(bytes));

/** The nearest name may not fit, and the next one may. */
const MOST_TRIES = 3;

/** Returns the name nearest to a mistyped one among those that fit; undefined where none is near. @throws BudgetSpent */
export function nearestThat(
  budget: Budget,
  name: string,
  known: Iterable<string>,
  fits: (near: string) => boolean,
): string | undefined {
  const tolerance = Math.floor(mostSlips(name)) || 1;
  const names = new Set<string>();
  // a name whose length differs by more than the tolerance is not near
  for (const other of known) if (Math.abs(other.length - name.length) <= tolerance) names.add(other);
  names.delete(name);
  for (let tries = 0; tries < MOST_TRIES; tries++) {
    const near = nearest(name, budget.each(names));
    if (near === undefined || fits(near)) return near;
    names.delete(near);
  }
  return undefined;
}
