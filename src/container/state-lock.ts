// Owns waiting for the locks of the state root and of containers. Whoever can open such a directory can hold its lock for
// ever, so nobody waits for ever.

import { RunError } from "../errors.ts";
import { tryLock } from "../sys/lock.ts";
import { pause } from "../sys/poll.ts";

/** In milliseconds. Holders work for a moment; the longest wait until killed processes have ended. */
const PATIENCE = 60_000;

/** Takes the lock of an open directory. @throws RunError where somebody else holds it all the time */
export function lockDirectory(fd: number, path: string): void {
  if (!tryLockFor(fd, PATIENCE))
    throw new RunError(
      `another process holds the lock of ${path}, for longer than ${PATIENCE / 1000} s`,
      125,
      `fuser -v ${path} names it`,
    );
}

/** Takes the lock; false where somebody else holds it for so many milliseconds. */
export function tryLockFor(fd: number, patience: number): boolean {
  for (let waited = 0; !tryLock(fd); waited++) {
    if (waited >= patience) return false;
    pause(1);
  }
  return true;
}
