// Owns what an error becomes for the person: its line, what to do about it, and the exit code. Loaded once something
// has failed, with the tables of hints: a run that goes well pays for none of it.

import { NoRootfsError, RunError, SpecError, UsageError } from "../errors.ts";
import { SysError } from "../sys/errno.ts";
import { adviceFor } from "./advice.ts";
import { type Parsed, parseFlags } from "./argv.ts";
import { COMMANDS } from "./commands.ts";
import { inFlags, nameOfField } from "./field-flags.ts";
import { hintFor } from "./hints.ts";
import type { Line } from "./index.ts";
import { messagesTo } from "./messages.ts";
import { rootfsAdvice } from "./rootfs-advice.ts";
import { runFlags } from "./run-flags.ts";

/**
 * Prints an error of this command line and what to do about it, and puts it into the log; returns the exit code that
 * the table in the README gives it.
 */
export function report(error: unknown, { command, words, log }: Line): number {
  const told = error instanceof Error ? error.message : String(error);
  const flags = command === "run" || command === "create" ? typedFlags(words) : undefined;
  const { meant, hint } = linesFor(error);
  const named = flags ? nameFlag(error, told, flags) : told;
  const message = meant === undefined ? named : `${named}, did you mean ${meant}?`;
  const messages = messagesTo(log);
  messages.error(message);
  if (hint !== undefined) messages.log(flags ? inFlags(hint, flags) : hint);
  if (error instanceof UsageError || (error instanceof SpecError && flags))
    messages.log(seeHelp(error, command));
  const expected = [UsageError, RunError, SpecError, SysError].some((type) => error instanceof type);
  if (!expected) messages.log("this is a fault of minibox itself, please report it");
  return error instanceof RunError ? error.status : 125;
}

/** Where the flags of a command that there is are listed; all commands, where one was misspelled. */
function seeHelp(error: UsageError | SpecError, command: string | undefined): string {
  const isMisspelled = error instanceof UsageError && error.unknown?.kind === "command";
  const isKnown = !isMisspelled && command !== undefined && Object.hasOwn(COMMANDS, command);
  return `see minibox ${isKnown ? `${command} ` : ""}--help`;
}

/** The flags that were typed; undefined where the words cannot be parsed, which is the error to report then. */
function typedFlags(words: string[]): Parsed["given"] | undefined {
  try {
    return parseFlags(words, runFlags()).given;
  } catch {
    return undefined;
  }
}

/** The message with the flag in place of the field, if it begins with one. */
function nameFlag(error: unknown, message: string, flags: Parsed["given"]): string {
  const field = error instanceof RunError || error instanceof SpecError ? error.field : undefined;
  return field === undefined ? message : `${nameOfField(field, flags)}${message.slice(field.length)}`;
}

function linesFor(error: unknown): { meant?: string | undefined; hint?: string | undefined } {
  if (error instanceof NoRootfsError) return { hint: rootfsAdvice(error.path) };
  if (error instanceof RunError) return { hint: error.hint };
  if (error instanceof SysError) return { hint: hintFor(error) };
  if (error instanceof UsageError && error.unknown) return adviceFor(error.unknown);
  return {};
}
