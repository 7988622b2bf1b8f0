// Owns the very beginning of a container: its first process is spawned before anything else is even looked at, for its
// runtime takes some 4 ms to start, in which the parent has time to load the rest of itself and to prepare.

import { umask } from "../sys/access.ts";
import { geteuid } from "../sys/process.ts";
import { takeSignals } from "./signals.ts";
import { bury, type Child, hangUp, NEW_PID, spawnChild, spawnUserNamespace } from "./spawn.ts";

/** A container that is starting: its first process waits for the request, in a pid namespace of its own. */
export interface Starting {
  child: Child;
  signals: number;
}

let ownUmask = 0;

/** The caller's umask, for what is made in the caller's name. */
export const callerUmask = (): number => ownUmask;

/** What is made for a container, on the host or inside, has the modes of its own, whatever the caller's umask cuts. */
function setUmask(): void {
  ownUmask = umask(0o022);
}

/**
 * Takes the signals and spawns the child; `namespaces` are the spec's. @throws UserNamespaceNeeded, RunError, SysError
 */
export function begin(namespaces = NEW_PID): Starting {
  const signals = takeSignals();
  setUmask();
  return { child: spawnChild(namespaces), signals };
}

/** The same for a container with a user namespace; what makes that is the first child. @throws SysError */
export function beginUserNamespace(trace: boolean, namespaces = NEW_PID): Starting {
  const signals = takeSignals();
  setUmask();
  return { child: spawnUserNamespace(trace, namespaces), signals };
}

/** Flags of `run` that need another first process than begin() spawns, or none. */
const NOT_AT_ONCE = ["--trace", "--help", "-h", "--userns", "--uidmap", "--gidmap"];

/**
 * Begins a container if the words, from the command on, look like a run that will need one; they are not parsed yet.
 * Undefined where they do not, and after a failure: the run tries again by itself, and then the error is told.
 */
export function beginAtOnce(words: readonly string[]): Starting | undefined {
  if (words[0] !== "run" || words.length < 3) return undefined;
  for (const word of words) for (const other of NOT_AT_ONCE) if (word.startsWith(other)) return undefined;
  try {
    // an ordinary user has no other container
    return geteuid() === 0 ? begin() : beginUserNamespace(false);
  } catch {
    return undefined;
  }
}

/** A container that will not be run after all. */
export function abandon({ child }: Starting): void {
  hangUp(child);
  bury(child);
}
