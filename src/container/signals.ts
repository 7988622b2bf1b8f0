// Owns the signals of the process that makes a container: which are taken, and which its caller wants ignored (signal(7)).

import { SFD_CLOEXEC, SFD_NONBLOCK, SIGNALS } from "../sys/constants.ts";
import { errnoName } from "../sys/errno.ts";
import { step, untraced } from "../sys/libc.ts";
import { getpid, procStatus } from "../sys/process.ts";
import { defaultSignal, setSignalMask, THREAD_SIGNALS } from "../sys/signal.ts";
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
  const result = untraced(() => redirectSignals(signals));
  if (result < 0)
    step("go on without handlers that pass signals on", `no memory for them: ${errnoName(-result)}`);
}

const NOT_GATHERED: ReadonlySet<number> = new Set([...NOT_TAKEN, SIGNALS.CHLD, ...THREAD_SIGNALS]);

/** The signals of a mask in /proc/PID/status (SigCgt, SigIgn, SigBlk: proc_pid_status(5)). */
export function signalsIn(status: string, field: string): number[] {
  const at = status.indexOf(`${field}:`) + field.length + 1;
  const hex = status.slice(at, status.indexOf("\n", at)).trim();
  const signals: number[] = [];
  for (let signal = 1; signal <= 64; signal++)
    if ((Number.parseInt(hex[hex.length - 1 - ((signal - 1) >> 2)] ?? "0", 16) >> ((signal - 1) & 3)) & 1)
      signals.push(signal);
  return signals;
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
