// Owns sending signals to a container from a process that is not its supervisor.

import { openCgroup } from "../cgroup/index.ts";
import { RunError } from "../errors.ts";
import { SIGNALS } from "../sys/constants.ts";
import { ESRCH, SysError } from "../sys/errno.ts";
import { close } from "../sys/file.ts";
import { descendants, kill, tryPidfdOpen, tryPidfdSendSignal } from "../sys/process.ts";
import { isAlive } from "./first-process.ts";
import type { State } from "./state.ts";

/**
 * Sends a signal to the container's first process (pidfd_send_signal(2)). @throws RunError where it has ended, SysError
 */
export function killContainer(state: State, signal: number): void {
  const { id, pid } = state;
  const sent = trySignal(state, signal);
  if (sent === -ESRCH) throw new RunError(`cannot kill ${id}: container not running`);
  if (sent < 0)
    throw new SysError("pidfd_send_signal", [pid, signal], -sent, `send signal ${signal} to ${id}`);
}

/** Kills the container's first process, unless its pid belongs to another process by now, or to none of a container. */
export function endProcess(state: State): void {
  trySignal(state, SIGNALS.KILL);
}

/** Sends a signal to the container's first process. Returns 0, or -errno: ESRCH where the process has ended. */
function trySignal(state: State, signal: number): number {
  const pidfd = tryPidfdOpen(state.pid);
  // A pidfd keeps meaning the process that it was opened for. So what /proc says of the pid while it is open, and the
  // signal afterwards, concern the same process.
  const isThere = pidfd >= 0 && isAlive(state);
  const sent = isThere ? tryPidfdSendSignal(pidfd, signal) : -ESRCH;
  if (pidfd >= 0) close(pidfd);
  if (sent === 0) wake(state, signal);
  return sent;
}

/** Sends a signal to every process of the container, also to those in another pid namespace than its first process. */
export function killAll(state: State, signal: number): void {
  for (const pid of everyone(state)) kill(pid, signal);
  wake(state, signal);
}

/** Returns the pids in the container's cgroup; where that has none, its first process and that one's descendants. */
function everyone(state: State): number[] {
  const inside = openCgroup(state.cgroup)?.pids() ?? [];
  if (inside.length > 0) return inside;
  return isAlive(state) ? [state.pid, ...descendants(state.pid)] : [];
}

/** Thaws a paused container after SIGKILL. In version 1 of cgroups a frozen process does not end until it is thawed. */
function wake({ cgroup }: State, signal: number): void {
  const own = signal === SIGNALS.KILL ? openCgroup(cgroup) : undefined;
  if (own?.isFrozen()) own.thaw();
}
