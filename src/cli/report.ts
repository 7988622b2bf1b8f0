// Owns everything minibox says: errors, notes and traces, each whole lines on stderr in one write, never decorated.

import { RunError, SpecError, UsageError } from "../errors.ts";
import { encode } from "../sys/bytes.ts";
import { SysError } from "../sys/errno.ts";
import { attempt, untraced } from "../sys/libc.ts";
import { hintFor } from "./hints.ts";

/** Writes whole lines; nobody is left to tell when that fails. */
export function print(fd: number, text: string): void {
  const bytes = encode(text);
  untraced(() => {
    for (let done = 0; done < bytes.length; ) {
      const n = attempt("write", fd, bytes.subarray(done), bytes.length - done);
      if (n <= 0) return;
      done += n;
    }
  });
}

/** Control characters in a name must not write to the person's terminal. */
const visible = (text: string): string =>
  text.replace(
    /[\0-\x08\x0b-\x1f\x7f-\x9f]/g,
    (char) => `\\x${char.charCodeAt(0).toString(16).padStart(2, "0")}`,
  );

export const note = (message: string): void => print(2, `minibox: ${visible(message)}\n`);

/** Prints an error and what to do about it; returns the exit code that the table in the README gives it. */
export function report(error: unknown): number {
  const message = error instanceof Error ? error.message : String(error);
  note(message);
  const hint =
    error instanceof RunError ? error.hint : error instanceof SysError ? hintFor(error) : undefined;
  if (hint) print(2, `  ${visible(hint)}\n`);
  if (error instanceof UsageError) print(2, "  see minibox run --help\n");
  const expected = [UsageError, RunError, SpecError, SysError].some((type) => error instanceof type);
  if (!expected) print(2, "  this is a fault of minibox itself, please report it\n");
  return error instanceof RunError ? error.status : 125;
}
