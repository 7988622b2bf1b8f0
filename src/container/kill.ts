// Owns sending signals to a container from a process that is not its supervisor.

import { openCgroup } from "../cgroup/index.ts";
import { RunError } from "../errors.ts";
import { ESRCH, SysError } from "../sys/errno.ts";
import { close } from "../sys/file.ts";
import { isRunning, kill, tryPidfdOpen, tryPidfdSendSignal } from "../sys/process.ts";
import type { State } from "./state.ts";

/**
 * Sends a signal to the container's first process (pidfd_send_signal(2)). @throws RunError where it has ended, SysError
 */
export function killContainer({ id, pid, startTime }: State, signal: number): void {
  const pidfd = tryPidfdOpen(pid);
  // A pidfd keeps meaning the process that it was opened for. So what /proc says of the pid while it is open, and the
  // signal afterwards, concern the same process.
  const isThere = pidfd >= 0 && isRunning(pid, startTime);
  const sent = isThere ? tryPidfdSendSignal(pidfd, signal) : -ESRCH;
  if (pidfd >= 0) close(pidfd);
  if (sent === -ESRCH) throw new RunError(`cannot kill ${id}: container not running`);
  if (sent < 0)
    throw new SysError("pidfd_send_signal", [pid, signal], -sent, `send signal ${signal} to ${id}`);
}

/** Sends a signal to every process of the container's cgroup, also to those in another pid namespace than its first. */
export function killAll({ cgroup }: State, signal: number): void {
  for (const pid of cgroup ? openCgroup(cgroup).pids() : []) kill(pid, signal);
}
