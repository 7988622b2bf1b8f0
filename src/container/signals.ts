// Owns the signals of the process that makes a container: which it reads, and which its caller wants ignored
// (signal(7)).

import { SFD_CLOEXEC, SFD_NONBLOCK, SIGNALS } from "../sys/constants.ts";
import { errnoName } from "../sys/errno.ts";
import { step, untraced } from "../sys/libc.ts";
import { getpid, procStatus } from "../sys/process.ts";
import { defaultSignal, setSignalMask } from "../sys/signal.ts";
import { hasThreads, redirectSignals, takenByThreads } from "../sys/signal-threads.ts";
import { signalfd } from "../sys/signalfd.ts";

/**
 * The signals that are not blocked. SIGKILL and SIGSTOP cannot be. SIGPIPE only ever comes from minibox's own writes to
 * a closed pipe; blocked, it would stay pending.
 */
const NOT_TAKEN: readonly number[] = [SIGNALS.KILL, SIGNALS.STOP, SIGNALS.PIPE];

/** Whether other threads may have been there when the signals were blocked: those have not blocked them. */
let hadThreads = true;

/**
 * Blocks every signal that is passed on to the command. Returns the signalfd(2) from which they are read.
 * @throws SysError
 */
export function takeSignals(): number {
  step("take the signals", "from here on they are read from a descriptor and passed on to the command");
  const taken = new Uint8Array(8).fill(0xff);
  for (const signal of NOT_TAKEN) taken[(signal - 1) >> 3]! &= ~(1 << ((signal - 1) & 7));
  setSignalMask(taken);
  hadThreads = hasThreads();
  // Where SIGCHLD is ignored, the kernel keeps no exit code of a child (wait(2)). The container would inherit that too.
  defaultSignal(SIGNALS.CHLD);
  return signalfd(taken, SFD_NONBLOCK | SFD_CLOEXEC);
}

/**
 * Makes signals reach the signalfd although Bun's other threads do not block them: a thread that gets one passes it on.
 * `ignored` are the signals that the caller wants ignored; they stay so.
 */
export function gatherSignals(ignored: readonly number[]): void {
  const signals: number[] = [];
  for (const signal of takenByThreads(hadThreads))
    if (!NOT_TAKEN.includes(signal) && !ignored.includes(signal)) signals.push(signal);
  const result = untraced(() => redirectSignals(signals));
  if (result < 0)
    step("go on without handlers that pass signals on", `no memory for them: ${errnoName(-result)}`);
}

/** Returns the signals of a mask in the text of /proc/PID/status (SigCgt, SigIgn, SigBlk: proc_pid_status(5)). */
export function signalsIn(status: string, field: string): number[] {
  // a name may hold everything but the newline, also what looks like the field
  const at = status.indexOf(`\n${field}:\t`) + field.length + 3;
  // 16 hexadecimal digits, in two halves: all 64 bits are too many for a number
  const signals: number[] = [];
  for (const first of [1, 33]) {
    const start = at + (first === 1 ? 8 : 0);
    let bits = Number.parseInt(status.slice(start, start + 8), 16);
    for (let signal = first; bits !== 0; signal++, bits >>>= 1) if (bits & 1) signals.push(signal);
  }
  return signals;
}

let ignoredAtFirst: readonly number[] | undefined;

/**
 * Returns the signals that this process ignores, as they were when it was first asked; every process that it starts inherits
 * that (execve(2)).
 */
export function ignoredSignals(): readonly number[] {
  ignoredAtFirst ??= signalsIn(procStatus(getpid()) ?? "", "SigIgn");
  return ignoredAtFirst;
}

/**
 * The signals that Bun itself ignores. Any other ignored one was ignored by the caller (nohup, a shell's background
 * job).
 */
const BUNS_OWN: readonly number[] = [SIGNALS.PIPE, SIGNALS.XFSZ];

/** Returns those of the ignored signals that minibox's caller ignored, not Bun. */
export function byCaller(ignored: readonly number[]): number[] {
  const signals: number[] = [];
  for (const signal of ignored) if (!BUNS_OWN.includes(signal)) signals.push(signal);
  return signals;
}
