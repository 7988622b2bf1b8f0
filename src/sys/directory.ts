// Owns directories: the entries made and removed in them, and the one that this process works in.

import { decode } from "./bytes.ts";
import { attempt, call } from "./libc.ts";

/** int mkdirat(int dirfd, const char *path, mode_t mode). @throws SysError */
export const mkdirat = (dirfd: number, path: string, mode: number): number =>
  call("mkdirat", dirfd, path, mode);

/** mkdirat(2): 0, or -errno. */
export const tryMkdirat = (dirfd: number, path: string, mode: number): number =>
  attempt("mkdirat", dirfd, path, mode);

/** int mknodat(int dirfd, const char *path, mode_t mode, dev_t dev): 0, or -errno. */
export const tryMknodat = (dirfd: number, path: string, mode: number, device: number): number =>
  attempt("mknodat", dirfd, path, mode, device);

/** int symlinkat(const char *target, int dirfd, const char *path): 0, or -errno. */
export const trySymlinkat = (target: string, dirfd: number, path: string): number =>
  attempt("symlinkat", target, dirfd, path);

/** int unlinkat(int dirfd, const char *path, int flags): 0, or -errno. AT_REMOVEDIR makes it rmdir(2). */
export const tryUnlinkat = (dirfd: number, path: string, flags: number): number =>
  attempt("unlinkat", dirfd, path, flags);

/** int renameat(int olddirfd, const char *oldpath, int newdirfd, const char *newpath). @throws SysError */
export const renameat = (from: number, oldPath: string, to: number, newPath: string): number =>
  call("renameat2", from, oldPath, to, newPath, 0);

/** int chdir(const char *path). @throws SysError */
export const chdir = (path: string): number => call("chdir", path);

/** chdir(2): 0, or -errno. */
export const tryChdir = (path: string): number => attempt("chdir", path);

/** int fchdir(int fd). @throws SysError */
export const fchdir = (fd: number): number => call("fchdir", fd);

const PATH_MAX = 4096;

/**
 * char *getcwd(char *buf, size_t size): the path, or -errno. The path of a directory outside of our root does not begin
 * with "/"; ENOENT is the answer for one that was removed.
 */
export function tryGetcwd(): string | number {
  const path = new Uint8Array(PATH_MAX);
  const length = attempt("getcwd", path, path.length); // the kernel counts the NUL
  return length < 0 ? length : decode(path.subarray(0, length - 1));
}
