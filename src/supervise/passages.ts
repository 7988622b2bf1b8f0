// Owns passing bytes on between the caller's files, devices and terminals and the pipes that the container has in their
// place (container/stdio.ts).

import type { Passage } from "../container/stdio.ts";
import { F_GETFL, O, POLLIN, POLLOUT } from "../sys/constants.ts";
import { setNonblocking, tryFcntl } from "../sys/descriptor.ts";
import { EAGAIN, EFBIG, EINTR, EIO, SysError } from "../sys/errno.ts";
import { close, statx, tryRead, tryTell, tryWrite } from "../sys/file.ts";
import { poll } from "../sys/poll.ts";
import { isTerminal } from "../sys/terminal.ts";
import { CallerTerminal } from "./caller-terminal.ts";

/** In bytes: a terminal or device that poll(2) calls writable takes this much without blocking (PIPE_BUF). */
const SMALL = 4096;
/** In bytes: a piece that is still in the processor's cache when it is written. */
const LARGE = 1 << 18;
/** How often, in milliseconds, a background process checks whether it is in the foreground: no event tells it. */
const BACKGROUND = 250;
const NOTHING = new Uint8Array(0);

/** Moves bytes in one direction. It reads from `from` only when everything that it has read before is written. */
export abstract class Mover {
  /** why bytes could not be passed on; none are after that */
  failure: SysError | undefined;
  protected readonly terminal: CallerTerminal | undefined;
  protected hasEnded = false;
  protected pending = NOTHING;
  private readonly buffer: Uint8Array<ArrayBuffer>;

  constructor(
    protected readonly passage: Passage,
    protected readonly from: number,
    protected readonly to: number,
  ) {
    const { caller, pipe, isFile } = passage;
    setNonblocking(pipe);
    this.terminal = isTerminal(caller) ? new CallerTerminal(caller) : undefined;
    this.buffer = new Uint8Array(isFile ? LARGE : SMALL);
  }

  /** Returns what to poll for: a descriptor, or -1 for none, and events. */
  interest(): [number, number] {
    if (this.hasEnded || this.isBackground()) return [-1, 0];
    return this.pending.length > 0 ? [this.to, POLLOUT] : [this.from, POLLIN];
  }

  /** The number of milliseconds after which interest() may be another without an event. */
  get patience(): number {
    return !this.hasEnded && this.isBackground() ? BACKGROUND : Number.POSITIVE_INFINITY;
  }

  /** Passes bytes on, after poll(2) has found what interest() asks for. */
  carry(): void {
    if (this.pending.length > 0) this.give();
    // a file is always writable, and a pipe that is not says so
    else if (this.take() && this.passage.isFile) this.give();
  }

  /** True where writing must stop minibox, as it stops any program in the background (stty tostop). */
  get mustStop(): boolean {
    return false;
  }

  /** True while there is output of the container that was not passed on. */
  hasOutput(): boolean {
    return false;
  }

  /** The descriptor that the output is written to. */
  get outputDescriptor(): number {
    return this.to;
  }

  /** Writes a piece of the output. */
  giveOutput(): void {
    this.give();
  }

  /** True where minibox must not use the caller's terminal now. */
  protected isBackground(): boolean {
    return false;
  }

  /** Reads; false where there is nothing to read. */
  protected take(): boolean {
    const n = tryRead(this.from, this.buffer);
    if (n > 0) this.pending = this.buffer.subarray(0, n);
    else if (n === 0) this.finish();
    else this.check("read", this.from, n);
    return n > 0;
  }

  protected give(): void {
    const n = tryWrite(this.to, this.pending);
    if (n > 0) this.pending = this.pending.subarray(n);
    else this.check("write", this.to, n);
  }

  private check(call: string, fd: number, result: number): void {
    if (result === -EAGAIN || result === -EINTR) return;
    const { terminal } = this;
    // the terminal went to another process group between the check and the call
    if (result === -EIO && terminal && !terminal.isForeground() && !terminal.isHungUp()) return;
    this.fail(call, fd, -result);
  }

  protected fail(call: string, fd: number, errno: number): void {
    const name = ["stdin", "stdout", "stderr"][this.passage.caller];
    this.failure = new SysError(call, [fd], errno, `pass on ${name}`);
    this.pending = NOTHING;
    this.finish();
  }

  /** Closes the pipe: the container finds its input at the end, or that nobody reads its output. */
  private finish(): void {
    this.hasEnded = true;
    close(this.passage.pipe);
  }
}

/** From the caller to the container. */
export class Input extends Mover {
  constructor(passage: Passage) {
    super(passage, passage.caller, passage.pipe);
  }

  protected override isBackground(): boolean {
    return this.terminal?.isOfInterest === true && !this.terminal.isForeground();
  }
}

/** From the container to the caller. */
export class Output extends Mover {
  /** `limit` is the size in bytes up to which the container may write files (RLIMIT_FSIZE in getrlimit(2)). */
  constructor(
    passage: Passage,
    private readonly limit: number,
  ) {
    super(passage, passage.pipe, passage.caller);
  }

  override get mustStop(): boolean {
    return this.pending.length > 0 && this.terminal?.stopsOutput() === true;
  }

  override hasOutput(): boolean {
    if (this.hasEnded) return false;
    return this.pending.length > 0 || (poll([[this.from, POLLIN]], 0)[0] !== 0 && this.take());
  }

  protected override give(): void {
    const room = this.room();
    if (room <= 0) this.fail("write", this.to, EFBIG);
    else if (room >= this.pending.length) super.give();
    else {
      const whole = this.pending;
      this.pending = whole.subarray(0, room);
      super.give();
      this.pending = whole.subarray(room - this.pending.length);
    }
  }

  /** How many bytes the container may still write to the file. */
  private room(): number {
    if (!this.passage.isFile || this.limit === Number.POSITIVE_INFINITY) return this.limit;
    const appends = (tryFcntl(this.to, F_GETFL) & O.O_APPEND) !== 0;
    return this.limit - (appends ? statx(this.to).size : tryTell(this.to));
  }
}

/** Returns what moves each passage's bytes; `limit` as for Output. */
export const moversFor = (passages: readonly Passage[], limit: number): Mover[] =>
  passages.map((passage) => (passage.isInput ? new Input(passage) : new Output(passage, limit)));
