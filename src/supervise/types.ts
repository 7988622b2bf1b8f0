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

export interface Outcome {
  /** the exit code: the command's, 128 + the number of the signal that ended it, or 124 after the timeout */
  status: number;
  /** false where the child ended before it became the command, or failed to (Handshake.failure) */
  started: boolean;
  timedOut: boolean;
  /** why output of the command was lost, or input did not reach it */
  lost: SysError[];
}
