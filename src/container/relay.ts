// Owns the supervisor's side of a terminal: the caller's is made raw, and bytes pass between it and the container's.

import { O, POLLHUP, POLLIN, POLLOUT } from "../sys/constants.ts";
import { EAGAIN, EINTR } from "../sys/errno.ts";
import { close } from "../sys/file.ts";
import { attempt, call } from "../sys/libc.ts";
import { copyWindowSize, getTermios, rawMode, setTermios, type Termios } from "../sys/terminal.ts";

const F_GETFL = 3;
const F_SETFL = 4;
/** what ends the input of a terminal in cooked mode: ^D */
const VEOF = 4;

/** Carries bytes between descriptors 0 and 1 and a pty's master, and keeps the caller's terminal settings. */
export class Relay {
  private readonly saved: Termios | undefined = getTermios(0);
  private readonly buffer = new Uint8Array(65536);
  /** read from stdin, not yet taken by the container */
  private input = new Uint8Array(0);
  private inputEnded = false;
  private outputEnded = false;

  constructor(private readonly master: number) {
    this.enterRaw();
    if (this.saved) copyWindowSize(0, master);
    // a container that does not read its input must not stop us from carrying its output
    call("fcntl", master, F_SETFL, call("fcntl", master, F_GETFL, 0) | O.O_NONBLOCK);
  }

  enterRaw(): void {
    if (this.saved) setTermios(0, rawMode(this.saved));
  }

  /** Puts the caller's terminal back as it was. */
  restore(): void {
    if (this.saved) setTermios(0, this.saved);
  }

  resize(): void {
    copyWindowSize(0, this.master);
  }

  /** What to poll for: [descriptor, events], descriptor -1 where there is nothing to wait for. */
  interest(): [number, number][] {
    const wantsInput = !this.inputEnded && this.input.length === 0;
    const masterEvents = (this.outputEnded ? 0 : POLLIN) | (this.input.length > 0 ? POLLOUT : 0);
    return [
      [wantsInput ? 0 : -1, POLLIN],
      [masterEvents ? this.master : -1, masterEvents],
    ];
  }

  /** Moves what is ready, given what poll found. */
  carry(stdin: number, master: number): void {
    if (stdin) this.takeInput();
    if (master & POLLOUT || (stdin && this.input.length > 0)) this.giveInput();
    if (master & (POLLIN | POLLHUP)) this.carryOutput();
  }

  /** Carries what the container wrote before it ended, then restores the terminal. */
  finish(): void {
    while (!this.outputEnded && this.carryOutput());
    this.restore();
    close(this.master);
  }

  private takeInput(): void {
    const n = attempt("read", 0, this.buffer, this.buffer.length);
    if (n > 0) this.input = this.buffer.slice(0, n);
    else if (n !== -EINTR && n !== -EAGAIN) {
      this.inputEnded = true;
      this.input = Uint8Array.of(VEOF);
    }
  }

  private giveInput(): void {
    const n = attempt("write", this.master, this.input, this.input.length);
    if (n > 0) this.input = this.input.slice(n);
    else if (n !== -EAGAIN && n !== -EINTR) this.input = new Uint8Array(0);
  }

  /** False when there was nothing more to read. */
  private carryOutput(): boolean {
    const n = attempt("read", this.master, this.buffer, this.buffer.length);
    if (n === -EINTR) return true;
    if (n === -EAGAIN) return false;
    if (n <= 0) {
      this.outputEnded = true; // EIO: the last writer of the container's side is gone
      return false;
    }
    for (let done = 0; done < n; ) {
      const written = attempt("write", 1, this.buffer.subarray(done, n), n - done);
      if (written > 0) done += written;
      else if (written !== -EINTR && written !== -EAGAIN) break; // nobody reads our output any more
    }
    return true;
  }
}
