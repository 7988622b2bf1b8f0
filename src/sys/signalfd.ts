// Owns reading signals from a descriptor instead of being interrupted by them (signalfd(2)).

import { attempt, call } from "./libc.ts";

/**
 * int signalfd(-1, const sigset_t *mask, int flags): a new descriptor. Its signals must be blocked. @throws SysError
 */
export function signalfd(mask: Uint8Array, flags: number): number {
  return call("signalfd4", -1, mask, mask.length, flags);
}

/** What struct signalfd_siginfo says of one signal. */
export interface SignalInfo {
  signal: number;
  /** si_code, who sent it: SI_KERNEL for a key of a terminal, below 1 for a process */
  code: number;
}

// struct signalfd_siginfo { u32 ssi_signo; s32 ssi_errno, ssi_code; … }: 128 bytes
const WORDS = 32;
function infoOf(words: Int32Array): SignalInfo {
  return { signal: words[0]!, code: words[2]! };
}

/** Waits for the next signal. @throws SysError */
export function readSignal(fd: number): SignalInfo {
  const words = new Int32Array(new ArrayBuffer(4 * WORDS));
  call("read", fd, new Uint8Array(words.buffer), 4 * WORDS);
  return infoOf(words);
}

/** The next signal, from a descriptor with SFD_NONBLOCK; undefined where none is pending. */
export function tryReadSignal(fd: number): SignalInfo | undefined {
  const words = new Int32Array(new ArrayBuffer(4 * WORDS));
  return attempt("read", fd, new Uint8Array(words.buffer), 4 * WORDS) < 0 ? undefined : infoOf(words);
}
