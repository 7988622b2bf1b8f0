// Owns the errors for a container that ended before it ran its command.

import { RunError } from "../errors.ts";
import { SIGNALS } from "../sys/constants.ts";
import { SysError } from "../sys/errno.ts";
import type { Failure } from "./handshake.ts";

/** Returns the error for what the child reported that it could not do. */
export const errorOf = (failure: Failure): Error =>
  failure.type === "refused"
    ? new RunError(failure.message)
    : new SysError(failure.call, failure.args, failure.errno, failure.step);

/** A hint: the first process of a created container waits with the container's seccomp filter in force. */
export const FILTERED_WAIT =
  "a created container waits under its own seccomp profile, which must allow accept4, close, read and write";

/**
 * Returns the error for a child that ended without a report. `status` is its exit code, or 128 + the number of the
 * signal that ended it. `hint` is used unless SIGKILL ended it, for which lack of memory is the usual reason.
 */
export function earlyEnd(status: number, hint?: string): RunError {
  const how = status > 128 ? `was ended by signal ${status - 128}` : `ended with ${status}`;
  const why =
    status === 128 + SIGNALS.KILL
      ? "the kernel kills a process that needs more memory than its cgroup allows: see dmesg, and memory.max of minibox's own cgroup"
      : hint;
  return new RunError(`the container's first process ${how} before it could run the command`, 125, why);
}
