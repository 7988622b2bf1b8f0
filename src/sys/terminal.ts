// Owns terminals: termios, window size, foreground process group (ioctl_tty(2)).

import { IOCTL, O, SIGNALS } from "./constants.ts";
import { tryOpen } from "./file.ts";
import { attempt } from "./libc.ts";
import type { WindowSize } from "./pty.ts";

/** The kernel's struct termios as bytes, for saving and restoring it whole. */
export type Termios = Uint8Array;

const TERMIOS_SIZE = 36;

/**
 * int ioctl(int fd, TCGETS, struct termios *): a terminal's settings; undefined where the descriptor is no terminal.
 */
export function getTermios(fd: number): Termios | undefined {
  const termios = new Uint8Array(TERMIOS_SIZE);
  return attempt("ioctl", fd, IOCTL.TCGETS, termios) < 0 ? undefined : termios;
}

export function isTerminal(fd: number): boolean {
  return getTermios(fd) !== undefined;
}

/**
 * int ioctl(int fd, TCSETSW, const struct termios *): applies settings once pending output is written; 0, or -errno.
 */
export function setTermios(fd: number, termios: Termios): number {
  return attempt("ioctl", fd, IOCTL.TCSETSW, termios);
}

/**
 * A copy of the settings in raw mode, as cfmakeraw(3) makes it. With `output` the output is processed as before
 * (OPOST).
 */
export function rawMode(termios: Termios, output = false): Termios {
  const raw = termios.slice();
  const view = new DataView(raw.buffer);
  // asm-generic/termbits.h: c_iflag, c_oflag, c_cflag, c_lflag, c_line, c_cc[19]
  view.setUint32(0, view.getUint32(0, true) & ~0o2753, true); // IGNBRK BRKINT PARMRK ISTRIP INLCR IGNCR ICRNL IXON
  if (!output) view.setUint32(4, view.getUint32(4, true) & ~OPOST, true);
  view.setUint32(8, (view.getUint32(8, true) & ~0o460) | 0o60, true); // CSIZE PARENB, CS8
  view.setUint32(12, view.getUint32(12, true) & ~0o100113, true); // ECHO ECHONL ICANON ISIG IEXTEN
  raw[17 + 6] = 1; // VMIN
  raw[17 + 5] = 0; // VTIME
  return raw;
}

/** Where the special characters lie in a struct termios (asm-generic/termbits.h). */
export const CC = { VINTR: 17, VQUIT: 18, VEOF: 21, VSUSP: 27 } as const;
const C_OFLAG = 4;
const OPOST = 1;
const C_LFLAG = 12;
const ISIG = 1;
const ICANON = 2;
const ECHO = 8;
const TOSTOP = 0o400;

/** True where input comes line by line. */
export function isCanonical(termios: Termios): boolean {
  return (termios[C_LFLAG]! & ICANON) !== 0;
}

/** True where output is processed: a new line goes to its beginning. */
export function processesOutput(termios: Termios): boolean {
  return (termios[C_OFLAG]! & OPOST) !== 0;
}

/** True where a process in the background stops when it writes (stty tostop). */
export function stopsBackground(termios: Termios): boolean {
  return (new DataView(termios.buffer).getUint32(C_LFLAG, true) & TOSTOP) !== 0;
}

/**
 * True where input comes line by line and is echoed, as in a new terminal. A program that reads keys or a password
 * changes it.
 */
export function isAtRest(termios: Termios): boolean {
  return (termios[C_LFLAG]! & (ICANON | ECHO)) === (ICANON | ECHO);
}

/** True where keys send signals. */
export function sendsSignals(termios: Termios): boolean {
  return (termios[C_LFLAG]! & ISIG) !== 0;
}

/**
 * Puts bytes into a terminal as if they were typed, without echo and without signals (TIOCSTI, ioctl_tty(2)). Root may do
 * that; where dev.tty.legacy_tiocsti is 1, everybody may do it to the own controlling terminal. Stops where it is refused.
 */
export function typeInto(fd: number, termios: Termios, bytes: Uint8Array): void {
  const silent = termios.slice();
  silent[C_LFLAG]! &= ~(ISIG | ECHO);
  setTermios(fd, silent);
  for (const byte of bytes) if (attempt("ioctl", fd, IOCTL.TIOCSTI, Uint8Array.of(byte)) < 0) break;
  setTermios(fd, termios);
}

/** The signals that these bytes make a terminal send to its foreground process group (termios(3), ISIG). */
export function signalsOf(termios: Termios, bytes: Uint8Array): number[] {
  const signals: number[] = [];
  if (!sendsSignals(termios)) return signals;
  if (bytes.includes(termios[CC.VINTR]!)) signals.push(SIGNALS.INT);
  if (bytes.includes(termios[CC.VQUIT]!)) signals.push(SIGNALS.QUIT);
  if (bytes.includes(termios[CC.VSUSP]!)) signals.push(SIGNALS.TSTP);
  return signals;
}

/**
 * int ioctl(int fd, TIOCGPGRP, pid_t *): the foreground process group of our controlling terminal, or of a pty, whose
 * master is given. 0 for none, or -errno: ENOTTY is the answer for a terminal that is not our controlling one.
 */
export function foregroundGroup(fd: number): number {
  const group = new Int32Array(1);
  const result = attempt("ioctl", fd, IOCTL.TIOCGPGRP, new Uint8Array(group.buffer));
  return result < 0 ? result : group[0]!;
}

/**
 * Opens a terminal again, for reading and writing without waiting. O_NONBLOCK belongs to the open file, which other
 * processes share, so it is not set on the given descriptor. Returns that one where the terminal cannot be opened.
 */
export function reopenTerminal(fd: number): number {
  const again = tryOpen(`/proc/self/fd/${fd}`, O.O_RDWR | O.O_NOCTTY | O.O_NONBLOCK);
  return again < 0 ? fd : again;
}

/** Gives `to` the window size of `from`. Does nothing where `from` is no terminal. */
export function copyWindowSize(from: number, to: number): void {
  const size = new Uint8Array(8);
  if (attempt("ioctl", from, IOCTL.TIOCGWINSZ, size) >= 0) attempt("ioctl", to, IOCTL.TIOCSWINSZ, size);
}

/** int ioctl(int master, TIOCSIG, int sig): signals the foreground process group of a pty; 0, or -errno. */
export function trySignalForeground(master: number, signal: number): number {
  return attempt("ioctl", master, IOCTL.TIOCSIG, signal);
}

/** The size of a terminal; undefined for what is none, or has no size. */
export function windowSize(fd: number): WindowSize | undefined {
  const size = new Uint16Array(4); // struct winsize
  if (attempt("ioctl", fd, IOCTL.TIOCGWINSZ, new Uint8Array(size.buffer)) < 0 || size[0] === 0)
    return undefined;
  return { height: size[0]!, width: size[1]! };
}
