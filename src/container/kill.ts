// Owns sending signals to a container from a process that is not its supervisor.

import { openCgroup } from "../cgroup/index.ts";
import { RunError } from "../errors.ts";
import { SIGNALS } from "../sys/constants.ts";
import { ESRCH, SysError } from "../sys/errno.ts";
import { close } from "../sys/file.ts";
import { descendants, isRunning, kill, tryPidfdOpen, tryPidfdSendSignal } from "../sys/process.ts";
import type { State } from "./state.ts";

/** Sends a signal to the container's first process (pidfd_send_signal(2)). @throws RunError where that has ended, SysError */
export function killContainer(state: State, signal: number): void {
  const { id, pid } = state;
  const sent = trySignal(state, signal);
  if (sent === -ESRCH) throw new RunError(`cannot kill ${id}: container not running`);
  if (sent < 0)
    throw new SysError("pidfd_send_signal", [pid, signal], -sent, `send signal ${signal} to ${id}`);
}

/** Ends the container's first process, where it is still that one. */
export function endProcess(state: State): void {
  trySignal(state, SIGNALS.KILL);
}

/** 0, or -errno: ESRCH where the process has ended. */
function trySignal(state: State, signal: number): number {
  const { pid, startTime } = state;
  const pidfd = tryPidfdOpen(pid);
  // While the descriptor is open the pid is no other process's, so what is seen of it now is true when it gets the signal.
  const isThere = pidfd >= 0 && isRunning(pid, startTime);
  const sent = isThere ? tryPidfdSendSignal(pidfd, signal) : -ESRCH;
  if (pidfd >= 0) close(pidfd);
  if (sent === 0) wake(state, signal);
  return sent;
}

/** Sends a signal to every process of the container, also to those that share no pid namespace with its first. */
export function killAll(state: State, signal: number): void {
  for (const pid of everyone(state)) kill(pid, signal);
  wake(state, signal);
}

/** The processes of the cgroup, or where the container has none, the first process and those below it. */
function everyone({ cgroup, pid, startTime }: State): number[] {
  const inside = cgroup ? openCgroup(cgroup).pids() : [];
  if (inside.length > 0) return inside;
  return isRunning(pid, startTime) ? [pid, ...descendants(pid)] : [];
}

/** On version 1 of cgroups not even SIGKILL reaches a frozen process, so that a paused container would not end. */
function wake({ cgroup }: State, signal: number): void {
  const own = cgroup && signal === SIGNALS.KILL ? openCgroup(cgroup) : undefined;
  if (own?.isFrozen()) own.thaw();
}
