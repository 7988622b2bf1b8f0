// Owns finding out why execve failed: the kernel says ENOENT, a person needs to know what is missing.

import { RunError } from "../errors.ts";
import type { Spec } from "../spec/types.ts";
import type { FromChild } from "../sync.ts";
import { EACCES, ENOENT, errnoText } from "../sys/errno.ts";

/** Words for a failed execve. `pid` still waits with its root in place: /proc/PID/root is where the command was sought. */
export function explainExec(error: Extract<FromChild, { type: "error" }>, _pid: number, spec: Spec): Error {
  const command = spec.process.args[0]!;
  const status = error.errno === ENOENT ? 127 : 126;
  return new RunError(`${command}: ${errnoText(error.errno)}`, error.errno === EACCES ? 126 : status);
}
