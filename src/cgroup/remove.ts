// Owns the end of a cgroup: killing what lives in it, and removing its directories. Paths are enough for both, so that
// anyone can clean up after a minibox that was killed.

import { SIGNALS } from "../sys/constants.ts";
import { rmdir } from "../sys/directory.ts";
import { EBUSY } from "../sys/errno.ts";
import { pause } from "../sys/poll.ts";
import { kill } from "../sys/process.ts";
import { cgroupsBelow, processesBelow } from "./directory.ts";
import { tryFreeze, tryThaw } from "./freezer.ts";
import { unmark } from "./record.ts";
import type { CgroupRecord } from "./types.ts";

/** In milliseconds: after so long the processes that are left are listed again. */
const INTERVAL = 2;

/** How long the end of processes is waited for, in milliseconds. */
const PATIENCE = 2000;

/** Processes that are left after so many milliseconds fork faster than they are killed: they are stopped first. */
const FORKING = 20;

/** One attempt to kill all processes; `waited` is how long they are being killed by now, in milliseconds. */
type KillAll = (waited: number) => void;

/** Sends SIGKILL to every process of the cgroups and of those below them. */
function killProcesses(directories: readonly string[]): void {
  for (const directory of directories) for (const pid of processesBelow(directory)) kill(pid, SIGNALS.KILL);
}

/** Kills processes that may be frozen, or fork. On version 1 a signal reaches a frozen process only once it goes on. */
export function killStopped(
  version: 1 | 2,
  directories: readonly string[],
  freezer: string | undefined,
  waited: number,
): void {
  if (freezer !== undefined && waited >= FORKING) tryFreeze(version, freezer);
  killProcesses(directories);
  if (freezer !== undefined) tryThaw(version, freezer);
}

/**
 * Runs `killAll` until no process is left: one that was killed leaves its cgroup a moment later, and may have forked
 * meanwhile. False where some are left after `patience` milliseconds.
 */
export function killUntilEmpty(
  directories: readonly string[],
  killAll: KillAll,
  patience = PATIENCE,
): boolean {
  const isInhabited = (): boolean => directories.some((directory) => processesBelow(directory).length > 0);
  for (let waited = 0; isInhabited(); waited += INTERVAL) {
    if (waited > patience) return false;
    killAll(waited);
    pause(INTERVAL);
  }
  return true;
}

/**
 * Removes the directories with the cgroups below them, except those to be kept, and runs `killAll` while processes are
 * left in any of them. Returns those that could not be removed, or emptied, within `patience` milliseconds.
 */
export function removeCgroups(
  { directories, kept = [] }: CgroupRecord,
  killAll: KillAll,
  patience = PATIENCE,
): string[] {
  const inUse = (some: readonly string[]): string[] => {
    const found: string[] = [];
    for (const directory of some)
      if (kept.includes(directory) ? processesBelow(directory).length > 0 : rmdir(directory) === -EBUSY)
        found.push(directory);
    return found;
  };
  let left = inUse(directories);
  for (let waited = 0; left.length > 0 && waited < patience; waited += INTERVAL) {
    killAll(waited);
    pause(INTERVAL);
    for (const directory of left) removeBelow(directory);
    left = inUse(left);
  }
  for (const directory of kept) if (!left.includes(directory)) unmark(directory);
  return left;
}

/** The container may have made cgroups below its own. */
function removeBelow(directory: string): void {
  for (const below of cgroupsBelow(directory)) {
    removeBelow(below);
    rmdir(below);
  }
}
