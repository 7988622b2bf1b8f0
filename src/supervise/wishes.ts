// Owns what a supervisor is asked for, and what it has to say at the end.

import type { FromChild } from "../sync.ts";
import type { TerminalPlan } from "./terminal-plan.ts";

export interface Wishes {
  /** milliseconds until TERM; Infinity for none */
  timeout: number;
  /** milliseconds between TERM and KILL */
  stopTimeout: number;
  /** the child stays PID 1 and runs the command below itself */
  init: boolean;
  /** how the container's terminal is connected, where it has one */
  terminal: TerminalPlan | undefined;
  /** the container cannot put input into its own terminal: what it did not read was typed */
  givesBack: boolean;
  /** what our caller wants ignored */
  ignored: readonly number[];
  /** the container's processes, as the host counts */
  everyone(): readonly number[];
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
