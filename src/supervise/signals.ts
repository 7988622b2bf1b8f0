// Owns signals on their way through the supervisor: which are taken, and how they reach the command (signal(7),
// pid_namespaces(7)).

import type { Child } from "../container/spawn.ts";
import { SFD_CLOEXEC, SFD_NONBLOCK, SIGNALS } from "../sys/constants.ts";
import { tryReadFile } from "../sys/file.ts";
import { step, untraced } from "../sys/libc.ts";
import {
  blockSignals,
  defaultSignal,
  getpid,
  kill,
  procStatus,
  setSignalAction,
  setSignalMask,
  signalAction,
  tryPidfdSendSignal,
  unblockSignals,
} from "../sys/process.ts";
import { redirectSignals } from "../sys/signal-threads.ts";
import { signalfd } from "../sys/signalfd.ts";

/**
 * Left alone: two that cannot be taken, and SIGPIPE, which is ours alone (a blocked one would queue up with each
 * write to a closed pipe).
 */
const NOT_TAKEN: readonly number[] = [SIGNALS.KILL, SIGNALS.STOP, SIGNALS.PIPE];

/** Blocks every signal that we pass on and returns a descriptor that they are read from. @throws SysError */
export function takeSignals(): number {
  step("take the signals", "read from a descriptor from here on, they are passed on to the command");
  const taken = new Uint8Array(8).fill(0xff);
  for (const signal of NOT_TAKEN) taken[(signal - 1) >> 3]! &= ~(1 << ((signal - 1) & 7));
  setSignalMask(taken);
  // where SIGCHLD is ignored, the kernel keeps no exit code of a child for its parent (wait(2)), and ours would inherit that
  defaultSignal(SIGNALS.CHLD);
  return signalfd(taken, SFD_NONBLOCK | SFD_CLOEXEC);
}

/** Brings us the signals that a thread of the runtime's would get in our stead; what our caller ignores stays ignored. */
export function gatherSignals(ignored: readonly number[]): void {
  const signals: number[] = [];
  for (let signal = 1; signal <= 64; signal++)
    if (!NOT_GATHERED.has(signal) && !ignored.includes(signal)) signals.push(signal);
  untraced(() => redirectSignals(signals));
}

/** 32 and 33 are libc's own. */
const NOT_GATHERED: ReadonlySet<number> = new Set([...NOT_TAKEN, SIGNALS.CHLD, 32, 33]);

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

/** The signals of a mask in /proc/PID/status (SigCgt, SigIgn, SigBlk: proc_pid_status(5)). */
function signalsIn(status: string, field: string): number[] {
  const at = status.indexOf(`${field}:`) + field.length + 1;
  const hex = status.slice(at, status.indexOf("\n", at)).trim();
  const signals: number[] = [];
  for (let signal = 1; signal <= 64; signal++)
    if ((Number.parseInt(hex[hex.length - 1 - ((signal - 1) >> 2)] ?? "0", 16) >> ((signal - 1) & 3)) & 1)
      signals.push(signal);
  return signals;
}

/** True when a process catches, ignores, or has blocked (to wait for) a signal. */
export function handles(pid: number, signal: number): boolean {
  const status = procStatus(pid);
  return (
    status === undefined ||
    ["SigCgt", "SigIgn", "SigBlk"].some((field) => signalsIn(status, field).includes(signal))
  );
}

/** The signals that this process, and so any that it starts, ignores. */
export const ignoredSignals = (): number[] => signalsIn(procStatus(getpid()) ?? "", "SigIgn");

/** What Bun ignores for itself; the caller's shell (nohup, a command in the background) has a word on the others. */
const BUNS_OWN: readonly number[] = [SIGNALS.PIPE, SIGNALS.XFSZ];

/** Of the ignored signals those that our caller wants us to ignore. */
export function byCaller(ignored: readonly number[]): number[] {
  const signals: number[] = [];
  for (const signal of ignored) if (!BUNS_OWN.includes(signal)) signals.push(signal);
  return signals;
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
