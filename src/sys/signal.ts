// Owns what this process does with signals: its mask, and each signal's disposition (signal(7)).

import { SIG_BLOCK, SIG_SETMASK, SIG_UNBLOCK } from "./constants.ts";
import { attempt, call, untraced } from "./libc.ts";

/**
 * The signals that glibc has for itself (nptl(7)). Its posix_spawn leaves them ignored, unless the default is asked
 * for.
 */
export const THREAD_SIGNALS: readonly number[] = [32, 33];

/** The kernel's sigset_t with these signals; with all 64 where none are given. */
export function signalSet(signals?: readonly number[]): Uint8Array {
  if (!signals) return new Uint8Array(8).fill(0xff);
  const set = new Uint8Array(8);
  for (const signal of signals) set[(signal - 1) >> 3]! |= 1 << ((signal - 1) & 7);
  return set;
}

/** int sigprocmask(SIG_SETMASK, const sigset_t *set, NULL), of this thread. @throws SysError */
export function setSignalMask(set: Uint8Array): number {
  return call("rt_sigprocmask", SIG_SETMASK, set, null, 8);
}

/** int sigprocmask(SIG_UNBLOCK, const sigset_t *set, NULL), of this thread. @throws SysError */
export function unblockSignals(signals: readonly number[]): number {
  return call("rt_sigprocmask", SIG_UNBLOCK, signalSet(signals), null, 8);
}

/** int sigprocmask(SIG_BLOCK, const sigset_t *set, NULL), of this thread. @throws SysError */
export function blockSignals(signals: readonly number[]): number {
  return call("rt_sigprocmask", SIG_BLOCK, signalSet(signals), null, 8);
}

/** int sigaction(int signal, NULL, struct sigaction *old): the kernel's structure as bytes, for setSignalAction(). */
export function signalAction(signal: number): Uint8Array {
  const action = new Uint8Array(32);
  attempt("rt_sigaction", signal, null, action, 8);
  return action;
}

/** int sigaction(int signal, const struct sigaction *action, NULL): 0, or -errno. */
export function setSignalAction(signal: number, action: Uint8Array): number {
  return attempt("rt_sigaction", signal, action, null, 8);
}

/** Puts a signal's disposition back to the default: that is a struct sigaction of zeros. */
export function defaultSignal(signal: number): number {
  return setSignalAction(signal, new Uint8Array(32));
}

/**
 * Runs `work` with every signal blocked and without a trace, and passes it the mask that is in force afterwards again. No
 * handler of this process may run in a process that shares its memory.
 */
export function withSignalsBlocked<T>(work: (mask: Uint8Array) => T): T {
  return untraced(() => {
    const mask = new Uint8Array(8);
    attempt("rt_sigprocmask", SIG_SETMASK, signalSet(), mask, 8);
    try {
      return work(mask);
    } finally {
      attempt("rt_sigprocmask", SIG_SETMASK, mask, null, 8);
    }
  });
}
