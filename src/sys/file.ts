// Owns files and directories by descriptor: open, openat2, read, write and friends. No node:fs: it costs a
// millisecond of start-up, follows what a container plants, and sees stale mounts after unshare.

import { decode, encode } from "./bytes.ts";
import { AT_FDCWD, F_SETFD, FD_CLOEXEC, O, RESOLVE, S_IFMT, S_IFREG } from "./constants.ts";
import { EAGAIN, EFBIG, isErrno, SysError } from "./errno.ts";
import { attempt, call } from "./libc.ts";
import { statx } from "./stat.ts";

/** int open(const char *path, int flags, mode_t mode), always O_CLOEXEC. @throws SysError */
export function open(path: string, flags: number, mode = 0): number {
  return openat(AT_FDCWD, path, flags, mode);
}

/** open(2), always O_CLOEXEC: a descriptor, or -errno. */
export function tryOpen(path: string, flags: number, mode = 0): number {
  return tryOpenat(AT_FDCWD, path, flags, mode);
}

/** int openat(int dirfd, const char *path, int flags, mode_t mode), always O_CLOEXEC. @throws SysError */
export function openat(dirfd: number, path: string, flags: number, mode = 0): number {
  return call("openat", dirfd, path, flags | O.O_CLOEXEC, mode);
}

/** openat(2), always O_CLOEXEC: a descriptor, or -errno. */
export function tryOpenat(dirfd: number, path: string, flags: number, mode = 0): number {
  return attempt("openat", dirfd, path, flags | O.O_CLOEXEC, mode);
}

/**
 * The kernel answers ".." with EAGAIN while anything on the host is renamed or mounted; the call is repeated so often,
 * and for so many milliseconds. A hostile rootfs makes a call take long, with many links and "..".
 */
const PATIENCE = 1000;
const LONGEST_PATIENCE = 500;

// struct open_how { __u64 flags, mode, resolve; }, all of them below 2^32
const how = new Uint32Array(6);
const howBytes = new Uint8Array(how.buffer);

/**
 * long openat2(int dirfd, const char *path, struct open_how *how, size_t size), always O_CLOEXEC: a descriptor, or
 * -errno. `resolve` (RESOLVE_*) says where the path may lead.
 */
export function tryOpenat2(dirfd: number, path: string, flags: number, resolve: number, mode = 0): number {
  how[0] = flags | O.O_CLOEXEC;
  how[2] = mode;
  how[4] = resolve;
  const result = attempt("openat2", dirfd, path, howBytes, howBytes.length);
  return result === -EAGAIN ? openAgain(dirfd, path) : result;
}

/** Repeats the call. It is for itself since `performance` is made at the first call of a function that names it. */
function openAgain(dirfd: number, path: string): number {
  const end = performance.now() + LONGEST_PATIENCE;
  for (let tries = 1; ; tries++) {
    const result = attempt("openat2", dirfd, path, howBytes, howBytes.length);
    if (result !== -EAGAIN || tries === PATIENCE || performance.now() > end) return result;
  }
}

/**
 * Opens a path below a root as if it had been chroot'ed there: no symlink, `..` or magic link leads out.
 * @throws SysError
 */
export function openInRoot(rootfd: number, path: string, flags: number, resolve = 0): number {
  const fd = tryOpenat2(
    rootfd,
    path,
    flags,
    RESOLVE.RESOLVE_IN_ROOT | RESOLVE.RESOLVE_NO_MAGICLINKS | resolve,
  );
  if (fd < 0) throw new SysError("openat2", [rootfd, path, flags], -fd, `open ${path}`);
  return fd;
}

/** int close(int fd). Its errors are dropped: the descriptor is closed whatever it says. */
export function close(fd: number): void {
  attempt("close", fd);
}

/** Runs `use` with a descriptor, and closes the descriptor also where that throws. */
export function withFd<T>(fd: number, use: (fd: number) => T): T {
  try {
    return use(fd);
  } finally {
    close(fd);
  }
}

/** ssize_t read(int fd, void *buf, size_t count): fills the start of the buffer; 0 at the end. @throws SysError */
export function read(fd: number, buffer: Uint8Array): number {
  return call("read", fd, buffer, buffer.length);
}

/** read(2): the number of bytes, or -errno. */
export function tryRead(fd: number, buffer: Uint8Array): number {
  return attempt("read", fd, buffer, buffer.length);
}

/** off_t lseek(int fd, off_t offset, SEEK_SET): the offset, or -errno. */
export function trySeek(fd: number, offset: number): number {
  return attempt("lseek", fd, offset, 0);
}

const SEEK_CUR = 1;

/** The offset of an open file (lseek(2)), or -errno: -ESPIPE for what has none. */
export function tryTell(fd: number): number {
  return attempt("lseek", fd, 0, SEEK_CUR);
}

/** The length of data in bytes, of text in UTF-8. */
function lengthOf(data: Uint8Array | string): number {
  return typeof data === "string" ? encode(data).length : data.length;
}

