// Owns the start of a plain `run` before its command line is parsed: the words are only looked at. The first process of
// the container then starts up while the rest of the code is loaded.

import { begin, beginUserNamespace, type Starting } from "../container/begin.ts";
import { NEW_PID } from "../container/spawn.ts";
import { geteuid } from "../sys/process.ts";
import { commandAt } from "./command-at.ts";

/** Flags of `run` for which the process would have to be another one, or none is needed. */
const NOT_AT_ONCE = ["--trace", "--help", "-h", "--userns", "--uidmap", "--gidmap"];

/**
 * Begins a container where the words look like a plain `run`. Returns undefined where they do not, and after a failure:
 * `run` itself then begins again and reports the error.
 */
export function beginAtOnce(all: readonly string[]): Starting | undefined {
  const words = all.slice(commandAt(all));
  if (words[0] !== "run" || words.length < 3) return undefined;
  for (const word of words) for (const other of NOT_AT_ONCE) if (word.startsWith(other)) return undefined;
  try {
    // an ordinary user's containers all have a user namespace
    return geteuid() === 0 ? begin("supervisor", NEW_PID, true) : beginUserNamespace(false, "supervisor");
  } catch {
    return undefined;
  }
}
