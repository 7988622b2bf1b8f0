// Owns passing signals on from the supervisor to the command, and stopping both (signal(7), pid_namespaces(7)).

import { signalsIn } from "../container/signals.ts";
import type { Child } from "../container/spawn.ts";
import { SIGNALS } from "../sys/constants.ts";
import { tryReadFile } from "../sys/file.ts";
import { getpid, kill, procStatus, tryPidfdSendSignal } from "../sys/process.ts";
import { blockSignals, defaultSignal, setSignalAction, signalAction, unblockSignals } from "../sys/signal.ts";

/** The signals whose default action neither ends nor stops a process. */
export const HARMLESS: ReadonlySet<number> = new Set([SIGNALS.CONT, SIGNALS.URG, SIGNALS.WINCH]);
/** The signals that can be handled and whose default action stops a process. */
export const STOPPING: ReadonlySet<number> = new Set([SIGNALS.TSTP, SIGNALS.TTIN, SIGNALS.TTOU]);

/**
 * Passes a signal to the container's first process. The kernel drops a signal that PID 1 of a pid namespace does not
 * handle, so ^C would not even end `sleep`. Such a signal would have ended any other process, so here it kills the
 * container. Returns true where it did.
 */
export function deliver(child: Child, signal: number): boolean {
  if (HARMLESS.has(signal) || handles(child.pid, signal)) {
    signalChild(child, signal);
    return false;
  }
  endContainer(child);
  return true;
}

/**
 * Kills every process of the container at once, by its keeper where it has one (sys/keeper.ts). A signal to the first
 * process alone may not end it: the kernel kills the others only when the first has ended, and that one may wait for a lock
 * in the kernel that another one holds (a pipe's, during splice(2)).
 */
export function endContainer(child: Child): void {
  if (child.keeper !== undefined) kill(child.keeper, SIGNALS.KILL);
  else signalChild(child, SIGNALS.KILL);
}

/** Sends a signal to the container's first process. Returns 0, or -errno. */
export const signalChild = (child: Child, signal: number): number => tryPidfdSendSignal(child.pidfd, signal);

/** Returns the command's pid: `pid`, the container's PID 1, or under an init its first child (proc_tid_children(5)). */
export function commandOf(pid: number, init: boolean): number {
  const children = init ? tryReadFile(`/proc/${pid}/task/${pid}/children`) : undefined;
  return Number.parseInt(children ?? "", 10) || pid;
}

/** True where a process catches or ignores a signal, or blocks it, for example to wait for it with sigwait(3). */
export function handles(pid: number, signal: number): boolean {
  const status = procStatus(pid);
  return (
    status === undefined ||
    ["SigCgt", "SigIgn", "SigBlk"].some((field) => signalsIn(status, field).includes(signal))
  );
}

/**
 * Stops the container and then the supervisor, as a shell expects after ^Z. When the supervisor is continued, it
 * continues the container. With `signal`, the supervisor's whole process group is stopped by that signal, as the kernel
 * does for a key: a shell waits until every process of its job has stopped. `between` is called when the container has
 * stopped and the supervisor has not.
 */
export function suspend(
  child: Child,
  everyone: () => readonly number[],
  between: () => void,
  signal?: number,
): void {
  signalChild(child, SIGNALS.STOP);
  const stopped = everyone();
  for (const pid of stopped) kill(pid, SIGNALS.STOP);
  between();
  if (signal === undefined) kill(getpid(), SIGNALS.STOP);
  else stopGroup(signal);
  for (const pid of stopped) kill(pid, SIGNALS.CONT);
  signalChild(child, SIGNALS.CONT);
}

/**
 * Sends a signal to this process's group, with its default action. The kernel drops it where no shell of the session
 * could continue the group (an orphaned process group, setpgid(2)).
 */
function stopGroup(signal: number): void {
  const before = signalAction(signal);
  defaultSignal(signal);
  unblockSignals([signal]);
  kill(0, signal);
  blockSignals([signal]);
  setSignalAction(signal, before);
}
