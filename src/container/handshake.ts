// Owns receiving the messages of a container's first process, and what they say: how far it has come, or why it failed.
// The process's end of the socket is close-on-exec, so the stream ends when execve(2) succeeds (sync.ts).

import { feature } from "bun:bundle";
import { type FromChild, type Labels, read, readAtHand } from "../sync.ts";
import { POLLIN } from "../sys/constants.ts";
import { receiveStamps, stamp } from "../sys/phases.ts";
import { poll } from "../sys/poll.ts";
import { type Child, closeSocket } from "./spawn.ts";

/** The last message of a child that failed. The child then waits until the parent closes the socket. */
export type Failure = Extract<FromChild, { type: "error" | "refused" }>;

/** Functions that are called with what the child reports on its way. */
export interface Callbacks {
  /** a note for the person */
  warn(message: string): void;
  /** a step or a call of a traced child; and "started" */
  trace(message: FromChild): void;
  /** the descriptor of the master of the container's terminal */
  terminal?(master: number): void;
  /** the descriptor from which the notices of the container's seccomp filter are read */
  listener?(fd: number): void;
  /** a file or directory that had to be made in the rootfs */
  made?(path: string, inode: number): void;
}

/** In milliseconds: finish() calls `check` this often. */
const BETWEEN_CHECKS = 100;

export class Handshake {
  /** from now on the end of the stream means that execve has succeeded */
  ready = false;
  /** the command runs */
  started = false;
  /**
   * the container waits to be started, and sends its further messages over the connection of the process that starts it
   */
  held: Labels | undefined;
  failure: Failure | undefined;
  /** an init starts the command. The command can take the init over, so messages may be forged from now on. */
  private spawning = false;

  constructor(
    private readonly child: Pick<Child, "socket">,
    private readonly callbacks: Callbacks,
  ) {}

  /**
   * Receives messages until the container is held, its command runs, or it failed. While no message comes, `check` is
   * called repeatedly; it ends the wait by throwing an error. @throws SysError
   */
  finish(check: () => void): void {
    while (!this.held && !this.failure && this.child.socket >= 0) {
      const [message] = poll([[this.child.socket, POLLIN]], BETWEEN_CHECKS);
      if (message) this.receive();
      else check();
    }
  }

  /** Waits for the next message and takes it in. @throws SysError */
  receive(): void {
    if (this.spawning) this.receiveLast();
    else {
      const received = read<FromChild>(this.child.socket);
      if (received) this.dispatch(received.message, received.fds[0]);
      else this.endOfStream();
    }
  }

  /** Receives from this connection from now on: over it the held container was started. */
  goOn(connection: number): void {
    closeSocket(this.child);
    this.child.socket = connection;
    this.held = undefined;
    this.ready = true;
  }

  private dispatch(message: FromChild, fd: number | undefined): void {
    if (feature("PHASES")) if (message.type === "phases") receiveStamps(message.stamps);
    if (message.type === "ready") this.ready = true;
    else if (message.type === "spawning") this.spawning = true;
    else if (message.type === "held") this.held = message.labels;
    else if (message.type === "terminal" && fd !== undefined) this.callbacks.terminal?.(fd);
    else if (message.type === "listener" && fd !== undefined) this.callbacks.listener?.(fd);
    else if (message.type === "error" || message.type === "refused") this.failure = message;
    else if (message.type === "warning") this.callbacks.warn(message.message);
    else if (message.type === "made") this.callbacks.made?.(message.path, message.inode);
    else this.callbacks.trace(message);
  }

  /**
   * Takes in messages that the command may have forged. A forged failure or call harms nobody but the command itself.
   */
  private receiveLast(): void {
    const messages = readAtHand<FromChild>(this.child.socket);
    if (!messages) this.endOfStream();
    for (const message of messages ?? [])
      if (message.type === "error" || message.type === "refused") this.failure = message;
      else if (message.type === "call") this.callbacks.trace(message);
  }

  /** The stream also ends when the child crashes. Only after "ready" does its end mean that the command runs. */
  private endOfStream(): void {
    if (feature("PHASES")) stamp("wait for the command");
    closeSocket(this.child);
    this.started = this.ready;
    if (this.started) this.callbacks.trace({ type: "started" });
  }
}
