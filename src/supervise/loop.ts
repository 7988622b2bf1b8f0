// Owns supervising a container until it ends: one poll(2) loop over the child's socket, its pidfd, the supervisor's
// signals, and the input and output of a terminal.

import type { Handshake } from "../container/handshake.ts";
import { type Child, reap } from "../container/spawn.ts";
import { POLLIN, SI_KERNEL, SIGNALS } from "../sys/constants.ts";
import type { SysError } from "../sys/errno.ts";
import { Interest } from "../sys/poll.ts";
import type { Exit } from "../sys/process.ts";
import { tryReadSignal } from "../sys/signalfd.ts";
import type { Ending } from "./last-output.ts";
import type { Passing } from "./passages.ts";
import { commandOf, deliver, endContainer, HARMLESS, handles, STOPPING, suspend } from "./signals.ts";
import type { Relay } from "./stdio-terminal.ts";
import type { Keys } from "./terminal-plan.ts";
import { trimMemory } from "./trim.ts";
import type { Connection, Outcome, SupervisorOptions, Target } from "./types.ts";

const NEVER = Number.POSITIVE_INFINITY;
/** What the loop waits for: places in its interest. A terminal has three, and then each passage of bytes has one. */
const ENDED = 0;
const SIGNAL = 1;
const MESSAGE = 2;
const TERMINAL = 3;
const PASSED = 6;
/** In the place of what a terminal's relay is interested in. */
const NOTHING: readonly (readonly [number, number])[] = [
  [-1, 0],
  [-1, 0],
  [-1, 0],
];
/** After this many milliseconds without an event a long wait is likely, and giving memory back is worth the work. */
const LONG = 100;

/** Serves a container until it ends. */
export class Supervisor implements Ending {
  readonly child: Child;
  private readonly handshake: Handshake;
  private relay: Relay | undefined;
  private passings: readonly Passing[] = [];
  private started = false;
  private trimmed = false;
  endedBy = 0;
  timedOut = false;
  cutShort = false;
  deadline: number;

  constructor(
    private readonly target: Target,
    readonly signals: number,
    private readonly connection: Connection,
    private readonly options: SupervisorOptions,
  ) {
    this.child = target.child;
    this.handshake = target.handshake;
    this.deadline = performance.now() + (options.timeout ?? NEVER);
  }

  /**
   * Serves the container until it has ended and everything that it wrote to its terminal was passed on.
   * @throws SysError
   */
  run(): Outcome {
    const interest = new Interest(PASSED + this.passings.length);
    for (;;) {
      this.fill(interest);
      const isIdle = interest.wait(this.patience()) === 0;
      const ended = interest.found(ENDED);
      const message = interest.found(MESSAGE);
      if (message) this.receive();
      if (this.handshake.failure) return { status: 125, started: false, timedOut: false, lost: [] };
      // only after the child's messages are read: they may say that the command runs, and the signal is for it then
      if (interest.found(SIGNAL) && !message) this.readSignals();
      if (this.started && this.relay)
        this.carry(
          this.relay,
          interest.found(TERMINAL),
          interest.found(TERMINAL + 1),
          interest.found(TERMINAL + 2),
        );
      for (let i = 0; i < this.passings.length; i++) if (interest.found(PASSED + i)) this.passings[i]!.end();
      // the last messages are read before the child is reaped
      if (ended && this.child.socket < 0) return this.finish();
      if (ended && !message) this.receive();
      if (performance.now() >= this.deadline) this.expire();
      else if (isIdle) this.idle();
    }
  }

  private fill(interest: Interest): void {
    interest.set(ENDED, this.child.pidfd, POLLIN);
    interest.set(SIGNAL, this.signals, POLLIN);
    interest.set(MESSAGE, this.child.socket, POLLIN);
    const terminal = this.started && this.relay ? this.relay.interest() : NOTHING;
    for (let i = 0; i < terminal.length; i++) interest.set(TERMINAL + i, terminal[i]![0], terminal[i]![1]);
    for (let i = 0; i < this.passings.length; i++) {
      const [descriptor, events] = this.passings[i]!.interest();
      interest.set(PASSED + i, descriptor, events);
    }
  }

  /**
   * Looks for signals and at the deadline while somebody finds out why the command could not be executed. True once one
   * of them has ended the container.
   */
  isInterrupted(): boolean {
    this.readSignals();
    if (performance.now() >= this.deadline) this.expire();
    return this.endedBy > 0;
  }

  /** Connects the container's terminal; `master` is the descriptor of its master. */
  connect(master: number): void {
    if (this.connection.type !== "terminal") return;
    const { Relay, plan } = this.connection;
    this.relay = new Relay(master, plan, this.target.everyone);
  }

  /** Takes charge of what passes bytes on. */
  passOn(passings: readonly Passing[]): void {
    this.passings = passings;
  }

  /** Kills the container where it has not ended yet, and restores the caller's terminal. */
  abort(): void {
    for (const passing of this.passings) passing.end();
    if (this.child.exit) return;
    endContainer(this.child);
    reap(this.child);
    this.relay?.end();
  }

