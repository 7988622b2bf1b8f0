// Owns the types of supervision: what is supervised, how it is connected, what the caller wants, and how it ended.

import type { Handshake } from "../container/handshake.ts";
import type { Child } from "../container/spawn.ts";
import type { SysError } from "../sys/errno.ts";
import type { Relay } from "./stdio-terminal.ts";
import type { TerminalPlan } from "./terminal-plan.ts";

/** The container that is supervised. */
export interface Target {
  child: Child;
  handshake: Handshake;
  /** minibox stays PID 1 and runs the command as its child */
  init: boolean;
  /** returns the pids of the container's processes, in the supervisor's pid namespace */
  everyone(): readonly number[];
  /** called when the container waits to be started */
  onHeld(): void;
  /** called when the command runs */
  onStarted(): void;
}

/** How the command's stdin, stdout and stderr are connected. */
export type Connection =
  /** the command inherits the caller's descriptors */
  | { type: "inherit" }
  /** those that the plan names are the container's terminal */
  | {
      type: "terminal";
      plan: TerminalPlan;
      /** what carries the bytes; its code is loaded only for a container with a terminal */
      Relay: typeof Relay;
      /** at the end unread input goes back to the caller: the container could not put any into its terminal itself */
      givesBack: boolean;
    };

export interface SupervisorOptions {
  /** milliseconds until SIGTERM; undefined for never */
  timeout?: number | undefined;
  /** milliseconds between SIGTERM and SIGKILL */
  stopTimeout: number;
  /** signals that the caller wants ignored: they are not passed on */
  ignored: readonly number[];
}

/** A container that has ended, or soon will, as those see it who pass on its last output. */
export interface Ending {
  readonly child: Child;
  /** the signalfd(2) from which the supervisor's signals are read */
  readonly signals: number;
  /** the signal for which the supervisor killed the container; 0 for none */
  readonly endedBy: number;
  readonly timedOut: boolean;
  /** a signal came when the container had ended and its last output was not written yet: that is then given up */
  readonly cutShort: boolean;
  /** when the timeout is due (performance.now()) */
  readonly deadline: number;
  /** acts on the signals that have come */
  readSignals(): void;
}

export interface Outcome {
  /** the exit code: the command's, 128 + the number of the signal that ended it, or 124 after the timeout */
  status: number;
  /** false where the child ended before it became the command, or failed to (Handshake.failure) */
  started: boolean;
  timedOut: boolean;
  /** why output of the command was lost, or input did not reach it */
  lost: SysError[];
}
