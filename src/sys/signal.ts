// Owns what this process does with signals: its mask, and each signal's disposition (signal(7)).

import { SIG_BLOCK, SIG_SETMASK, SIG_UNBLOCK } from "./constants.ts";
import { attempt, call } from "./libc.ts";

/** glibc's own, below SIGRTMIN: its posix_spawn leaves them ignored where nobody asks for the default (nptl(7)). */
export const THREAD_SIGNALS: readonly number[] = [32, 33];

/** A kernel signal set of these signals; all 64 without an argument. */
export function signalSet(signals?: readonly number[]): Uint8Array {
  if (!signals) return new Uint8Array(8).fill(0xff);
  const set = new Uint8Array(8);
  for (const signal of signals) set[(signal - 1) >> 3]! |= 1 << ((signal - 1) & 7);
  return set;
}

/** Replaces the signal mask of this thread. @throws SysError */
export const setSignalMask = (set: Uint8Array): number => call("rt_sigprocmask", SIG_SETMASK, set, null, 8);

/** Takes signals out of this thread's mask. @throws SysError */
export const unblockSignals = (signals: readonly number[]): number =>
  call("rt_sigprocmask", SIG_UNBLOCK, signalSet(signals), null, 8);

/** Puts signals into this thread's mask. @throws SysError */
export const blockSignals = (signals: readonly number[]): number =>
  call("rt_sigprocmask", SIG_BLOCK, signalSet(signals), null, 8);

/** What a signal does: the kernel's struct sigaction as bytes, to be given back whole (sigaction(2)). */
export function signalAction(signal: number): Uint8Array {
  const action = new Uint8Array(32);
  attempt("rt_sigaction", signal, null, action, 8);
  return action;
}

/** int sigaction(int signal, const struct sigaction *action, NULL): 0, or -errno. */
export const setSignalAction = (signal: number, action: Uint8Array): number =>
  attempt("rt_sigaction", signal, action, null, 8);

/** Puts a signal's disposition back to the default: that is a struct sigaction of zeros. */
export const defaultSignal = (signal: number): number => setSignalAction(signal, new Uint8Array(32));
