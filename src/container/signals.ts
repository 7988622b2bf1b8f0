// Owns signals on their way through the supervisor: which are taken, and how they reach the command (signal(7),
// pid_namespaces(7)).

import { SIGNALS } from "../sys/constants.ts";
import { call, step } from "../sys/libc.ts";
import { getpid, kill, procStatus, setSignalMask } from "../sys/process.ts";

/**
 * Left alone: two that cannot be taken, two by which the terminal stops a background reader or writer, and SIGPIPE,
 * which is ours alone (a blocked one would queue up with each write to a closed pipe).
 */
const NOT_TAKEN: readonly number[] = [SIGNALS.KILL, SIGNALS.STOP, SIGNALS.TTIN, SIGNALS.TTOU, SIGNALS.PIPE];

/** Blocks every signal that we pass on and returns a descriptor that they are read from. @throws SysError */
export function takeSignals(): number {
  step("take the signals", "read from a descriptor from here on, they are passed on to the command");
  const taken = new Uint8Array(8).fill(0xff);
  for (const signal of NOT_TAKEN) taken[(signal - 1) >> 3]! &= ~(1 << ((signal - 1) & 7));
  setSignalMask(taken);
  const SFD_NONBLOCK = 0o4000;
  const SFD_CLOEXEC = 0o2000000;
  return call("signalfd4", -1, taken, taken.length, SFD_NONBLOCK | SFD_CLOEXEC);
}

/** Default action: nothing, or go on (signal(7)); and the one that says a child of our own ended. */
const HARMLESS: ReadonlySet<number> = new Set([SIGNALS.CONT, SIGNALS.URG, SIGNALS.WINCH]);

/**
 * Passes a signal to the container's first process. The kernel drops a signal that PID 1 of a pid namespace neither
 * handles nor ignores, so `sleep` could not even be interrupted; what would have ended any other program ends the
 * container here too. Returns true when it did.
 */
export function deliver(pid: number, signal: number): boolean {
  if (HARMLESS.has(signal) || handles(pid, signal)) {
    kill(pid, signal);
    return false;
  }
  kill(pid, SIGNALS.KILL);
  return true;
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
function handles(pid: number, signal: number): boolean {
  const status = procStatus(pid);
  return (
    status === undefined ||
    ["SigCgt", "SigIgn", "SigBlk"].some((field) => signalsIn(status, field).includes(signal))
  );
}

/** The signals that this process, and so any that it starts, ignores. */
export const ignoredSignals = (): number[] => signalsIn(procStatus(getpid()) ?? "", "SigIgn");

/** ^Z: the command stops, then we do, as the shell that waits for us expects; and both go on together. */
export function suspend(pid: number): void {
  kill(pid, SIGNALS.STOP);
  kill(getpid(), SIGNALS.STOP);
  kill(pid, SIGNALS.CONT);
}