/** ssize_t write(int fd, const void *buf, size_t count): the number of bytes written. @throws SysError */
export function write(fd: number, data: Uint8Array | string): number {
  return call("write", fd, data, lengthOf(data));
}

/** write(2): the number of bytes written, or -errno. */
export function tryWrite(fd: number, data: Uint8Array | string): number {
  return attempt("write", fd, data, lengthOf(data));
}

/** In bytes. A file that is larger, or never ends, is refused where minibox reads it whole. */
const LARGEST_FILE = 64 << 20;

/**
 * In bytes, for a table of the rootfs. It is read before there is a container, whose limits would hold, and a hostile one
 * takes a quarter of a second for each MiB. Eighty thousand users have room.
 */
const LARGEST_IN_ROOT = 4 << 20;

/**
 * Reads `length` bytes of a descriptor; fewer only where the file ends before. `onRead` is told of the bytes of each
 * call. What has room in `first` is read into it. @throws SysError
 */
export function readHead(
  fd: number,
  length: number,
  onRead?: (bytes: number) => void,
  first = new Uint8Array(Math.min(4096, length)),
): Uint8Array {
  let buffer = first;
  let done = 0;
  while (done < length) {
    if (done === buffer.length) {
      const larger = new Uint8Array(Math.min(buffer.length * 4, length));
      larger.set(buffer);
      buffer = larger;
    }
    const n = read(fd, done === 0 ? buffer : buffer.subarray(done));
    if (n === 0) break;
    onRead?.(n);
    done += n;
  }
  return buffer.subarray(0, done);
}

/**
 * Reads a descriptor to its end; `shown` is what an error calls it. @throws SysError, EFBIG above the limit in bytes
 */
export function readAll(
  fd: number,
  shown = "a file",
  limit = LARGEST_FILE,
  first?: Uint8Array<ArrayBuffer>,
): Uint8Array {
  const bytes = readHead(fd, limit + 1, undefined, first);
  if (bytes.length > limit) throw tooLarge(shown, limit);
  return bytes;
}

function tooLarge(shown: string, limit: number): SysError {
  return new SysError("read", [shown], EFBIG, `read ${shown}, at most ${limit >> 20} MiB`);
}

/** Where a text that fits is read before it is decoded: one page of memory for all files, which are read one by one. */
const forText = new Uint8Array(4096);

/** The text of a file that the container cannot write, by its path. @throws SysError */
export function readFile(path: string, limit?: number): string {
  return withFd(open(path, 0), (fd) => decode(readAll(fd, path, limit, forText)));
}

/** The bytes of a file that the container cannot write, by its path. @throws SysError */
export function readFileBytes(path: string, limit?: number): Uint8Array {
  return withFd(open(path, 0), (fd) => readAll(fd, path, limit));
}

/** A file's text, or undefined where it cannot be read. @throws SysError where it is too large */
export function tryReadFile(path: string, limit?: number): string | undefined {
  const fd = tryOpen(path, 0);
  return fd < 0 ? undefined : withFd(fd, () => textOf(fd, path, limit));
}

function textOf(fd: number, shown: string, limit?: number): string | undefined {
  try {
    return decode(readAll(fd, shown, limit, forText));
  } catch (error) {
    if (!isErrno(error, EFBIG)) return undefined;
    throw error;
  }
}

/**
 * The text of a regular file below a root, whose contents the container may have written; undefined where it cannot be
 * read. Another kind of file is not opened: opening a FIFO can wait, and opening a device can act.
 * @throws SysError where the file is too large
 */
export function tryReadFileInRoot(rootfd: number, path: string): string | undefined {
  const resolve = RESOLVE.RESOLVE_IN_ROOT | RESOLVE.RESOLVE_NO_MAGICLINKS;
  const place = tryOpenat2(rootfd, path, O.O_PATH, resolve);
  if (place < 0) return undefined;
  return withFd(place, () => {
    const { mode, size } = statx(place);
    if ((mode & S_IFMT) !== S_IFREG) return undefined;
    const shown = `${path} in the rootfs`;
    if (size > LARGEST_IN_ROOT) throw tooLarge(shown, LARGEST_IN_ROOT);
    const fd = tryOpen(`/proc/self/fd/${place}`, 0);
    return fd < 0 ? undefined : withFd(fd, () => textOf(fd, shown, LARGEST_IN_ROOT));
  });
}

/** Writes all bytes. @throws SysError */
export function writeAll(fd: number, bytes: Uint8Array): void {
  for (let done = 0; done < bytes.length; ) done += write(fd, bytes.subarray(done));
}

/**
 * Writes text to an existing file in one write(2): files of cgroups and of /proc take a value in no other way.
 * @throws SysError
 */
export function writeFile(path: string, text: string): void {
  withFd(open(path, O.O_WRONLY), (fd) => write(fd, text));
}

/** Sets or clears close-on-exec, the only flag that a descriptor itself has (F_SETFD in fcntl(2)). @throws SysError */
export function setCloexec(fd: number, on: boolean): number {
  return call("fcntl", fd, F_SETFD, on ? FD_CLOEXEC : 0);
}
