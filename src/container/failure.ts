// Owns turning the end of a container that never ran its command into an error.

import { RunError } from "../errors.ts";
import { SIGNALS } from "../sys/constants.ts";
import { SysError } from "../sys/errno.ts";
import type { Failure } from "./handshake.ts";

/** What the child could not do, as an error. */
export const errorOf = (failure: Failure): Error =>
  failure.type === "refused"
    ? new RunError(failure.message)
    : new SysError(failure.call, failure.args, failure.errno, failure.step);

/** The child ended and said nothing. `status` is its exit code, or 128 and the signal that ended it. */
export function earlyEnd(status: number): RunError {
  const how = status > 128 ? `was ended by signal ${status - 128}` : `ended with ${status}`;
  const hint =
    status === 128 + SIGNALS.KILL
      ? "the kernel does that to what takes more memory than its cgroup may: see memory.max of the one that minibox is in, and dmesg"
      : undefined;
  return new RunError(`the container's first process ${how} before it could run the command`, 125, hint);
}
