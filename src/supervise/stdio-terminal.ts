// Owns the bytes between the container's terminal and ours, and when the caller's terminal is taken for them.

import { POLLIN, POLLOUT } from "../sys/constants.ts";
import { setNonblocking } from "../sys/descriptor.ts";
import { EAGAIN, EINTR, EIO } from "../sys/errno.ts";
import { close, tryRead, tryWrite } from "../sys/file.ts";
import { poll } from "../sys/poll.ts";
import {
  CC,
  copyWindowSize,
  foregroundGroup,
  getTermios,
  isAtRest,
  isCanonical,
  openPeer,
  processesOutput,
  sendsSignals,
  signalsOf,
  trySignalForeground,
} from "../sys/terminal.ts";
import { CallerTerminal } from "./caller-terminal.ts";
import { isRead } from "./reader.ts";
import type { Keys, TerminalPlan } from "./terminal-plan.ts";
import { TypeAhead } from "./type-ahead.ts";

/** A pipe or terminal that poll(2) calls writable takes this much without making us wait (PIPE_BUF). */
const CHUNK = 4096;
/** How long, in milliseconds, an input that has ended is watched for a switch of mode. */
const END_AGAIN = 100;
/** After this time, in milliseconds, we look whether the container has turned to its terminal; then after twice as long. */
const LOOK = 50;
const LAST_LOOK = 3200;
/** In the background we look this often, in milliseconds, whether we are still there: nothing tells. */
const BACKGROUND = 250;
const NEVER = Number.POSITIVE_INFINITY;

/** Carries bytes between a plan's input and output and a pty's master. */
export class Relay {
  private readonly caller: CallerTerminal | undefined;
  private wanted: boolean;
  /** when to look for what nothing tells us */
  private nextLook = NEVER;
  private patienceToLook = LOOK;
  /** keys were typed, and were not the container's: until the next look they are not looked at */
  private deaf = false;
  private readonly typeAhead = new TypeAhead();
  private readonly buffer = new Uint8Array(65536);
  /** read from our input, not yet taken by the container */
  private input = new Uint8Array(0);
  private lastGiven = 0x0a;
  private inputEnded = false;
  /** the mode in which the end of the input was told: a switch of mode makes the line discipline forget it */
  private endedCanonical: boolean | undefined;
  /** read from the container, not yet taken by our output */
  private output = new Uint8Array(0);
  private outputEnded = false;
  /** nobody reads our output any more */
  outputIsGone = false;

  /** held open: a container that has closed its terminal may open it again */
  private readonly slave: number;

  constructor(
    readonly master: number,
    private readonly plan: TerminalPlan,
    private readonly processes: () => readonly number[],
  ) {
    // a container that does not read its input must not stop us from carrying its output
    setNonblocking(master);
    this.slave = openPeer(master);
    this.caller = plan.keyboard < 0 ? undefined : new CallerTerminal(plan.keyboard);
    this.wanted = plan.atOnce;
    this.resize(); // before the command is there to be told
  }

  /** Takes the caller's terminal where it is wanted and ours; until then ^C and messages mean what they always do. */
  settle(): void {
    this.nextLook = NEVER;
    this.resize();
    if (!this.caller?.isOfInterest) return;
    if (!this.wanted) this.lookSoon();
    else if (!this.caller.take(this.isShared())) this.nextLook = performance.now() + BACKGROUND;
  }

  /** Puts the caller's terminal back as it was. */
  restore(): void {
    this.caller?.release();
  }

  resize(): void {
    copyWindowSize(this.plan.screen, this.master);
  }

  /** True where the output that waits must stop us first, as it would any program in the background (stty tostop). */
  get mustStop(): boolean {
    return this.output.length > 0 && this.caller?.isHeld === false && this.caller.stopsOutput();
  }

  /** What to poll for: [descriptor, events] of input, master and output; -1 where there is nothing to wait for. */
  interest(): [number, number][] {
    const wantsOutput = !this.outputEnded && this.output.length === 0;
    const masterEvents = (wantsOutput ? POLLIN : 0) | (this.input.length > 0 ? POLLOUT : 0);
    return [
      [this.wantsInput() ? this.plan.input : -1, POLLIN],
      [masterEvents ? this.master : -1, masterEvents],
      [this.output.length > 0 ? this.plan.output : -1, POLLOUT],
    ];
  }

  private wantsInput(): boolean {
    if (this.inputEnded || this.input.length > 0) return false;
    if (!this.caller || this.caller.isHeld) return true;
    return this.caller.isOfInterest && !this.wanted && !this.deaf;
  }

  /** Milliseconds after which carry() wants to be called though nothing was found. */
  get patience(): number {
    const look = this.nextLook === NEVER ? NEVER : Math.max(0, this.nextLook - performance.now());
    return this.inputEnded && !this.outputEnded ? Math.min(END_AGAIN, look) : look;
  }

