// Owns locks of whole files. A lock belongs to the open file: it goes with the last descriptor of it, so also when its
// holder is killed (flock(2)).

import { LOCK_EX, LOCK_NB, LOCK_UN } from "./constants.ts";
import { attempt, call } from "./libc.ts";
import { pause } from "./poll.ts";

/** int flock(int fd, LOCK_EX | LOCK_NB): false where somebody else holds the lock. */
export const tryLock = (fd: number): boolean => attempt("flock", fd, LOCK_EX | LOCK_NB) >= 0;

/** int flock(int fd, LOCK_UN). @throws SysError */
export const unlock = (fd: number): number => call("flock", fd, LOCK_UN);

/**
 * Takes the lock; false where somebody else holds it for so many milliseconds. Whoever can open the file can hold its lock
 * for ever, so nobody waits for ever.
 */
export function tryLockFor(fd: number, patience: number): boolean {
  for (let waited = 0; !tryLock(fd); waited++) {
    if (waited >= patience) return false;
    pause(1);
  }
  return true;
}
