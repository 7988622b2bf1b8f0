// Owns the wait: one poll(2) loop over the child's socket, its pidfd, our signals and, with a terminal, the bytes.

import type { Handshake } from "../container/handshake.ts";
import { type Child, reap } from "../container/spawn.ts";
import { POLLIN, POLLOUT, SI_KERNEL, SIGNALS } from "../sys/constants.ts";
import { poll } from "../sys/poll.ts";
import type { Exit } from "../sys/process.ts";
import { tryReadSignal } from "../sys/signalfd.ts";
import { commandOf, deliver, HARMLESS, handles, STOPPING, signalChild, suspend } from "./signals.ts";
import { Relay } from "./stdio-terminal.ts";
import type { Keys, TerminalPlan } from "./terminal-plan.ts";
import { trimMemory } from "./trim.ts";

/** What is supervised. */
export interface Target {
  child: Child;
  handshake: Handshake;
  /** the child stays PID 1 and runs the command below itself */
  init: boolean;
  /** the container's processes, as the host counts */
  everyone(): readonly number[];
  /** the container waits to be started */
  onHeld(): void;
  /** the command runs */
  onStarted(): void;
}

/** How the command's stdin, stdout and stderr are connected. */
export type Stdio =
  /** they are the caller's own descriptors */
  | { type: "inherit" }
  /** they are a terminal of the container's, as far as the plan says so */
  | {
      type: "terminal";
      plan: TerminalPlan;
      /** the container cannot put input into its own terminal: what it did not read was typed */
      givesBack: boolean;
    };

export interface Wishes {
  /** milliseconds until SIGTERM; undefined for never */
  timeout?: number | undefined;
  /** milliseconds between SIGTERM and SIGKILL */
  stopTimeout: number;
  /** signals that our caller wants ignored */
  ignored: readonly number[];
}

export interface Outcome {
  /** the exit code: the command's, or 128 and the signal that ended it */
  status: number;
  /** false where the child ended before it had become the command, or could not become it (Handshake.failure) */
  started: boolean;
  timedOut: boolean;
}

const NEVER = Number.POSITIVE_INFINITY;
/** A wait that has lasted this long, in milliseconds, may last: memory is worth some work then. */
const LONG = 100;
/** The kernel echoes a key within this time, in milliseconds. */
const ECHO = 10;
/** What ended containers wrote last is offered this long, in milliseconds, to a reader who does not read. */
const LAST_WORDS = 1000;

/** Serves a container until it ends. */
export class Supervisor {
  private readonly child: Child;
  private readonly handshake: Handshake;
  private relay: Relay | undefined;
  private started = false;
  private trimmed = false;
  /** the signal that ended the container in the command's stead */
  private endedBy = 0;
  private timedOut = false;
  /** a signal came when the container had ended and its last output was still to be carried */
  private hurried = false;
  private deadline: number;

  /** `signals` is the descriptor that our signals are read from. */
  constructor(
    private readonly target: Target,
    private readonly signals: number,
    private readonly stdio: Stdio,
    private readonly wishes: Wishes,
  ) {
    this.child = target.child;
    this.handshake = target.handshake;
    this.deadline = performance.now() + (wishes.timeout ?? NEVER);
  }

  /** Polls until the child has ended and everything it wrote was carried. */
  run(): Outcome {
    for (;;) {
      const interest: [number, number][] = [
        [this.child.pidfd, POLLIN],
        [this.signals, POLLIN],
        [this.child.socket, POLLIN],
        ...(this.started && this.relay ? this.relay.interest() : []),
      ];
      const [ended, signal, message, stdin = 0, master = 0, stdout = 0] = poll(interest, this.patience());
      if (message) this.receive();
      if (this.handshake.failure) return { status: 125, started: false, timedOut: false };
      // with a word of the child's still to be heard we may not know yet that the command runs
      if (signal && !message) this.readSignals();
      if (this.started && this.relay) this.carry(this.relay, stdin, master, stdout);
      // what it said last is heard before it is buried
      if (ended && this.child.socket < 0) return this.finish();
      if (ended && !message) this.receive();
      if (performance.now() >= this.deadline) this.expire();
      else if (!signal && !message && !stdin && !master && !stdout) this.idle();
    }
  }

  /** Connects the terminal of the container, whose master this is. */
  connect(master: number): void {
    if (this.stdio.type === "terminal") this.relay = new Relay(master, this.stdio.plan, this.target.everyone);
  }

  /** Ends the container, if it has not ended yet, and gives back what it holds of the caller's. */
  abort(): void {
    if (this.child.exit) return;
    signalChild(this.child, SIGNALS.KILL);
    reap(this.child);
    this.relay?.end();
  }

  private patience(): number {
    const nearest = Math.min(this.deadline - performance.now(), this.relay?.patience ?? NEVER);
    return this.started && !this.trimmed ? Math.min(nearest, LONG) : nearest;
  }

