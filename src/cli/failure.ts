// Owns what an error becomes for the person: its line, what to do about it, and the exit code. Loaded once something
// has failed, with the tables of hints: a run that goes well pays for none of it.

import { NoRootfsError, RunError, SpecError, UsageError } from "../errors.ts";
import { SysError } from "../sys/errno.ts";
import { adviceFor } from "./advice.ts";
import { hintFor } from "./hints.ts";
import { note, print, visible } from "./report.ts";
import { rootfsAdvice } from "./rootfs-advice.ts";

/** Prints an error of `minibox COMMAND` and what to do about it; returns the exit code that the table in the README gives it. */
export function report(error: unknown, command: string | undefined): number {
  const message = error instanceof Error ? error.message : String(error);
  const { meant, hint } = linesFor(error);
  note(meant === undefined ? message : `${message}, did you mean ${meant}?`);
  if (hint !== undefined) print(2, `  ${visible(hint)}\n`);
  if (error instanceof UsageError) print(2, `  see minibox ${command ? `${command} ` : ""}--help\n`);
  const expected = [UsageError, RunError, SpecError, SysError].some((type) => error instanceof type);
  if (!expected) print(2, "  this is a fault of minibox itself, please report it\n");
  return error instanceof RunError ? error.status : 125;
}

function linesFor(error: unknown): { meant?: string | undefined; hint?: string | undefined } {
  if (error instanceof NoRootfsError) return { hint: rootfsAdvice(error.path) };
  if (error instanceof RunError) return { hint: error.hint };
  if (error instanceof SysError) return { hint: hintFor(error) };
  if (error instanceof UsageError && error.unknown) return adviceFor(error.unknown);
  return {};
}