  /** Moves what is ready, given what poll found; tells of signal keys on their way in. */
  carry(input: number, master: number, output: number): Keys | undefined {
    if (input) this.takeInput();
    const keys = this.input.length > 0 ? this.giveInput() : undefined;
    if (output) this.giveOutput();
    if (master) this.takeOutput();
    if (!input && !master && !output) this.tellEndAgain();
    if (master && !this.wanted) this.lookSoon();
    if (performance.now() >= this.nextLook) this.look();
    return keys;
  }

  /** Sends what a key sends, to the foreground of the container's terminal; undefined where its keys send nothing. */
  press(signal: number): Keys | undefined {
    const termios = getTermios(this.master);
    const group = foregroundGroup(this.master);
    if (!termios || !sendsSignals(termios) || group <= 0) return undefined;
    return trySignalForeground(this.master, signal) < 0 ? undefined : { group, signals: [signal] };
  }

  /** What the container wrote last and our output has not taken yet: true while there is some. */
  hasOutput(): boolean {
    return this.output.length > 0 || this.takeOutput();
  }

  get outputDescriptor(): number {
    return this.plan.output;
  }

  /** What was typed and nobody has read is in the caller's terminal again, once that is restored. The container has ended. */
  giveBack(): void {
    if (!this.caller?.isHeld) return;
    const { typeAhead, slave, input, plan } = this;
    this.caller.releaseWith(typeAhead.unread(slave, input, plan.keyboard));
  }

  /** Restores the terminal and closes the container's. */
  end(): void {
    this.restore();
    close(this.slave);
    close(this.master);
  }

  private lookSoon(): void {
    this.patienceToLook = LOOK;
    this.nextLook = Math.min(this.nextLook, performance.now() + LOOK);
  }

  private look(): void {
    // what others want they take at once
    const isLeft = this.deaf && poll([[this.plan.input, POLLIN]], 0)[0] !== 0;
    this.deaf = false;
    this.nextLook = NEVER;
    if (!this.caller || this.caller.isHeld) return;
    if (this.caller.isHungUp()) {
      if (!this.inputEnded) this.tellEnd();
      return;
    }
    if (!this.wanted && this.caller.isForeground()) this.wanted = this.isTurnedTo(isLeft);
    if (this.wanted) this.settle();
    else if (this.patienceToLook < LAST_LOOK) {
      this.patienceToLook *= 2;
      this.nextLook = performance.now() + this.patienceToLook;
    }
  }

  /** In a pipeline others write lines to the caller's terminal, until the container takes care of each column itself. */
  private isShared(): boolean {
    const termios = this.plan.atOnce ? undefined : getTermios(this.master);
    return termios !== undefined && processesOutput(termios);
  }

  /** True once the container has changed its terminal's mode, or reads from it. Keys that are left are for somebody. */
  private isTurnedTo(isLeft: boolean): boolean {
    const now = getTermios(this.master);
    return (now !== undefined && !isAtRest(now)) || isRead(this.slave, this.processes(), isLeft);
  }

  private takeInput(): void {
    if (this.caller && !this.caller.isHeld) {
      this.look();
      if (!this.caller.isHeld) {
        if (this.inputEnded) return;
        this.deaf = true;
        this.nextLook = performance.now() + BACKGROUND;
        return;
      }
    }
    const n = tryRead(this.plan.input, this.buffer);
    if (n > 0) this.input = this.buffer.slice(0, n);
    // read(2) says so in the background: somebody has taken the terminal from us
    else if (n === -EIO && this.caller && !this.caller.isForeground()) this.settle();
    else if (n !== -EINTR && n !== -EAGAIN) this.tellEnd();
  }

  /** A terminal has no end of file, only the key that means it: once ends a line, at a line's start the input. */
  private tellEnd(): void {
    this.inputEnded = true;
    this.typeAhead.forget();
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
    const n = tryWrite(this.master, this.input);
    if (n === -EAGAIN || n === -EINTR) return undefined;
    // the container has closed its terminal: nobody will ever take this
    const given = n > 0 ? this.input.subarray(0, n) : this.input;
    this.typeAhead.note(given);
    this.input = n > 0 ? this.input.slice(n) : new Uint8Array(0);
    this.lastGiven = given[given.length - 1] ?? 0x0a;
    const signals = termios ? signalsOf(termios, given) : [];
    return signals.length > 0 ? { group, signals } : undefined;
  }

  /** False when there was nothing more to read. */
  takeOutput(): boolean {
    if (this.outputEnded) return false;
    const n = tryRead(this.master, this.buffer);
    if (n === -EINTR) return true;
    if (n > 0) this.output = this.buffer.slice(0, n);
    else if (n !== -EAGAIN) this.outputEnded = true;
    if (n > 0 && !this.plan.atOnce && this.caller?.isHeld) this.caller.setRaw(this.isShared());
    return n > 0;
  }

  giveOutput(): void {
    const n = tryWrite(this.plan.output, this.output.subarray(0, CHUNK));
    if (n > 0) this.output = this.output.subarray(n);
    else if (n !== -EAGAIN && n !== -EINTR) {
      this.output = new Uint8Array(0);
      this.outputIsGone = true;
    }
  }
}
