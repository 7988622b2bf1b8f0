// Owns who may use a file: its mode and owner (inode(7)), the question whether this process may, and the umask.

import { AT } from "./constants.ts";
import { attempt, call } from "./libc.ts";

/**
 * int faccessat(int dirfd, const char *path, int mode): 0, or -errno. It is the real user id that counts, not the effective
 * one, and symlinks are followed.
 */
export function tryFaccessat(dirfd: number, path: string, mode: number): number {
  return attempt("faccessat", dirfd, path, mode);
}

/** int fchmodat(int dirfd, const char *path, mode_t mode): the umask does not count. @throws SysError */
export function fchmodat(dirfd: number, path: string, mode: number): number {
  return call("fchmodat", dirfd, path, mode);
}

/** fchmodat(2): 0, or -errno. */
export function tryFchmodat(dirfd: number, path: string, mode: number): number {
  return attempt("fchmodat", dirfd, path, mode);
}

/** int fchmod(int fd, mode_t mode): 0, or -errno. */
export function tryFchmod(fd: number, mode: number): number {
  return attempt("fchmod", fd, mode);
}

/**
 * int fchownat(int dirfd, const char *path, uid_t owner, gid_t group, int flags). An id of -1 stays as it is.
 * @throws SysError
 */
export function fchownat(dirfd: number, path: string, uid: number, gid: number, flags: number): number {
  return call("fchownat", dirfd, path, uid, gid, flags);
}

/** fchownat(2): 0, or -errno. */
export function tryFchownat(dirfd: number, path: string, uid: number, gid: number, flags: number): number {
  return attempt("fchownat", dirfd, path, uid, gid, flags);
}

/** int fchown(int fd, uid_t owner, gid_t group), which takes an O_PATH descriptor too. @throws SysError */
export function fchown(fd: number, uid: number, gid: number): number {
  return fchownat(fd, "", uid, gid, AT.AT_EMPTY_PATH);
}

/** fchown(2): 0, or -errno. */
export function tryFchown(fd: number, uid: number, gid: number): number {
  return tryFchownat(fd, "", uid, gid, AT.AT_EMPTY_PATH);
}

/** mode_t umask(mode_t mask): the mask before. It cannot fail. */
export function umask(mask: number): number {
  return attempt("umask", mask);
}
