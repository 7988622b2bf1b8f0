// Owns the wait: one poll(2) loop over the child's socket, its pidfd, our signals and, with a terminal, the bytes.

import { type FromChild, read } from "../sync.ts";
import { POLLIN, SIGNALS } from "../sys/constants.ts";
import { attempt, untraced } from "../sys/libc.ts";
import { type Exit, kill, timespec } from "../sys/process.ts";
import { Relay } from "./relay.ts";
import { deliver, suspend } from "./signals.ts";
import { bury, type Child, hangUp } from "./spawn.ts";

export interface Wishes {
  /** milliseconds until TERM; Infinity for none */
  timeout: number;
  /** milliseconds between TERM and KILL */
  stopTimeout: number;
  /** what the child says on its way */
  onMessage(message: FromChild): void;
  /** the descriptor that notices of the command's seccomp filter are read from */
  onListener(fd: number): void;
}

/** The child's last word when it could not do what it was asked; it waits until it is ended. */
export type Failure = Extract<FromChild, { type: "error" | "refused" }>;

export interface Outcome {
  failure?: Failure;
  status: number;
  /** false when the child ended before it had become the command */
  started: boolean;
  timedOut: boolean;
}

/** Serves a child until it ends. */
export class Supervisor {
  private relay: Relay | undefined;
  private failure: Failure | undefined;
  private ready = false;
  private started = false;
  /** the signal that ended the container in the command's stead */
  private endedBy = 0;
  private timedOut = false;
  private deadline: number;

  constructor(
    private readonly child: Child,
    private readonly signals: number,
    private readonly wishes: Wishes,
  ) {
    this.deadline = performance.now() + wishes.timeout;
  }

  /** Polls until the child has ended and everything it wrote was carried. */
  run(): Outcome {
    for (;;) {
      const interest: [number, number][] = [
        [this.child.pidfd, POLLIN],
        [this.signals, POLLIN],
        [this.child.socket, POLLIN],
        ...(this.relay?.interest() ?? []),
      ];
      const [ended, signal, message, stdin = 0, master = 0] = poll(
        interest,
        this.deadline - performance.now(),
      );
      if (message) this.receive();
      if (this.failure) return { failure: this.failure, status: 125, started: false, timedOut: false };
      if (signal) this.takeSignals();
      this.relay?.carry(stdin, master);
      // what it said last is heard before it is buried
      if (ended && this.child.socket < 0) return this.finish();
      if (ended && !message) this.receive();
      if (performance.now() >= this.deadline) this.expire();
    }
  }

  /** Ends the container, if it has not ended yet, and gives back what it holds of the caller's. */
  abort(): void {
    if (this.child.exit) return;
    kill(this.child.pid, SIGNALS.KILL);
    bury(this.child);
    this.relay?.finish();
  }

  private receive(): void {
    const received = read<FromChild>(this.child.socket);
    if (!received) {
      // the stream also ends when the child crashes; only what said "ready" has become the command
      this.started = this.ready;
      hangUp(this.child);
      if (this.started) this.wishes.onMessage({ type: "started" });
      return;
    }
    const { message, fd } = received;
    if (message.type === "ready") this.ready = true;
    else if (message.type === "terminal" && fd !== undefined) this.relay = new Relay(fd);
    else if (message.type === "listener" && fd !== undefined) this.wishes.onListener(fd);
    else if (message.type === "error" || message.type === "refused") this.failure = message;
    else this.wishes.onMessage(message);
  }

  private takeSignals(): void {
    const info = new Uint8Array(128); // struct signalfd_siginfo
    while (attempt("read", this.signals, info, info.length) === info.length) {
      const signal = info[0]!;
      if (signal === SIGNALS.CHLD) continue;
      if (signal === SIGNALS.WINCH && this.relay) this.relay.resize();
      else if (signal === SIGNALS.TSTP) this.pause();
      else this.send(signal);
    }
  }

  private pause(): void {
    this.relay?.restore();
    suspend(this.child.pid);
    this.relay?.enterRaw();
  }

  private send(signal: number): void {
    // before execve the child is still minibox, and what it has blocked would be lost
    if (!this.started) kill(this.child.pid, SIGNALS.KILL);
    else if (!deliver(this.child.pid, signal)) return;
    this.endedBy ||= signal;
  }

  private expire(): void {
    if (this.timedOut) {
      kill(this.child.pid, SIGNALS.KILL);
      this.deadline = Number.POSITIVE_INFINITY;
      return;
    }
    this.timedOut = true;
    this.deadline = performance.now() + this.wishes.stopTimeout;
    this.send(SIGNALS.TERM);
  }

  private finish(): Outcome {
    // PID 1 cannot outlive its namespace, nor the namespace PID 1: all of the container is gone now
    const ended = bury(this.child);
    this.relay?.finish();
    return {
      status: this.statusOf(ended),
      started: this.started || this.endedBy > 0,
      timedOut: this.timedOut,
    };
  }

  private statusOf(ended: Exit): number {
    if (this.timedOut) return 124;
    return ended.signal === SIGNALS.KILL && this.endedBy ? 128 + this.endedBy : ended.status;
  }
}

/** ppoll(2): what was found for each, 0 for nothing. Waits without end for Infinity. */
function poll(interest: readonly [number, number][], milliseconds: number): number[] {
  // struct pollfd { int fd; short events, revents; }
  const words = new Int32Array(interest.length * 2);
  const halves = new Int16Array(words.buffer);
  for (let i = 0; i < interest.length; i++) {
    words[2 * i] = interest[i]![0];
    halves[4 * i + 2] = interest[i]![1];
  }
  const timeout = milliseconds === Number.POSITIVE_INFINITY ? null : timespec(milliseconds);
  untraced(() => attempt("ppoll", new Uint8Array(words.buffer), interest.length, timeout, null, 8));
  const found: number[] = [];
  for (let i = 0; i < interest.length; i++) found.push(halves[4 * i + 3]!);
  return found;
}
