// Owns waiting for descriptors (poll(2)).

import { attempt, untraced } from "./libc.ts";
import { timespec } from "./process.ts";

/** ppoll(2): what was found for each [descriptor, events], 0 for nothing. Waits without end for Infinity. */
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
