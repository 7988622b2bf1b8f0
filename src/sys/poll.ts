// Owns waiting: for descriptors, or for time to pass (ppoll(2)).

import { putLong } from "./bytes.ts";
import { attempt, untraced } from "./libc.ts";

/**
 * int ppoll(struct pollfd *, nfds_t, const struct timespec *, NULL): what was found for each [descriptor, events], 0 for
 * nothing. Waits so many milliseconds, without end for Infinity.
 */
export function poll(interest: readonly [number, number][], milliseconds: number): number[] {
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

/** struct timespec of a duration. */
export function timespec(milliseconds: number): Uint8Array {
  // no BigInt: every run waits, and the first use of a BigInt costs 0.1 ms
  const rest = Math.max(milliseconds, 0);
  const words = new Uint32Array(new ArrayBuffer(16));
  const seconds = rest / 1000;
  putLong(words, 0, seconds);
  putLong(words, 2, (rest - (words[0]! + words[1]! * 2 ** 32) * 1000) * 1e6);
  return new Uint8Array(words.buffer);
}

/** Waits for this time to pass. Only where there is nothing to poll. */
export const pause = (milliseconds: number): number =>
  attempt("ppoll", null, 0, timespec(milliseconds), null, 8);
