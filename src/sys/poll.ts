// Owns waiting: for descriptors, or for time to pass (ppoll(2)).

import { putLong } from "./bytes.ts";
import { attempt, untraced } from "./libc.ts";

/** What is waited for: struct pollfd { int fd; short events, revents; } [], which can be used for many waits. */
export class Interest {
  private readonly descriptors: Int32Array;
  private readonly halves: Int16Array;
  private readonly bytes: Uint8Array;
  private readonly time = new Uint32Array(new ArrayBuffer(16));
  private readonly timespec = new Uint8Array(this.time.buffer);

  constructor(readonly length: number) {
    this.descriptors = new Int32Array(new ArrayBuffer(8 * length));
    this.halves = new Int16Array(this.descriptors.buffer);
    this.bytes = new Uint8Array(this.descriptors.buffer);
  }

  /** Waits for these events of a descriptor at place `i`; for nothing there where the descriptor is -1. */
  set(i: number, descriptor: number, events: number): void {
    this.descriptors[2 * i] = descriptor;
    this.halves[4 * i + 2] = events;
  }

  /**
   * int ppoll(struct pollfd *, nfds_t, const struct timespec *, NULL): how many places have events, 0 after so many
   * milliseconds, or -errno. Waits without end for Infinity.
   */
  wait(milliseconds: number): number {
    const timeout = milliseconds === Number.POSITIVE_INFINITY ? null : this.timespec;
    if (timeout) putTime(this.time, milliseconds);
    const result = untraced(() => attempt("ppoll", this.bytes, this.length, timeout, null, 8));
    // the kernel has left what an earlier wait found
    if (result < 0) for (let i = 0; i < this.length; i++) this.halves[4 * i + 3] = 0;
    return result;
  }

  /** What the last wait found at place `i`; 0 for nothing. */
  found(i: number): number {
    return this.halves[4 * i + 3]!;
  }
}

/** Waits once: what was found for each [descriptor, events], as Interest has it. */
export function poll(wanted: readonly (readonly [number, number])[], milliseconds: number): number[] {
  const interest = new Interest(wanted.length);
  for (let i = 0; i < wanted.length; i++) interest.set(i, wanted[i]![0], wanted[i]![1]);
  interest.wait(milliseconds);
  const found: number[] = [];
  for (let i = 0; i < wanted.length; i++) found.push(interest.found(i));
  return found;
}

/** struct timespec of a duration. */
export function timespec(milliseconds: number): Uint8Array {
  const words = new Uint32Array(new ArrayBuffer(16));
  putTime(words, milliseconds);
  return new Uint8Array(words.buffer);
}

function putTime(words: Uint32Array, milliseconds: number): void {
  // no BigInt: every run waits, and the first use of a BigInt costs 0.1 ms
  const rest = Math.max(milliseconds, 0);
  putLong(words, 0, rest / 1000);
  putLong(words, 2, (rest - (words[0]! + words[1]! * 2 ** 32) * 1000) * 1e6);
}

/** Waits for this time to pass. Only where there is nothing to poll. */
export function pause(milliseconds: number): number {
  return attempt("ppoll", null, 0, timespec(milliseconds), null, 8);
}