  /** How many milliseconds poll may wait. */
  private patience(): number {
    const nearest = Math.min(this.deadline - performance.now(), this.relay?.patience ?? NEVER);
    return this.started && !this.trimmed ? Math.min(nearest, LONG) : nearest;
  }

  /** Called when poll has waited in vain: gives memory back, once. */
  private idle(): void {
    if (this.trimmed || !this.started) return;
    this.trimmed = true;
    trimMemory();
  }

  private receive(): void {
    this.handshake.receive();
    if (this.handshake.held) this.target.onHeld();
    if (!this.handshake.started || this.started) return;
    this.started = true;
    this.relay?.settle();
    this.target.onStarted();
  }

  private carry(relay: Relay, input: number, master: number, output: number): void {
    if (relay.mustStop && !this.endedBy) {
      this.pause(SIGNALS.TTOU);
      return; // signals that came meanwhile are handled before any output
    }
    const keys = relay.carry(input, master, output);
    if (keys) this.press(keys);
    // like the hangup of a terminal: nothing else tells the container that nobody reads its output
    if (relay.outputIsGone) {
      relay.outputIsGone = false;
      this.send(SIGNALS.HUP);
    }
  }

  /**
   * Acts on signal keys (^C) that the kernel sent to a process group in the container. It drops a signal that PID 1
   * does not handle (pid_namespaces(7)), so for the group of PID 1 the supervisor does what the signal would have done.
   */
  private press({ group, signals }: Keys): void {
    if (group !== this.child.pid) return;
    for (const signal of signals) {
      if (handles(group, signal)) continue;
      if (signal === SIGNALS.TSTP) this.pause(SIGNALS.TSTP);
      else this.send(signal);
    }
  }

  readSignals(): void {
    for (let info = tryReadSignal(this.signals); info; info = tryReadSignal(this.signals))
      this.take(info.signal, info.code === SI_KERNEL);
  }

  private take(signal: number, isKey: boolean): void {
    if (signal === SIGNALS.CHLD || this.options.ignored.includes(signal)) return;
    // after being continued, minibox may be in the foreground or in the background: it looks again
    if (signal === SIGNALS.CONT && this.started) this.relay?.settle();
    if (signal === SIGNALS.WINCH && this.relay) this.relay.resize();
    else if (isKey && this.started && this.relay && this.takeKey(this.relay, signal)) return;
    else if (STOPPING.has(signal) && !(this.started && this.commandHandles(signal))) this.pause();
    else this.send(signal);
  }

  /**
   * Handles a signal that came from a key of the caller's terminal while that was not raw: the key is meant for what
   * runs in the container's terminal. False where the container's terminal sends no signals.
   */
  private takeKey(relay: Relay, signal: number): boolean {
    if (signal === SIGNALS.TSTP) {
      this.pause(); // like all other processes of the shell's job
      return true;
    }
    const keys = relay.press(signal);
    if (keys) this.press(keys);
    return keys !== undefined;
  }

  private commandHandles(signal: number): boolean {
    return handles(commandOf(this.child.pid, this.target.init), signal);
  }

  /** Stops the container and the supervisor. With `signal`, the supervisor's whole process group is stopped by it. */
  private pause(signal?: number): void {
    const letGo = (): void => {
      if (this.started) this.relay?.flush();
      this.relay?.restore();
    };
    suspend(this.child, this.target.everyone, letGo, signal);
    if (this.started) this.relay?.settle();
  }

  private send(signal: number): void {
    if (this.child.exit) this.cutShort ||= !HARMLESS.has(signal);
    else if (this.isMinibox()) {
      if (HARMLESS.has(signal)) return;
      endContainer(this.child);
      this.endedBy ||= signal;
    } else if (deliver(this.child, signal)) this.endedBy ||= signal;
  }

  /** True while the child is minibox itself, before execve or after it failed, and would never handle a signal. */
  private isMinibox(): boolean {
    if (this.handshake.failure) return true;
    return !this.started && !(this.handshake.ready && this.target.init);
  }

  /** Sends SIGTERM after the timeout, and SIGKILL after the stop timeout. */
  private expire(): void {
    if (this.timedOut) {
      endContainer(this.child);
      this.deadline = NEVER;
      return;
    }
    this.timedOut = true;
    this.deadline = performance.now() + this.options.stopTimeout;
    this.send(SIGNALS.TERM);
  }

  /** Waits for the container's end, and passes on the last of what it wrote. */
  finish(): Outcome {
    // the kernel kills every process of a pid namespace when its PID 1 ends: all of the container is gone now
    const ended = reap(this.child);
    this.relay?.drain(this);
    for (const passing of this.passings) passing.drain(this);
    if (this.connection.type === "terminal" && this.connection.givesBack) this.relay?.giveBack();
    this.relay?.end();
    const lost: SysError[] = [];
    for (const { failure } of this.passings) if (failure) lost.push(failure);
    const started = this.started || this.endedBy > 0;
    return { status: this.statusOf(ended), started, timedOut: this.timedOut, lost };
  }

  private statusOf(ended: Exit): number {
    if (this.timedOut) return 124;
    return ended.signal === SIGNALS.KILL && this.endedBy ? 128 + this.endedBy : ended.status;
  }
}