  /** Nothing has happened for a while. */
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
      return; // signals that have come meanwhile are first
    }
    const keys = relay.carry(input, master, output);
    if (keys) this.press(keys);
    // as when a terminal is gone: what else would tell a container that writes for nobody
    if (relay.outputIsGone) {
      relay.outputIsGone = false;
      this.send(SIGNALS.HUP);
    }
  }

  /** ^C and friends, sent by the kernel to a group that PID 1 leads: it has dropped those that PID 1 does not handle. */
  private press({ group, signals }: Keys): void {
    if (group !== this.child.pid) return;
    for (const signal of signals) {
      if (handles(group, signal)) continue;
      if (signal === SIGNALS.TSTP) this.pause(SIGNALS.TSTP);
      else this.send(signal);
    }
  }

  private readSignals(): void {
    for (let info = tryReadSignal(this.signals); info; info = tryReadSignal(this.signals))
      this.take(info.signal, info.code === SI_KERNEL);
  }

  private take(signal: number, isKey: boolean): void {
    if (signal === SIGNALS.CHLD || this.wishes.ignored.includes(signal)) return;
    // continued, we find the terminal as the shell has left it: ours, or in the background not
    if (signal === SIGNALS.CONT && this.started) this.relay?.settle();
    if (signal === SIGNALS.WINCH && this.relay) this.relay.resize();
    else if (isKey && this.started && this.relay && this.takeKey(this.relay, signal)) return;
    else if (STOPPING.has(signal) && !(this.started && this.commandHandles(signal))) this.pause();
    else this.send(signal);
  }

  /** A key of the caller's terminal, which was not raw: it is meant for what runs in the container's. */
  private takeKey(relay: Relay, signal: number): boolean {
    if (signal === SIGNALS.TSTP) {
      this.pause(); // with all of our job
      return true;
    }
    const keys = relay.press(signal);
    if (keys) this.press(keys);
    return keys !== undefined;
  }

  private commandHandles(signal: number): boolean {
    return handles(commandOf(this.child.pid, this.target.init), signal);
  }

  /** Stops the container and us; for the whole of our job by this signal, where it does not know yet. */
  private pause(signal?: number): void {
    const letGo = (): void => {
      if (this.relay && this.started) this.flush(this.relay);
      this.relay?.restore();
    };
    suspend(this.child, this.target.everyone, letGo, signal);
    if (this.started) this.relay?.settle();
  }

  /** What a stopped container wrote, and the key's echo, is on the screen before the shell's prompt. */
  private flush(relay: Relay): void {
    if (relay.mustStop) return;
    while (relay.hasOutput() || (poll([[relay.master, POLLIN]], ECHO)[0] && relay.hasOutput())) {
      if (!poll([[relay.outputDescriptor, POLLOUT]], LAST_WORDS)[0]) return;
      relay.giveOutput();
    }
  }

  private send(signal: number): void {
    if (this.child.exit) this.hurried ||= !HARMLESS.has(signal);
    else if (!this.started && !(this.handshake.ready && this.target.init)) {
      if (HARMLESS.has(signal)) return;
      // before execve the child is still minibox, and what it has blocked would be lost
      signalChild(this.child, SIGNALS.KILL);
      this.endedBy ||= signal;
    } else if (deliver(this.child, signal)) this.endedBy ||= signal;
  }

  private expire(): void {
    if (this.timedOut) {
      signalChild(this.child, SIGNALS.KILL);
      this.deadline = NEVER;
      return;
    }
    this.timedOut = true;
    this.deadline = performance.now() + this.wishes.stopTimeout;
    this.send(SIGNALS.TERM);
  }

  private finish(): Outcome {
    // PID 1 cannot outlive its namespace, nor the namespace PID 1: all of the container is gone now
    const ended = reap(this.child);
    if (this.relay) this.drain(this.relay);
    if (this.stdio.type === "terminal" && this.stdio.givesBack) this.relay?.giveBack();
    this.relay?.end();
    return {
      status: this.statusOf(ended),
      started: this.started || this.endedBy > 0,
      timedOut: this.timedOut,
    };
  }

  /** Carries what the container wrote before it ended; a signal, or the wish to have it ended, cuts that short. */
  private drain(relay: Relay): void {
    while (relay.hasOutput()) {
      if (relay.mustStop && !this.endedBy)
        suspend(
          this.child,
          () => [],
          () => {},
          SIGNALS.TTOU,
        );
      const patience = this.endedBy || this.timedOut ? LAST_WORDS : NEVER;
      const [writable, signal] = poll(
        [
          [relay.outputDescriptor, POLLOUT],
          [this.signals, POLLIN],
        ],
        Math.min(patience, Math.max(0, this.deadline - performance.now())),
      );
      if (signal) this.readSignals();
      if (writable) relay.giveOutput();
      else if (!signal || this.hurried) return;
    }
  }

  private statusOf(ended: Exit): number {
    if (this.timedOut) return 124;
    return ended.signal === SIGNALS.KILL && this.endedBy ? 128 + this.endedBy : ended.status;
  }
}
