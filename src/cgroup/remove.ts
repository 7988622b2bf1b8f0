// Owns removing cgroups, from their paths alone: also those that a killed minibox left.

import { O, S_IFDIR, S_IFMT, SIGNALS } from "../sys/constants.ts";
import { EBUSY } from "../sys/errno.ts";
import { listDirectory, rmdir, tryOpen, tryReadFile, tryStat, withFd } from "../sys/file.ts";
import { kill, pause } from "../sys/process.ts";

/**
 * Removes the directories, ending what is left inside. A process that was just killed leaves its cgroup a moment
 * after its parent saw it end, so EBUSY is tried again, `patience` milliseconds each. Returns what could not be removed.
 */
export function removeCgroups(directories: readonly string[], patience = 2000): string[] {
  const left: string[] = [];
  for (const directory of directories) if (!removeOne(directory, patience)) left.push(directory);
  return left;
}

function removeOne(directory: string, patience: number): boolean {
  for (let waited = 0; waited < patience; waited += 2) {
    if (rmdir(directory) !== -EBUSY) return true;
    empty(directory);
    pause(2);
  }
  return false;
}

/** The processes of a cgroup, as the host counts; none where there is no such cgroup. */
export function processesIn(directory: string | undefined): number[] {
  const pids: number[] = [];
  if (directory === undefined) return pids;
  for (const pid of (tryReadFile(`${directory}/cgroup.procs`) ?? "").split("\n"))
    if (Number(pid) > 0) pids.push(Number(pid));
  return pids;
}

/** Ends what lives in a cgroup, and removes the cgroups that it may have made below its own. */
function empty(directory: string): void {
  for (const pid of processesIn(directory)) kill(pid, SIGNALS.KILL);
  const fd = tryOpen(directory, O.O_DIRECTORY);
  if (fd < 0) return;
  for (const name of withFd(fd, listDirectory)) {
    const below = `${directory}/${name}`;
    if (((tryStat(below, false)?.mode ?? 0) & S_IFMT) !== S_IFDIR) continue;
    empty(below);
    rmdir(below);
  }
}
