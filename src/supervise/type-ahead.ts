// Owns what was typed while a container ran and did not read it. As after any other program, the shell reads it next.
//
// A shell executes what it reads, so the container must have no influence on it. Input is given back only where nothing
// of it was read, and only where a seccomp filter keeps the container from putting input into its terminal (TIOCSTI):
// otherwise it could read what was typed and put something of its own in its place.

import { POLLIN } from "../sys/constants.ts";
import { setNonblocking } from "../sys/descriptor.ts";
import { tryRead } from "../sys/file.ts";
import { poll } from "../sys/poll.ts";
import { getTermios, rawMode, setTermios } from "../sys/terminal.ts";

/**
 * In bytes: a terminal keeps this much unread input (N_TTY_BUF_SIZE). Where more was typed, some was read or dropped.
 */
const MOST = 4095;

export class TypeAhead {
  /** everything that was typed; undefined where it must not be given back */
  private typed: Uint8Array | undefined = new Uint8Array(0);

  /** Notes bytes that were typed and written to the container's terminal. */
  note(bytes: Uint8Array): void {
    this.typed = this.typed && this.typed.length + bytes.length <= MOST ? join(this.typed, bytes) : undefined;
  }

  /** From now on nothing is given back. */
  forget(): void {
    this.typed = undefined;
  }

  /**
   * Returns the unread input of a pty's slave, followed by `onItsWay`, which was not written to it yet, and by what
   * waits in the caller's terminal, which must be raw. Empty where some of the input was read. The container must have
   * ended.
   */
  unread(slave: number, onItsWay: Uint8Array, keyboard: number): Uint8Array {
    const left = this.typed && this.typed.length > 0 ? drain(slave) : new Uint8Array(0);
    const isWhole = this.typed !== undefined && isSameText(left, this.typed);
    const later = isWhole ? readWaiting(keyboard) : new Uint8Array(0);
    return isWhole ? join(join(left, onItsWay), later) : new Uint8Array(0);
  }
}

function join(a: Uint8Array, b: Uint8Array): Uint8Array {
  const both = new Uint8Array(a.length + b.length);
  both.set(a);
  both.set(b, a.length);
  return both;
}

/** Reads the unread input of a terminal. Raw mode makes an unfinished line readable. */
function drain(slave: number): Uint8Array {
  const termios = getTermios(slave);
  if (!termios) return new Uint8Array(0);
  setTermios(slave, rawMode(termios));
  setNonblocking(slave);
  return readWaiting(slave);
}

function readWaiting(fd: number): Uint8Array {
  let all: Uint8Array = new Uint8Array(0);
  const buffer = new Uint8Array(4096);
  while (poll([[fd, POLLIN]], 0)[0]! & POLLIN) {
    const n = tryRead(fd, buffer);
    if (n <= 0) break;
    all = join(all, buffer.subarray(0, n));
  }
  return all;
}

/**
 * Compares input as it was typed with input as it is read: the line discipline turns carriage returns into newlines.
 */
function isSameText(a: Uint8Array, b: Uint8Array): boolean {
  const plain = (byte: number | undefined) => (byte === 0x0d ? 0x0a : byte);
  return a.length === b.length && a.every((byte, i) => plain(byte) === plain(b[i]));
}
