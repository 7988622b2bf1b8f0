// Owns removing cgroups, from their paths alone: also those that a killed minibox left.

import { SIGNALS } from "../sys/constants.ts";
import { EBUSY } from "../sys/errno.ts";
import { rmdir, tryReadFile } from "../sys/file.ts";
import { attempt } from "../sys/libc.ts";
import { kill } from "../sys/process.ts";

/**
 * Removes the directories, ending what is left inside. A process that was just killed leaves its cgroup a moment
 * after its parent saw it end, so EBUSY is tried again for up to two seconds. Returns what could not be removed.
 */
export function removeCgroups(directories: readonly string[]): string[] {
  return directories.filter((directory) => !removeOne(directory));
}

function removeOne(directory: string): boolean {
  for (let waited = 0; waited < 2000; waited += 2) {
    if (rmdir(directory) !== -EBUSY) return true;
    // on v2 children of a killed program may hold directories of their own
    for (const pid of (tryReadFile(`${directory}/cgroup.procs`) ?? "").split("\n"))
      if (Number(pid) > 0) kill(Number(pid), SIGNALS.KILL);
    pause(2);
  }
  return false;
}

function pause(milliseconds: number): void {
  const timespec = new Uint8Array(new BigInt64Array([0n, BigInt(milliseconds) * 1_000_000n]).buffer);
  attempt("ppoll", null, 0, timespec, null, 8);
}
