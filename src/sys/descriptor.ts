// Owns what can be done with a descriptor of any kind: flags, copies, closing many, and copying between two.

import { F_GETFL, F_SETFL, IOCTL, O } from "./constants.ts";
import { attempt, call } from "./libc.ts";

/** int fcntl(int fd, int op, int arg). @throws SysError */
export function fcntl(fd: number, operation: number, argument = 0): number {
  return call("fcntl", fd, operation, argument);
}

/** fcntl(2): its result, or -errno. */
export function tryFcntl(fd: number, operation: number, argument = 0): number {
  return attempt("fcntl", fd, operation, argument);
}

/** Sets O_NONBLOCK: reads and writes of this open file fail with EAGAIN where they would wait. @throws SysError */
export function setNonblocking(fd: number): number {
  return fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O.O_NONBLOCK);
}

/** int pipe2(int pipefd[2], int flags), always O_CLOEXEC: the ends to read from and to write to. @throws SysError */
export function pipe(flags = 0): [read: number, write: number] {
  const ends = new Int32Array(2);
  call("pipe2", new Uint8Array(ends.buffer), O.O_CLOEXEC | flags);
  return [ends[0]!, ends[1]!];
}

/** int ioctl(int fd, FIONREAD, int *): how many bytes of a pipe were not read yet. @throws SysError */
export function unreadBytes(fd: number): number {
  const count = new Int32Array(1);
  call("ioctl", fd, IOCTL.FIONREAD, new Uint8Array(count.buffer));
  return count[0]!;
}

/** int dup3(int oldfd, int newfd, int flags). @throws SysError */
export function dup3(from: number, to: number, flags: number): number {
  return call("dup3", from, to, flags);
}

/** The last descriptor that there can be, for closeRange. */
export const LAST_DESCRIPTOR = 0xffffffff;

/** int close_range(unsigned first, unsigned last, int flags): both ends included. @throws SysError */
export function closeRange(first: number, last: number, flags: number): number {
  return call("close_range", first, last, flags);
}

/**
 * ssize_t sendfile(int out, int in, off_t *offset, size_t count), from the offset that `from` is at. @throws SysError
 */
export function sendfile(to: number, from: number, count: number): number {
  return call("sendfile", to, from, null, count);
}
