// Owns passing bytes between the container's terminal and the caller's input and output, and when the caller's terminal
// is taken for that.

import { POLLIN, POLLOUT } from "../sys/constants.ts";
import { setNonblocking } from "../sys/descriptor.ts";
import { EAGAIN, EINTR, EIO } from "../sys/errno.ts";
import { close, tryRead, tryWrite } from "../sys/file.ts";
import { poll } from "../sys/poll.ts";
import { openPeer } from "../sys/pty.ts";
import {
  copyWindowSize,
  foregroundGroup,
  getTermios,
  isAtRest,
  processesOutput,
  sendsSignals,
  trySignalForeground,
} from "../sys/terminal.ts";
import { CallerTerminal } from "./caller-terminal.ts";
import { drain, type Ending, flush } from "./last-output.ts";
import { isRead } from "./reader.ts";
import { TerminalInput } from "./terminal-input.ts";
import type { Keys, TerminalPlan } from "./terminal-plan.ts";

/** In bytes: a pipe or terminal that poll(2) calls writable takes this much without blocking (PIPE_BUF). */
const CHUNK = 4096;
/**
 * After the end of the input, the mode of the container's terminal is checked after this time, in milliseconds; while nothing
 * happens, each time after twice as long, up to LAST_LOOK.
 */
const END_AGAIN = 100;
/**
 * After this time, in milliseconds, look() checks whether the container uses its terminal; then each time after twice
 * as long, up to LAST_LOOK.
 */
const LOOK = 50;
const LAST_LOOK = 3200;
/**
 * In the background, minibox checks this often, in milliseconds, whether it is in the foreground: no event tells it.
 */
const BACKGROUND = 250;
const NEVER = Number.POSITIVE_INFINITY;

/** Passes bytes from a plan's input to a pty's master, and from the master to the plan's output. */
export class Relay {
  private readonly caller: CallerTerminal | undefined;
  /** the caller's terminal is to be taken for the container as soon as minibox is in the foreground */
  private wanted: boolean;
  /** when look() is due (performance.now()): for what no event tells */
  private nextLook = NEVER;
  private patienceToLook = LOOK;
  private patienceToEnd = END_AGAIN;
  /** keys were typed that may be for another process: until the next look the input is not polled */
  private inputPaused = false;
  private readonly buffer = new Uint8Array(65536);
  private readonly input: TerminalInput;
  /** read from the container and not yet written to the plan's output */
  private output = new Uint8Array(0);
  private outputEnded = false;
  /** nobody reads the plan's output any more */
  outputIsGone = false;

  /** kept open, because a container that has closed its terminal may open it again */
  private readonly slave: number;

  constructor(
    readonly master: number,
    private readonly plan: TerminalPlan,
    private readonly processes: () => readonly number[],
  ) {
    // a write must not block where the container does not read its input: its output is still passed on
    setNonblocking(master);
    this.slave = openPeer(master);
    this.input = new TerminalInput(master);
    this.caller = plan.keyboard < 0 ? undefined : new CallerTerminal(plan.keyboard);
    this.wanted = plan.atOnce;
    this.resize(); // before the command starts, which would get SIGWINCH
  }

  /**
   * Takes the caller's terminal where it is wanted and minibox is in the foreground. Before that, the terminal keeps
   * its mode: ^C sends a signal, and messages are printed as usual.
   */
  settle(): void {
    this.nextLook = NEVER;
    this.resize();
    if (!this.caller?.isOfInterest) return;
    if (!this.wanted) this.lookSoon();
    else if (!this.caller.take(this.isShared())) this.nextLook = performance.now() + BACKGROUND;
  }

  /** Restores the caller's terminal. */
  restore(): void {
    this.caller?.release();
  }

  /** Gives the container's terminal the size of the caller's. */
  resize(): void {
    copyWindowSize(this.plan.screen, this.master);
  }

  /** True where writing the output must stop minibox, as it stops any program in the background (stty tostop). */
  get mustStop(): boolean {
    return this.output.length > 0 && this.caller?.isHeld === false && this.caller.stopsOutput();
  }

  /**
   * Returns what to poll for: [descriptor, events] of input, master and output; -1 for one with nothing to wait for.
   */
  interest(): [number, number][] {
    const wantsOutput = !this.outputEnded && this.output.length === 0;
    const masterEvents = (wantsOutput ? POLLIN : 0) | (this.input.isWaiting ? POLLOUT : 0);
    return [
      [this.wantsInput() ? this.plan.input : -1, POLLIN],
      [masterEvents ? this.master : -1, masterEvents],
      [this.output.length > 0 ? this.plan.output : -1, POLLOUT],
    ];
  }

  private wantsInput(): boolean {
    if (this.input.hasEnded || this.input.isWaiting) return false;
    if (!this.caller || this.caller.isHeld) return true;
    return this.caller.isOfInterest && !this.wanted && !this.inputPaused;
  }

  /** The number of milliseconds after which carry() must be called even without an event. */
  get patience(): number {
    const look = this.nextLook === NEVER ? NEVER : Math.max(0, this.nextLook - performance.now());
    return this.input.hasEnded && !this.outputEnded ? Math.min(this.patienceToEnd, look) : look;
  }

