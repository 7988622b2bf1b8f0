// Owns putting a seccomp filter on this thread (seccomp(2)), and the promise that it wants (PR_SET_NO_NEW_PRIVS).

import { putLong } from "./bytes.ts";
import { PR } from "./constants.ts";
import { addressOf, call } from "./libc.ts";

/** linux/seccomp.h */
const SECCOMP_SET_MODE_FILTER = 1;
export const SECCOMP_FILTER_FLAG_NEW_LISTENER = 8;

/**
 * Installs an array of struct sock_filter; with SECCOMP_FILTER_FLAG_NEW_LISTENER returns the descriptor that notices
 * are read from. @throws SysError
 */
export function installFilter(program: Uint8Array, flags: number): number {
  // struct sock_fprog { unsigned short len; struct sock_filter *filter; }
  const fprog = new Uint32Array(new ArrayBuffer(16));
  fprog[0] = program.length / 8;
  putLong(fprog, 2, addressOf(program));
  return call("seccomp", SECCOMP_SET_MODE_FILTER, flags, new Uint8Array(fprog.buffer));
}

/** From here on no execve gives more than there is: set-uid bits and file capabilities mean nothing. @throws SysError */
export const setNoNewPrivileges = (): number => call("prctl", PR.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
