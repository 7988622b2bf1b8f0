// Owns signals on their way through the supervisor: which are taken, and how they reach the command (signal(7),
// pid_namespaces(7)).

import { signalsIn } from "../container/signals.ts";
import type { Child } from "../container/spawn.ts";
import { SIGNALS } from "../sys/constants.ts";
import { tryReadFile } from "../sys/file.ts";
import { getpid, kill, procStatus, tryPidfdSendSignal } from "../sys/process.ts";
import { blockSignals, defaultSignal, setSignalAction, signalAction, unblockSignals } from "../sys/signal.ts";

/** Default action: nothing, or go on (signal(7)). */
export const HARMLESS: ReadonlySet<number> = new Set([SIGNALS.CONT, SIGNALS.URG, SIGNALS.WINCH]);
/** Default action: stop. */
export const STOPPING: ReadonlySet<number> = new Set([SIGNALS.TSTP, SIGNALS.TTIN, SIGNALS.TTOU]);

/**
 * Passes a signal to the container's first process. The kernel drops a signal that PID 1 of a pid namespace neither
 * handles nor ignores, so `sleep` could not even be interrupted; what would have ended any other program ends the
 * container here too. Returns true when it did.
 */
export function deliver(child: Child, signal: number): boolean {
  if (HARMLESS.has(signal) || handles(child.pid, signal)) {
    signalChild(child, signal);
    return false;
  }
  signalChild(child, SIGNALS.KILL);
  return true;
}

/** Sends a signal to the container's first process; 0, or -errno. */
export const signalChild = (child: Child, signal: number): number => tryPidfdSendSignal(child.pidfd, signal);

/** The command itself: PID 1, or under an init the first of its children (proc_tid_children(5)). */
export function commandOf(pid: number, init: boolean): number {
  const children = init ? tryReadFile(`/proc/${pid}/task/${pid}/children`) : undefined;
  return Number.parseInt(children ?? "", 10) || pid;
}

/** True when a process catches, ignores, or has blocked (to wait for) a signal. */
export function handles(pid: number, signal: number): boolean {
  const status = procStatus(pid);
  return (
    status === undefined ||
    ["SigCgt", "SigIgn", "SigBlk"].some((field) => signalsIn(status, field).includes(signal))
  );
}

/**
 * ^Z: all of the container stops, then we do, as the shell that waits for us expects; and all go on together. With a
 * signal our whole process group stops by it, as the kernel does it for a key: a shell waits for all of its job. `between`
 * is called when the container has stopped and we have not.
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

/** The kernel drops the signal where no shell of the session could continue the group (an orphaned one, setpgid(2)). */
function stopGroup(signal: number): void {
  const before = signalAction(signal);
  defaultSignal(signal);
  unblockSignals([signal]);
  kill(0, signal);
  blockSignals([signal]);
  setSignalAction(signal, before);
}
