// Owns the very beginning of a container: its first process is spawned before anything else is even looked at, for its
// runtime takes some 4 ms to start, in which the parent has time to load the rest of itself and to prepare.

import { takeSignals } from "./signals.ts";
import { bury, type Child, hangUp, spawnChild } from "./spawn.ts";

/** A container that is starting: its first process waits for the request, in a pid namespace of its own. */
export interface Starting {
  child: Child;
  signals: number;
}

/** Takes the signals and spawns the child. @throws SysError */
export function begin(): Starting {
  const signals = takeSignals();
  return { child: spawnChild(), signals };
}

/** A container that will not be run after all. */
export function abandon({ child }: Starting): void {
  hangUp(child);
  bury(child);
}
