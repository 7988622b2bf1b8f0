// Owns waiting for the lock of the state root or of a container.

import { RunError } from "../errors.ts";
import { tryLockFor } from "../sys/lock.ts";

/** In milliseconds. Holders work for a moment; the longest wait until killed processes have ended. */
const PATIENCE = 60_000;

/** Takes the lock of an open directory. @throws RunError where somebody else holds it all the time */
export function lockDirectory(fd: number, path: string): void {
  if (tryLockFor(fd, PATIENCE)) return;
  throw new RunError(
    `another process holds the lock of ${path}, for longer than ${PATIENCE / 1000} s`,
    125,
    `fuser -v ${path} names it`,
  );
}
