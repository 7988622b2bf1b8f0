// Owns the command line as a whole: which command, its exit code, and what becomes of errors.

import { feature } from "bun:bundle";
import { abandon, type Starting } from "../container/begin.ts";
import { stamp, writeStamps } from "../sys/phases.ts";
import { exit } from "../sys/process.ts";
import { parseFlags } from "./argv.ts";
import { callerWords } from "./caller.ts";
import { commandAt } from "./command-at.ts";
import { GLOBAL_FLAGS } from "./global-flags.ts";
import { applyGlobals, type Globals, type Log, openLog, refuseSystemdCgroup } from "./globals.ts";
import { note } from "./report.ts";
import { runCommand } from "./run.ts";

/** The command line, as far as it was read. */
export interface Line {
  command: string | undefined;
  /** what follows the command */
  words: string[];
  log: Log | undefined;
}

/**
 * Runs the command line and ends the process with its exit code. `starting` is the child of a run, spawned already.
 * It throws only where an error could not be reported.
 */
export async function main(starting: Starting | undefined): Promise<never> {
  if (feature("PHASES")) stamp("flags and spec");
  const line: Line = { command: undefined, words: [], log: undefined };
  try {
    const all = callerWords();
    const at = commandAt(all);
    const globals: Globals = at > 0 ? parseFlags(all.slice(0, at), GLOBAL_FLAGS).given : new Map();
    if (at > 0) {
      line.log = openLog(globals);
      applyGlobals(globals);
    }
    line.command = all[at];
    line.words = all.slice(at + 1);
    const status = await dispatch(line, globals, starting);
    if (feature("PHASES")) {
      stamp("exit");
      writeStamps();
    }
    exit(status);
  } catch (error) {
    if (starting) abandon(starting); // does nothing where the run has waited for the child already
    exit(await tell(error, line));
  }
}

/** Runs the command; returns its exit code. */
function dispatch(
  { command, words }: Line,
  globals: Globals,
  starting: Starting | undefined,
): Promise<number> {
  const is = (flag: keyof typeof GLOBAL_FLAGS): boolean => globals.get(flag)?.[0] === "true";
  if (is("version")) return fromTable("version", [], globals);
  if (is("help") || command === undefined)
    return fromTable("help", command === undefined ? [] : [command], globals);
  if (command !== "run") return fromTable(command, words, globals);
  refuseSystemdCgroup(globals);
  return runCommand(words, starting);
}

/** The table is loaded for every command but `run`. */
const fromTable = async (name: string, words: string[], globals: Globals): Promise<number> =>
  (await import("./commands.ts")).runFromTable(name, words, globals);

/** Prints the error and what to do about it; returns the exit code. */
async function tell(error: unknown, line: Line): Promise<number> {
  try {
    return (await import("./failure.ts")).report(error, line);
  } catch {
    // whatever keeps the hints from being found, the person gets the error itself
    note(error instanceof Error ? error.message : String(error));
    return 125;
  }
}
