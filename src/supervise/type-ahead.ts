// Owns what was typed while a container ran that never read it: as after any other program, it is there for the shell
// afterwards.
//
// A shell executes what it reads. So nothing is given back that the container could have chosen: only what was typed,
// only all of it, and only where a filter keeps the container from putting input into its own terminal (TIOCSTI): it
// could read what was typed for it, and leave the same again for the shell of the host.

import { POLLIN } from "../sys/constants.ts";
import { setNonblocking } from "../sys/descriptor.ts";
import { tryRead } from "../sys/file.ts";
import { poll } from "../sys/poll.ts";
import { getTermios, rawMode, setTermios } from "../sys/terminal.ts";

/** What a terminal holds for a reader; more was given up by it, or was read (N_TTY_BUF_SIZE). */
const MOST = 4095;

export class TypeAhead {
  /** all that was typed; undefined once that is not to be given back */
  private typed: Uint8Array | undefined = new Uint8Array(0);

  /** These bytes were typed, and went on to the container. */
  note(bytes: Uint8Array): void {
    this.typed = this.typed && this.typed.length + bytes.length <= MOST ? join(this.typed, bytes) : undefined;
  }

  /** What is left in the container's terminal is not the caller's to have back. */
  forget(): void {
    this.typed = undefined;
  }

  /**
   * What nobody has read of a pty's slave, with what is still on its way there and what waits in the caller's terminal
   * (made raw, so that it can be read); empty where some of it was read. The container must have ended.
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

/** Reads what a terminal holds, half a line as well. */
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

/** The line discipline makes new lines of carriage returns. */
function isSameText(a: Uint8Array, b: Uint8Array): boolean {
  const plain = (byte: number | undefined) => (byte === 0x0d ? 0x0a : byte);
  return a.length === b.length && a.every((byte, i) => plain(byte) === plain(b[i]));
}
