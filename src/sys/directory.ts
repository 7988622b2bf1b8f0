// Owns directories: making, listing and removing their entries, symlinks, and the working directory.

import { decode } from "./bytes.ts";
import { AT, AT_FDCWD } from "./constants.ts";
import { attempt, call } from "./libc.ts";

/** int mkdirat(int dirfd, const char *path, mode_t mode). @throws SysError */
export function mkdirat(dirfd: number, path: string, mode: number): number {
  return call("mkdirat", dirfd, path, mode);
}

/** mkdirat(2): 0, or -errno. */
export function tryMkdirat(dirfd: number, path: string, mode: number): number {
  return attempt("mkdirat", dirfd, path, mode);
}

/** int mknodat(int dirfd, const char *path, mode_t mode, dev_t dev): 0, or -errno. */
export function tryMknodat(dirfd: number, path: string, mode: number, device: number): number {
  return attempt("mknodat", dirfd, path, mode, device);
}

/** int symlinkat(const char *target, int dirfd, const char *path): 0, or -errno. */
export function trySymlinkat(target: string, dirfd: number, path: string): number {
  return attempt("symlinkat", target, dirfd, path);
}

/** int unlinkat(int dirfd, const char *path, int flags): 0, or -errno. AT_REMOVEDIR makes it rmdir(2). */
export function tryUnlinkat(dirfd: number, path: string, flags: number): number {
  return attempt("unlinkat", dirfd, path, flags);
}

/** int renameat(int olddirfd, const char *oldpath, int newdirfd, const char *newpath). @throws SysError */
export function renameat(from: number, oldPath: string, to: number, newPath: string): number {
  return call("renameat2", from, oldPath, to, newPath, 0);
}

/**
 * ssize_t getdents64(int fd, void *buf, size_t size): calls `visit` with each name in a directory, without . and .., until
 * it returns true; returns whether it did. What lies behind that name is not read: a directory that others fill may have
 * any size. `onRead` is told of each call's bytes. @throws SysError
 */
export function eachName(
  fd: number,
  visit: (name: string) => boolean,
  onRead?: (bytes: number) => void,
): boolean {
  const buffer = new Uint8Array(32768);
  for (;;) {
    const n = call("getdents64", fd, buffer, buffer.length);
    if (n === 0) return false;
    onRead?.(n);
    // struct linux_dirent64 { u64 ino; s64 off; u16 reclen; u8 type; char name[]; }
    for (let at = 0; at < n; at += buffer[at + 16]! | (buffer[at + 17]! << 8)) {
      const end = buffer.indexOf(0, at + 19);
      const name = decode(buffer.subarray(at + 19, end));
      if (name !== "." && name !== ".." && visit(name)) return true;
    }
  }
}

/** The names in a directory; once there are `most`, the rest is not read. @throws SysError */
export function listDirectory(
  fd: number,
  most = Number.POSITIVE_INFINITY,
  onRead?: (bytes: number) => void,
): string[] {
  const names: string[] = [];
  eachName(fd, (name) => names.push(name) >= most, onRead);
  return names;
}

/** True where a directory has no entry but . and .. @throws SysError */
export function isEmptyDirectory(fd: number): boolean {
  return !eachName(fd, () => true);
}

/** ssize_t readlink(const char *path, …): the text of a symlink. @throws SysError */
export function readlink(path: string): string {
  return readlinkat(AT_FDCWD, path);
}

/**
 * ssize_t readlinkat(int dirfd, const char *path, char *buf, size_t size): the text of a symlink. With "" that is the one
 * that `dirfd` is open on (O_PATH|O_NOFOLLOW). @throws SysError
 */
export function readlinkat(dirfd: number, path: string): string {
  const bytes = new Uint8Array(4096);
  return decode(bytes.subarray(0, call("readlinkat", dirfd, path, bytes, bytes.length)));
}

/** readlinkat(2): the text of a symlink, or -errno; EINVAL is the answer for another file. */
export function tryReadlinkat(dirfd: number, path: string): string | number {
  const bytes = new Uint8Array(4096);
  const length = attempt("readlinkat", dirfd, path, bytes, bytes.length);
  return length < 0 ? length : decode(bytes.subarray(0, length));
}

/** The path that an open descriptor has now. @throws SysError */
export function pathOf(fd: number): string {
  return readlink(`/proc/self/fd/${fd}`);
}

/** int unlink(const char *path): 0, or -errno. */
export function unlink(path: string): number {
  return attempt("unlinkat", AT_FDCWD, path, 0);
}
/** int rmdir(const char *path): 0, or -errno. */
export function rmdir(path: string): number {
  return attempt("unlinkat", AT_FDCWD, path, AT.AT_REMOVEDIR);
}

/** int chdir(const char *path). @throws SysError */
export function chdir(path: string): number {
  return call("chdir", path);
}

/** chdir(2): 0, or -errno. */
export function tryChdir(path: string): number {
  return attempt("chdir", path);
}

/** int fchdir(int fd). @throws SysError */
export function fchdir(fd: number): number {
  return call("fchdir", fd);
}

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
