// Owns the stamps by which the benchmark finds out where a start's time goes. They are in a build with the feature PHASES
// alone (scripts/build.ts); from every other build the bundler removes this module, and the calls, each of which stands
// behind `if (feature("PHASES"))`.

import { feature } from "bun:bundle";
import { encode } from "./bytes.ts";
import { O } from "./constants.ts";
import { close, open, write } from "./file.ts";
import { attempt } from "./libc.ts";

/**
 * The beginning of a phase in this process: nanoseconds of CLOCK_MONOTONIC, which all processes share; then what the
 * process had used up to here: nanoseconds of CPU time, and minor page faults.
 */
export type Stamp = [phase: string, time: number, cpu: number, faults: number];

const CLOCK_MONOTONIC = 1;
const CLOCK_PROCESS_CPUTIME_ID = 2;
const RUSAGE_SELF = 0;
/** struct rusage (getrusage(2)) in words of 32 bits, and where ru_minflt lies in it */
const RUSAGE_WORDS = 36;
const MINFLT = 16;

const words = new Uint32Array(RUSAGE_WORDS);
const bytes = new Uint8Array(words.buffer);

const stamps: Stamp[] = [];
/** What the container's first process has sent. */
let received: readonly Stamp[] = [];

function clock(id: number): number {
  attempt("clock_gettime", id, bytes);
  return words[0]! * 1e9 + words[2]!;
}

/** Notes that a phase begins. */
export function stamp(phase: string): void {
  attempt("getrusage", RUSAGE_SELF, bytes);
  const faults = words[MINFLT]!;
  stamps.push([phase, clock(CLOCK_MONOTONIC), clock(CLOCK_PROCESS_CPUTIME_ID), faults]);
}

/** All stamps of this process. */
export function ownStamps(): readonly Stamp[] {
  return stamps;
}

export function receiveStamps(child: readonly Stamp[]): void {
  received = child;
}

/** Writes both processes' stamps to the file that MINIBOX_PHASES names, as one line of JSON. @throws SysError */
export function writeStamps(): void {
  const file = process.env.MINIBOX_PHASES;
  if (file === undefined) return;
  const fd = open(file, O.O_WRONLY | O.O_CREAT | O.O_APPEND, 0o600);
  write(fd, encode(`${JSON.stringify({ supervisor: stamps, child: received })}\n`));
  close(fd);
}

// When this module is evaluated, libc is bound, and most other modules are still to come.
if (feature("PHASES")) stamp("first modules");
