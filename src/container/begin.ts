// Owns the very beginning of a container: its first process is spawned before the command line is even parsed. The
// process's runtime takes some 4 ms to start, and meanwhile the parent loads the rest of its code and prepares.

import { umask } from "../sys/access.ts";
import { takeSignals } from "./signals.ts";
import {
  type Child,
  closeSocket,
  NEW_PID,
  type Owner,
  reap,
  type Spawning,
  spawnChild,
  spawnUserNamespace,
} from "./spawn.ts";
import { Stdio } from "./stdio.ts";

/** A container that is starting: its first process waits for the request, in a pid namespace of its own. */
export class Starting {
  private known: Child | undefined;

  constructor(
    private spawning: Spawning | undefined,
    /** the signalfd(2) from which this process reads its signals */
    readonly signals: number,
  ) {}

  /** The first process. The first time, this waits until it was executed. @throws SysError */
  get child(): Child {
    const { spawning } = this;
    this.spawning = undefined;
    if (spawning) this.known = spawning();
    if (!this.known) throw new Error("the first process was not executed");
    return this.known;
  }
}

let ownUmask = 0;

/** Returns the caller's umask. */
export const callerUmask = (): number => ownUmask;

/**
 * Sets a fixed umask, so that the caller's does not change the modes of what is made on the host and in the container.
 */
function setUmask(): void {
  ownUmask = umask(0o022);
}

/**
 * Takes the signals and spawns the child; `namespaces` are the spec's. With `early` it does not wait until the child was
 * executed: this process has other work to do meanwhile. @throws UserNamespaceNeeded, RunError, SysError
 */
export function begin(owner: Owner, namespaces = NEW_PID, early = false): Starting {
  const signals = takeSignals();
  setUmask();
  const spawning = spawnChild(owner, namespaces);
  if (early) return new Starting(spawning, signals);
  const child = spawning();
  return new Starting(() => child, signals);
}

/** Takes the signals and spawns the process that makes a user namespace, for a container with one. @throws SysError */
export function beginUserNamespace(trace: boolean, owner: Owner, namespaces = NEW_PID): Starting {
  const signals = takeSignals();
  setUmask();
  const child = spawnUserNamespace(trace, owner, namespaces);
  return new Starting(() => child, signals);
}

/** Ends the first process of a container that will not be made. */
export function abandon(starting: Starting): void {
  try {
    const { child } = starting;
    closeSocket(child);
    reap(child);
  } catch {
    // it was not executed, so there is nothing to end; whatever the container is not made for is the error to report
  }
}

/** Decides on and opens the command's 0, 1 and 2 (stdio.ts). @throws RunError, SysError */
export function openStdio(starting: Starting, terminal: readonly number[], relays: boolean): Stdio {
  try {
    return new Stdio(terminal, relays);
  } catch (error) {
    abandon(starting);
    throw error;
  }
}
