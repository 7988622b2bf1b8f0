// Owns locks of whole files. A lock belongs to the open file: it goes with the last descriptor of it, so also when its
// holder is killed (flock(2)).

import { LOCK_EX, LOCK_NB, LOCK_UN } from "./constants.ts";
import { EAGAIN } from "./errno.ts";
import { attempt, call, failed } from "./libc.ts";
import { pause } from "./poll.ts";

/** int flock(int fd, LOCK_EX | LOCK_NB): false where somebody else holds the lock. @throws SysError */
export function tryLock(fd: number): boolean {
  const result = attempt("flock", fd, LOCK_EX | LOCK_NB);
  if (result < 0 && result !== -EAGAIN) throw failed("flock", [fd, LOCK_EX | LOCK_NB], result);
  return result >= 0;
}

/** int flock(int fd, LOCK_UN). @throws SysError */
export function unlock(fd: number): number {
  return call("flock", fd, LOCK_UN);
}

/** In milliseconds: a lock that is held for long is looked at this often. */
const LONGEST_PAUSE = 20;

/**
 * Takes the lock; false where somebody else holds it for so many milliseconds. Whoever can open the file can hold its lock
 * for ever, so nobody waits for ever.
 */
export function tryLockFor(fd: number, patience: number): boolean {
  const started = performance.now();
  for (let time = 1; !tryLock(fd); time = Math.min(2 * time, LONGEST_PAUSE)) {
    const left = started + patience - performance.now();
    if (left <= 0) return false;
    pause(Math.min(time, left));
  }
  return true;
}
