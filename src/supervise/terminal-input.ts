// Owns the input of a container's terminal: the bytes on their way to it, what becomes of them when nobody reads them,
// and how the container is told that the input has ended.

import { EAGAIN, EINTR } from "../sys/errno.ts";
import { tryWrite } from "../sys/file.ts";
import { CC, foregroundGroup, getTermios, isCanonical, signalsOf } from "../sys/terminal.ts";
import type { Keys } from "./terminal-plan.ts";
import { TypeAhead } from "./type-ahead.ts";

const NEWLINE = 0x0a;

export class TerminalInput {
  /** read from the plan's input and not yet written to the container's terminal */
  private bytes = new Uint8Array(0);
  /** the last byte written to the container's terminal */
  private lastGiven = NEWLINE;
  private readonly typeAhead = new TypeAhead();
  hasEnded = false;
  /**
   * whether the terminal was canonical when it was told the end of the input: after a change the kernel forgets that
   */
  private endedCanonical: boolean | undefined;

  /** `master` is the descriptor of the master of the container's terminal. */
  constructor(private readonly master: number) {}

  /** True while bytes wait to be written. */
  get isWaiting(): boolean {
    return this.bytes.length > 0;
  }

  /** Takes bytes that were read from the plan's input. */
  take(bytes: Uint8Array<ArrayBuffer>): void {
    this.bytes = bytes;
  }

  /** Writes what waits to the container's terminal, as far as that takes it. Returns the signal keys among it. */
  give(): Keys | undefined {
    const termios = getTermios(this.master);
    const group = foregroundGroup(this.master);
    const n = tryWrite(this.master, this.bytes);
    if (n === -EAGAIN || n === -EINTR) return undefined;
    // n <= 0: the container has closed its terminal, and nobody will read this
    const given = n > 0 ? this.bytes.subarray(0, n) : this.bytes;
    this.typeAhead.note(given);
    this.bytes = n > 0 ? this.bytes.slice(n) : new Uint8Array(0);
    this.lastGiven = given[given.length - 1] ?? NEWLINE;
    const signals = termios ? signalsOf(termios, given) : [];
    return signals.length > 0 ? { group, signals } : undefined;
  }

  /**
   * Tells the container that the input has ended, by the end-of-file key: a terminal has no other way (termios(3),
   * VEOF). At the start of a line one key is enough; elsewhere the first one ends the line.
   */
  end(): void {
    this.hasEnded = true;
    this.typeAhead.forget();
    const termios = getTermios(this.master);
    if (!termios) return;
    this.endedCanonical = isCanonical(termios);
    const key = termios[CC.VEOF]!;
    this.bytes = this.lastGiven === NEWLINE ? Uint8Array.of(key) : Uint8Array.of(key, key);
    this.lastGiven = NEWLINE;
  }

  /** Sends the key again after a change of the terminal's mode. */
  endAgain(): void {
    if (!this.hasEnded || this.isWaiting) return;
    const termios = getTermios(this.master);
    if (termios && isCanonical(termios) !== this.endedCanonical) this.end();
  }

  /** Returns what was typed and nobody has read (TypeAhead.unread()). The container must have ended. */
  unread(slave: number, keyboard: number): Uint8Array {
    return this.typeAhead.unread(slave, this.bytes, keyboard);
  }
}
