// Owns the shape of what was measured.

import type { Phases } from "./phases.ts";
import type { Memory } from "./procfs.ts";

/** One value for each run; of a burst, for each burst. */
export interface Timing {
  /** wall-clock seconds */
  times: number[];
  /** seconds of CPU time, user and system, of the program and all its descendants that were waited for */
  cpu: number[];
  /** minor page faults of the same; not of bursts */
  faults: number[];
  failures: number;
}

export const noTiming = (): Timing => ({ times: [], cpu: [], faults: [], failures: 0 });

/** The processes that stay beside the containers' own while some containers run at once. */
export interface Waiting {
  /** the names of one container's: "bwrap" and "bwrap" */
  processes: string[];
  /** for each container, the sum over its processes; memory that processes share as a whole is counted once */
  each: Memory[];
  /** what all of them together did in a while in which nothing happened */
  idle?: Idle;
}

export interface Idle {
  /** the length of the while */
  seconds: number;
  /** seconds of CPU time */
  cpu: number;
  /** how often one of their threads was given a processor */
  switches: number;
}

export interface Measured {
  name: string;
  /** the file of a further version of the program */
  peer?: string;
  filter: boolean;
  /** why the program was not measured, in one line */
  skipped?: string;
  /** all that the program printed when it failed */
  said?: string;
  version?: string;
  command?: string[];
  run?: Timing;
  /** the same on a busy machine */
  loaded?: Timing;
  burst?: Timing;
  /** number of containers → what waits beside them; or why that could not be measured */
  waiting?: Record<number, Waiting> | string;
}

export interface Result {
  programs: Measured[];
  phases?: Phases;
  leftovers: string[];
}