  /** Passes bytes on, given the events that poll(2) found. Returns the signal keys that went to the container. */
  carry(input: number, master: number, output: number): Keys | undefined {
    if (input) this.takeInput();
    const keys = this.input.isWaiting ? this.input.give() : undefined;
    if (output) this.giveOutput();
    if (master) this.takeOutput();
    const isQuiet = !input && !master && !output;
    if (isQuiet) this.input.endAgain();
    this.patienceToEnd = isQuiet ? Math.min(2 * this.patienceToEnd, LAST_LOOK) : END_AGAIN;
    if (master && !this.wanted) this.lookSoon();
    if (performance.now() >= this.nextLook) this.look();
    return keys;
  }

  /**
   * Sends a key's signal to the foreground of the container's terminal; undefined where its mode has no signal keys.
   */
  press(signal: number): Keys | undefined {
    const termios = getTermios(this.master);
    const group = foregroundGroup(this.master);
    if (!termios || !sendsSignals(termios) || group <= 0) return undefined;
    return trySignalForeground(this.master, signal) < 0 ? undefined : { group, signals: [signal] };
  }

  /** True while there is output of the container that was not passed on. */
  hasOutput(): boolean {
    return this.output.length > 0 || this.takeOutput();
  }

  get outputDescriptor(): number {
    return this.plan.output;
  }

  /** Restores the caller's terminal, with what was typed and not read as its input. The container must have ended. */
  giveBack(): void {
    if (!this.caller?.isHeld) return;
    this.caller.releaseWith(this.input.unread(this.slave, this.plan.keyboard));
  }

  /** Restores the caller's terminal and closes the container's. */
  end(): void {
    this.restore();
    close(this.slave);
    close(this.master);
  }

  private lookSoon(): void {
    this.patienceToLook = LOOK;
    this.nextLook = Math.min(this.nextLook, performance.now() + LOOK);
  }

  /** Checks whether the container uses its terminal now, and takes the caller's for it then. */
  private look(): void {
    // keys that are still unread were not taken by another process, so they may be for the container
    const isLeft = this.inputPaused && poll([[this.plan.input, POLLIN]], 0)[0] !== 0;
    this.inputPaused = false;
    this.nextLook = NEVER;
    if (!this.caller || this.caller.isHeld) return;
    if (this.caller.isHungUp()) {
      if (!this.input.hasEnded) this.input.end();
      return;
    }
    if (!this.wanted && this.caller.isForeground()) this.wanted = this.isTurnedTo(isLeft);
    if (this.wanted) this.settle();
    else if (this.patienceToLook < LAST_LOOK) {
      this.patienceToLook *= 2;
      this.nextLook = performance.now() + this.patienceToLook;
    }
  }

  /**
   * True where other processes may write lines to the caller's terminal: in a pipeline, until the container's terminal
   * stops processing output, as for a full-screen program.
   */
  private isShared(): boolean {
    const termios = this.plan.atOnce ? undefined : getTermios(this.master);
    return termios !== undefined && processesOutput(termios);
  }

  /**
   * True once the container has changed its terminal's mode, or reads from it. `isLeft`: keys are waiting to be read.
   */
  private isTurnedTo(isLeft: boolean): boolean {
    const now = getTermios(this.master);
    return (now !== undefined && !isAtRest(now)) || isRead(this.slave, this.processes(), isLeft);
  }

  private takeInput(): void {
    if (this.caller && !this.caller.isHeld) {
      this.look();
      if (!this.caller.isHeld) {
        if (this.input.hasEnded) return;
        this.inputPaused = true;
        this.nextLook = performance.now() + BACKGROUND;
        return;
      }
    }
    const n = tryRead(this.plan.input, this.buffer);
    if (n > 0) this.input.take(this.buffer.slice(0, n));
    // EIO: minibox is in the background now
    else if (n === -EIO && this.caller && !this.caller.isForeground()) this.settle();
    else if (n !== -EINTR && n !== -EAGAIN) this.input.end();
  }

  /** Passes on the last of what the container wrote. */
  drain(ending: Ending): void {
    drain(this, ending);
  }

  /** Passes on what the container, which is stopped now, has written. */
  flush(): void {
    flush(this);
  }

  /** Reads what the container wrote. False where there was nothing to read. */
  takeOutput(): boolean {
    if (this.outputEnded) return false;
    const n = tryRead(this.master, this.buffer);
    if (n === -EINTR) return true;
    if (n > 0) this.output = this.buffer.slice(0, n);
    else if (n !== -EAGAIN) this.outputEnded = true;
    if (n > 0 && !this.plan.atOnce && this.caller?.isHeld) this.caller.setRaw(this.isShared());
    return n > 0;
  }

  /** Writes a piece of the container's output to the plan's output. */
  giveOutput(): void {
    const n = tryWrite(this.plan.output, this.output.subarray(0, CHUNK));
    if (n > 0) this.output = this.output.subarray(n);
    else if (n !== -EAGAIN && n !== -EINTR) {
      this.output = new Uint8Array(0);
      this.outputIsGone = true;
    }
  }
}
