// Owns what the messages of a container's first process mean for whoever waits for it: how far it has come, and why it
// failed. The process reports over a socket (sync.ts), which closes by itself when execve(2) succeeds.

import { type FromChild, type Labels, read, readAtHand } from "../sync.ts";
import { POLLIN } from "../sys/constants.ts";
import { poll } from "../sys/poll.ts";
import { type Child, hangUp } from "./spawn.ts";

/** The last word of a child that could not do what it was asked. It waits until its socket closes. */
export type Failure = Extract<FromChild, { type: "error" | "refused" }>;

/** What the child tells on its way, for those who made it. */
export interface Ears {
  /** a note for the person */
  warn(message: string): void;
  /** a step or a call of the child's, when it is traced; and "started" */
  trace(message: FromChild): void;
  /** the master of the container's terminal */
  terminal?(master: number): void;
  /** the descriptor that notices of the container's seccomp filter are read from */
  listener?(fd: number): void;
  /** a file or directory that had to be made in the rootfs */
  made?(path: string, inode: number): void;
}

export class Handshake {
  /** the end of the stream will mean that execve has succeeded */
  ready = false;
  /** the command runs */
  started = false;
  /** the container waits to be started, and its messages come over the starter's connection */
  held: Labels | undefined;
  failure: Failure | undefined;
  /** an init starts the command, which may take the init over: messages may be forged from now on */
  private spawning = false;

  constructor(
    private readonly child: Pick<Child, "socket">,
    private readonly ears: Ears,
  ) {}

  /** Reads until the container is held, runs, or never will. @throws SysError */
  finish(): void {
    while (!this.held && !this.failure && this.child.socket >= 0) {
      poll([[this.child.socket, POLLIN]], Number.POSITIVE_INFINITY);
      this.receive();
    }
  }

  /** Takes in the next message, waiting for it where it is not there yet. @throws SysError */
  receive(): void {
    if (this.spawning) this.receiveLast();
    else {
      const received = read<FromChild>(this.child.socket);
      if (received) this.heed(received.message, received.fd);
      else this.endOfStream();
    }
  }

  /** A starter has let the held container go: what it reports comes over this connection. */
  goOn(connection: number): void {
    hangUp(this.child);
    this.child.socket = connection;
    this.held = undefined;
  }

  private heed(message: FromChild, fd: number | undefined): void {
    if (message.type === "ready") this.ready = true;
    else if (message.type === "spawning") this.spawning = true;
    else if (message.type === "held") this.held = message.labels;
    else if (message.type === "terminal" && fd !== undefined) this.ears.terminal?.(fd);
    else if (message.type === "listener" && fd !== undefined) this.ears.listener?.(fd);
    else if (message.type === "error" || message.type === "refused") this.failure = message;
    else if (message.type === "warning") this.ears.warn(message.message);
    else if (message.type === "made") this.ears.made?.(message.path, message.inode);
    else this.ears.trace(message);
  }

  /** Whoever sends now may be the command: of its messages only a failure is believed, which harms nobody else. */
  private receiveLast(): void {
    const messages = readAtHand<FromChild>(this.child.socket);
    if (!messages) this.endOfStream();
    for (const message of messages ?? [])
      if (message.type === "error" || message.type === "refused") this.failure = message;
      else if (message.type === "call") this.ears.trace(message);
  }

  /** The stream also ends when the child crashes: only one that was ready has become the command. */
  private endOfStream(): void {
    hangUp(this.child);
    this.started = this.ready;
    if (this.started) this.ears.trace({ type: "started" });
  }
}
