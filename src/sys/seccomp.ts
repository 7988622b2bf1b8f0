// Owns putting a seccomp filter on this thread (seccomp(2)), and no_new_privs, which that needs without CAP_SYS_ADMIN.

import { putLong } from "./bytes.ts";
import { PR } from "./constants.ts";
import { addressOf, call } from "./libc.ts";

/** linux/seccomp.h */
const SECCOMP_SET_MODE_FILTER = 1;
export const SECCOMP_FILTER_FLAG_NEW_LISTENER = 8;

/**
 * int seccomp(SECCOMP_SET_MODE_FILTER, unsigned flags, struct sock_fprog *), of an array of struct sock_filter. With
 * SECCOMP_FILTER_FLAG_NEW_LISTENER it returns the descriptor that notices are read from. @throws SysError
 */
export function installFilter(program: Uint8Array, flags: number): number {
  // struct sock_fprog { unsigned short len; struct sock_filter *filter; }
  const fprog = new Uint32Array(new ArrayBuffer(16));
  fprog[0] = program.length / 8;
  putLong(fprog, 2, addressOf(program));
  return call("seccomp", SECCOMP_SET_MODE_FILTER, flags, new Uint8Array(fprog.buffer));
}

/**
 * int prctl(PR_SET_NO_NEW_PRIVS, 1): from here on execve(2) heeds no set-uid bit and no file capability.
 * @throws SysError
 */
export function setNoNewPrivileges(): number {
  return call("prctl", PR.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
}
