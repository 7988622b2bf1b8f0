// Owns the names of a group of constants for who must find one by its name or show it. It runs while minibox is built: import
// it `with { type: "macro" }`, and the names stand where the call was. So a start builds none of these tables, and needs no
// group whose members are only read, for the bundler writes their numbers in their place.

import * as constants from "./constants.ts";

/** What an enum becomes at run time: its names and, for the way back, its numbers. */
type Group = Record<string, number | string>;

/**
 * The names in a group of constants.ts, with their numbers. Numbers that differ between machines are those of the machine
 * that builds.
 */
export function namesOf(group: string): Record<string, number> {
  const names: Record<string, number> = {};
  for (const [name, value] of Object.entries((constants as unknown as Record<string, Group>)[group]!))
    if (typeof value === "number") names[name] = value;
  return names;
}
