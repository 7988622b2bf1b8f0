// Owns locks of whole files. A lock belongs to the open file: it goes with the last descriptor of it, so also when its
// holder is killed (flock(2)).

import { LOCK_EX, LOCK_NB, LOCK_UN } from "./constants.ts";
import { attempt, call } from "./libc.ts";

/** int flock(int fd, LOCK_EX): waits until nobody else holds the lock. @throws SysError */
export const lock = (fd: number): number => call("flock", fd, LOCK_EX);

/** int flock(int fd, LOCK_EX | LOCK_NB): false where somebody else holds the lock. */
export const tryLock = (fd: number): boolean => attempt("flock", fd, LOCK_EX | LOCK_NB) >= 0;

/** int flock(int fd, LOCK_UN). @throws SysError */
export const unlock = (fd: number): number => call("flock", fd, LOCK_UN);
