// Owns pseudo-terminals (pts(4), ioctl_tty(2)): making one for a container. What a caller's terminal needs is in
// terminal.ts, which the container's first process does not load.

import { IOCTL, O } from "./constants.ts";
import { openat } from "./file.ts";
import { call } from "./libc.ts";

/** Rows and columns of a terminal. */
export interface WindowSize {
  height: number;
  width: number;
}

/** int ioctl(int fd, TIOCSWINSZ, const struct winsize *): a terminal's size in characters. @throws SysError */
export function setWindowSize(fd: number, { height, width }: WindowSize): void {
  const size = new Uint16Array([height, width, 0, 0]); // struct winsize
  call("ioctl", fd, IOCTL.TIOCSWINSZ, new Uint8Array(size.buffer));
}

/** Opens a new pseudo-terminal in a devpts, whose open directory is given. @throws SysError */
export function openPty(devpts: number): { master: number; slave: number; number: number } {
  const master = openat(devpts, "ptmx", O.O_RDWR | O.O_NOCTTY | O.O_NOFOLLOW);
  call("ioctl", master, IOCTL.TIOCSPTLCK, new Uint8Array(4));
  // not by the name /dev/pts/N: the container could have put something else there
  const slave = openPeer(master);
  const number = new Int32Array(1);
  call("ioctl", master, IOCTL.TIOCGPTN, new Uint8Array(number.buffer));
  return { master, slave, number: number[0]! };
}

/** int ioctl(int master, TIOCGPTPEER, int flags): opens the slave of a pty. @throws SysError */
export function openPeer(master: number): number {
  return call("ioctl", master, IOCTL.TIOCGPTPEER, O.O_RDWR | O.O_NOCTTY | O.O_CLOEXEC);
}

/** int ioctl(int fd, TIOCSCTTY, 0): a terminal becomes the controlling one of this session leader. @throws SysError */
export function setControllingTerminal(fd: number): number {
  return call("ioctl", fd, IOCTL.TIOCSCTTY, 0);
}
