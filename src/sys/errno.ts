// Owns errno: its names, its words, and the error that a failed system call becomes (errno(3)).

/** Numbers, names and words of errno on Linux (asm-generic/errno-base.h, errno.h); the same on x86-64 and arm64. */
const makeTable = (): Record<number, [name: string, words: string]> => ({
  1: ["EPERM", "operation not permitted"],
  2: ["ENOENT", "no such file or directory"],
  3: ["ESRCH", "no such process"],
  4: ["EINTR", "interrupted system call"],
  5: ["EIO", "input/output error"],
  6: ["ENXIO", "no such device or address"],
  7: ["E2BIG", "argument list too long"],
  8: ["ENOEXEC", "exec format error"],
  9: ["EBADF", "bad file descriptor"],
  10: ["ECHILD", "no child processes"],
  11: ["EAGAIN", "resource temporarily unavailable"],
  12: ["ENOMEM", "cannot allocate memory"],
  13: ["EACCES", "permission denied"],
  14: ["EFAULT", "bad address"],
  15: ["ENOTBLK", "block device required"],
  16: ["EBUSY", "device or resource busy"],
  17: ["EEXIST", "file exists"],
  18: ["EXDEV", "invalid cross-device link"],
  19: ["ENODEV", "no such device"],
  20: ["ENOTDIR", "not a directory"],
  21: ["EISDIR", "is a directory"],
  22: ["EINVAL", "invalid argument"],
  23: ["ENFILE", "too many open files in system"],
  24: ["EMFILE", "too many open files"],
  25: ["ENOTTY", "inappropriate ioctl for device"],
  26: ["ETXTBSY", "text file busy"],
  27: ["EFBIG", "file too large"],
  28: ["ENOSPC", "no space left on device"],
  29: ["ESPIPE", "illegal seek"],
  30: ["EROFS", "read-only file system"],
  31: ["EMLINK", "too many links"],
  32: ["EPIPE", "broken pipe"],
  33: ["EDOM", "numerical argument out of domain"],
  34: ["ERANGE", "numerical result out of range"],
  35: ["EDEADLK", "resource deadlock avoided"],
  36: ["ENAMETOOLONG", "file name too long"],
  38: ["ENOSYS", "function not implemented"],
  39: ["ENOTEMPTY", "directory not empty"],
  40: ["ELOOP", "too many levels of symbolic links"],
  61: ["ENODATA", "no data available"],
  75: ["EOVERFLOW", "value too large for defined data type"],
  80: ["ELIBBAD", "accessing a corrupted shared library"],
  87: ["EUSERS", "too many users"],
  90: ["EMSGSIZE", "message too long"],
  95: ["EOPNOTSUPP", "operation not supported"],
  98: ["EADDRINUSE", "address already in use"],
  104: ["ECONNRESET", "connection reset by peer"],
  107: ["ENOTCONN", "transport endpoint is not connected"],
  110: ["ETIMEDOUT", "connection timed out"],
  111: ["ECONNREFUSED", "connection refused"],
  116: ["ESTALE", "stale file handle"],
  122: ["EDQUOT", "disk quota exceeded"],
  126: ["ENOKEY", "required key not available"],
});

let table: ReturnType<typeof makeTable> | undefined;

/** A start that meets no error makes no table. */
function entry(errno: number): [name: string, words: string] | undefined {
  table ??= makeTable();
  return table[errno];
}

export const EPERM = 1;
export const ENOENT = 2;
export const ESRCH = 3;
export const EINTR = 4;
export const EIO = 5;
export const ENXIO = 6;
export const E2BIG = 7;
export const ENOEXEC = 8;
export const EBADF = 9;
export const EAGAIN = 11;
export const ENOMEM = 12;
export const EACCES = 13;
export const EBUSY = 16;
export const EEXIST = 17;
export const EXDEV = 18;
export const ENODEV = 19;
export const ENOTDIR = 20;
export const EISDIR = 21;
export const EINVAL = 22;
export const EMFILE = 24;
export const ENOTTY = 25;
export const ETXTBSY = 26;
export const EFBIG = 27;
export const ENOSPC = 28;
export const EROFS = 30;
export const EPIPE = 32;
export const ENAMETOOLONG = 36;
export const ENOSYS = 38;
export const ENOTEMPTY = 39;
export const ELOOP = 40;
export const ELIBBAD = 80;
export const EOPNOTSUPP = 95;
export const ECONNRESET = 104;
export const ECONNREFUSED = 111;

/** The symbolic name of an errno; `errno 999` for one that the table does not have. */
export function errnoName(errno: number): string {
  return entry(errno)?.[0] ?? `errno ${errno}`;
}

/** What a person reads: `EPERM: operation not permitted`. */
export function errnoText(errno: number): string {
  const known = entry(errno);
  return known ? `${known[0]}: ${known[1]}` : `errno ${errno}`;
}

/** An argument of a call. libc gets the address of a string's bytes with a NUL, and of a byte array's. */
export type Arg = number | string | null | Uint8Array;

/** A failed system call, shaped like Node's (code, errno, syscall) with the arguments kept for the message. */
export class SysError extends Error {
  override readonly name = "SysError";
  readonly code: string;
  constructor(
    readonly syscall: string,
    readonly args: readonly Arg[],
    readonly errno: number,
    /** what was being done, in a person's words; the call's name where no step was named */
    readonly step = syscall,
  ) {
    super(`${step}: ${errnoText(errno)}`);
    this.code = errnoName(errno);
  }
}

/** True for a SysError with one of these errnos, for the places where a failure is an answer. */
export function isErrno(error: unknown, ...errnos: number[]): error is SysError {
  return error instanceof SysError && errnos.includes(error.errno);
}
