// Owns signals to a container from other processes than its supervisor.

import { openCgroup } from "../cgroup/index.ts";
import { RunError } from "../errors.ts";
import { ESRCH, SysError } from "../sys/errno.ts";
import { close } from "../sys/file.ts";
import { isRunning, kill, tryPidfdOpen, tryPidfdSendSignal } from "../sys/process.ts";
import type { State } from "./state.ts";

/** Sends a signal to the container's first process (pidfd_send_signal(2)). @throws RunError where that has ended, SysError */
export function killContainer({ id, pid, startTime }: State, signal: number): void {
  const pidfd = tryPidfdOpen(pid);
  // While the descriptor is open the pid is no other process's, so what is seen of it now is true when it gets the signal.
  const isThere = pidfd >= 0 && isRunning(pid, startTime);
  const sent = isThere ? tryPidfdSendSignal(pidfd, signal) : -ESRCH;
  if (pidfd >= 0) close(pidfd);
  if (sent === -ESRCH) throw new RunError(`cannot kill ${id}: container not running`);
  if (sent < 0)
    throw new SysError("pidfd_send_signal", [pid, signal], -sent, `send signal ${signal} to ${id}`);
}

/** Sends a signal to every process of the container's cgroup, and so to those too that share no pid namespace with its first. */
export function killAll({ cgroup }: State, signal: number): void {
  for (const pid of cgroup ? openCgroup(cgroup).pids() : []) kill(pid, signal);
}
