// Owns the command line as a whole: which command, its exit code, and what becomes of errors.

import { abandon, type Starting } from "../container/begin.ts";
import { UsageError } from "../errors.ts";
import { exit } from "../sys/process.ts";
import { parseFlags } from "./argv.ts";
import { callerWords } from "./caller.ts";
import { commandAt, GLOBAL_FLAGS } from "./global-flags.ts";
import { applyGlobals, type Globals, type Log, openLog, refuseSystemdCgroup } from "./globals.ts";
import { note } from "./report.ts";
import { runCommand } from "./run.ts";

const COMMANDS = ["run", "help", "version"] as const;

/**
 * Runs the command line and ends the process with its exit code. `starting` is the child of a run, spawned already.
 * What is thrown nevertheless is a failure to report one.
 */
export function main(starting: Starting | undefined): Promise<void> | undefined {
  let command: string | undefined;
  let words: string[] = [];
  let log: Log | undefined;
  const fail = async (error: unknown): Promise<void> => {
    if (starting) abandon(starting); // buried already where the run got that far
    const { report } = await import("./failure.ts");
    exit(report(error, command === "run" ? command : undefined, words, log));
  };
  // whatever keeps the words from being found, the person gets the error itself
  const failSafely = (error: unknown): Promise<void> =>
    fail(error).catch(() => {
      note(error instanceof Error ? error.message : String(error));
      exit(125);
    });
  try {
    const line = callerWords();
    const at = commandAt(line);
    const globals = parseFlags(line.slice(0, at), GLOBAL_FLAGS).given;
    log = openLog(globals);
    applyGlobals(globals);
    command = line[at];
    words = line.slice(at + 1);
    const status = dispatch(globals, command, words, starting);
    return typeof status === "number" ? exit(status) : status.then(exit, failSafely);
  } catch (error) {
    return failSafely(error);
  }
}

/** The exit code; a promise of it only where something had to be loaded first. */
function dispatch(
  globals: Globals,
  command: string | undefined,
  words: string[],
  starting: Starting | undefined,
): number | Promise<number> {
  if (globals.has("version")) return import("./help.ts").then(({ version }) => version());
  if (globals.has("help") || command === undefined || command === "help") {
    const about = command === "help" ? words : [command ?? "", ...words].filter(Boolean);
    return import("./help.ts").then(({ mainHelp }) => mainHelp(about));
  }
  if (command === "run") {
    refuseSystemdCgroup(globals);
    return runCommand(words, starting);
  }
  if (command === "version") return import("./help.ts").then(({ version }) => version());
  throw new UsageError(`unknown command "${command}"`, { kind: "command", word: command, known: COMMANDS });
}
