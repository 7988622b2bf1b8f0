// Owns the supervisor's side of a terminal: the caller's is made raw, and bytes pass between it and the container's.

import { O, POLLIN, POLLOUT } from "../sys/constants.ts";
import { EAGAIN, EINTR } from "../sys/errno.ts";
import { close } from "../sys/file.ts";
import { attempt, call } from "../sys/libc.ts";
import {
  CC,
  copyWindowSize,
  foregroundGroup,
  getTermios,
  isCanonical,
  openPeer,
  rawMode,
  setTermios,
  signalsOf,
  type Termios,
  waitForForeground,
} from "../sys/terminal.ts";
import { heedTerminal } from "./signals.ts";

const F_GETFL = 3;
const F_SETFL = 4;
/** A pipe or terminal that poll(2) calls writable takes this much without making us wait (PIPE_BUF). */
const CHUNK = 4096;

/** Signal keys that a chunk of input held, and the process group that the container's kernel sent them to. */
export interface Keys {
  group: number;
  signals: readonly number[];
}

/** Carries bytes between descriptors 0 and 1 and a pty's master, and keeps the caller's terminal settings. */
export class Relay {
  private saved: Termios | undefined;
  private raw: Termios | undefined;
  private readonly buffer = new Uint8Array(65536);
  /** read from stdin, not yet taken by the container */
  private input = new Uint8Array(0);
  private lastGiven = 0x0a;
  private inputEnded = false;
  /** the mode in which the end of the input was told: a switch of mode makes the line discipline forget it */
  private endedCanonical: boolean | undefined;
  /** read from the container, not yet taken by our stdout */
  private output = new Uint8Array(0);
  private outputEnded = false;
  /** nobody reads our stdout any more */
  hungUp = false;

  /** held open: a container that has closed its terminal may open it again */
  private readonly slave: number;

  constructor(private readonly master: number) {
    heedTerminal();
    // a container that does not read its input must not stop us from carrying its output
    call("fcntl", master, F_SETFL, call("fcntl", master, F_GETFL, 0) | O.O_NONBLOCK);
    this.slave = openPeer(master);
  }

  /** Makes the caller's terminal raw; until then ^C and messages mean what they always do. */
  enterRaw(): void {
    waitForForeground(0);
    const now = getTermios(0);
    if (!now) return;
    // continued without a shell's having put it right, it still is as we left it
    if (!this.raw || !Bun.deepEquals(now, this.raw)) this.saved = now;
    this.raw = rawMode(this.saved!);
    setTermios(0, this.raw);
    this.resize();
  }

  /** Puts the caller's terminal back as it was. */
  restore(): void {
    if (this.saved) setTermios(0, this.saved);
    this.raw = undefined;
  }

  resize(): void {
    copyWindowSize(0, this.master);
  }

  /** What to poll for: [descriptor, events] of stdin, master and stdout; -1 where there is nothing to wait for. */
  interest(): [number, number][] {
    const wantsInput = !this.inputEnded && this.input.length === 0;
    const wantsOutput = !this.outputEnded && this.output.length === 0;
    const masterEvents = (wantsOutput ? POLLIN : 0) | (this.input.length > 0 ? POLLOUT : 0);
    return [
      [wantsInput ? 0 : -1, POLLIN],
      [masterEvents ? this.master : -1, masterEvents],
      [this.output.length > 0 ? 1 : -1, POLLOUT],
    ];
  }

  /** Milliseconds after which carry() wants to be called though nothing was found. */
  get patience(): number {
    return this.inputEnded && !this.outputEnded ? 100 : Number.POSITIVE_INFINITY;
  }

  /** Moves what is ready, given what poll found; tells of signal keys on their way in. */
  carry(stdin: number, master: number, stdout: number): Keys | undefined {
    if (stdin) this.takeInput();
    const keys = this.input.length > 0 ? this.giveInput() : undefined;
    if (stdout) this.giveOutput();
    if (master) this.takeOutput();
    if (!stdin && !master && !stdout) this.tellEndAgain();
    return keys;
  }

  /** What the container wrote last and stdout has not taken yet: true while there is some. */
  hasOutput(): boolean {
    return this.output.length > 0 || this.takeOutput();
  }

  /** Restores the terminal and closes the container's. */
  end(): void {
    this.restore();
    close(this.slave);
    close(this.master);
  }

  private takeInput(): void {
    const n = attempt("read", 0, this.buffer, this.buffer.length);
    if (n > 0) this.input = this.buffer.slice(0, n);
    else if (n !== -EINTR && n !== -EAGAIN) this.tellEnd();
  }

  /** A terminal has no end of file, only the key that means it: once ends a line, at a line's start the input. */
  private tellEnd(): void {
    this.inputEnded = true;
    const termios = getTermios(this.master);
    if (!termios) return;
    this.endedCanonical = isCanonical(termios);
    const key = termios[CC.VEOF]!;
    this.input = this.lastGiven === 0x0a ? Uint8Array.of(key) : Uint8Array.of(key, key);
    this.lastGiven = 0x0a;
  }

  private tellEndAgain(): void {
    if (!this.inputEnded || this.input.length > 0) return;
    const termios = getTermios(this.master);
    if (termios && isCanonical(termios) !== this.endedCanonical) this.tellEnd();
  }

  private giveInput(): Keys | undefined {
    const termios = getTermios(this.master);
    const group = foregroundGroup(this.master);
    const n = attempt("write", this.master, this.input, this.input.length);
    if (n === -EAGAIN || n === -EINTR) return undefined;
    // the container has closed its terminal: nobody will ever take this
    const given = n > 0 ? this.input.subarray(0, n) : this.input;
    this.input = n > 0 ? this.input.slice(n) : new Uint8Array(0);
    this.lastGiven = given[given.length - 1] ?? 0x0a;
    const signals = termios ? signalsOf(termios, given) : [];
    return signals.length > 0 ? { group, signals } : undefined;
  }

  /** False when there was nothing more to read. */
  takeOutput(): boolean {
    if (this.outputEnded) return false;
    const n = attempt("read", this.master, this.buffer, this.buffer.length);
    if (n === -EINTR) return true;
    if (n > 0) this.output = this.buffer.slice(0, n);
    else if (n !== -EAGAIN) this.outputEnded = true;
    return n > 0;
  }

  giveOutput(): void {
    const n = attempt("write", 1, this.output, Math.min(this.output.length, CHUNK));
    if (n > 0) this.output = this.output.subarray(n);
    else if (n !== -EAGAIN && n !== -EINTR) {
      this.output = new Uint8Array(0);
      this.hungUp = true;
    }
  }
}
