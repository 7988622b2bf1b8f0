// Owns the command line as a whole: which command, its exit code, and what becomes of errors.

import { abandon, type Starting } from "../container/begin.ts";
import { UsageError } from "../errors.ts";
import { exit } from "../sys/process.ts";
import { callerWords } from "./caller.ts";
import { note } from "./report.ts";
import { runCommand } from "./run.ts";

const COMMANDS = ["run", "help", "version"] as const;

/**
 * Runs the command line and ends the process with its exit code. `starting` is the child of a run, spawned already.
 * What is thrown nevertheless is a failure to report one.
 */
export function main(starting: Starting | undefined): Promise<void> | undefined {
  let command: string | undefined;
  const fail = async (error: unknown): Promise<void> => {
    if (starting) abandon(starting); // buried already where the run got that far
    const { report } = await import("./failure.ts");
    exit(report(error, command === "run" ? command : undefined));
  };
  // whatever keeps the words from being found, the person gets the error itself
  const failSafely = (error: unknown): Promise<void> =>
    fail(error).catch(() => {
      note(error instanceof Error ? error.message : String(error));
      exit(125);
    });
  try {
    const line = callerWords();
    command = line[0];
    const status = dispatch(line, starting);
    return typeof status === "number" ? exit(status) : status.then(exit, failSafely);
  } catch (error) {
    return failSafely(error);
  }
}

/** The exit code; a promise of it only where something had to be loaded first. */
function dispatch(line: string[], starting: Starting | undefined): number | Promise<number> {
  const command = line[0];
  const words = line.slice(1);
  switch (command) {
    case "run":
      return runCommand(words, starting);
    case undefined:
    case "help":
    case "--help":
    case "-h":
      return import("./help.ts").then(({ mainHelp }) => mainHelp(words));
    case "version":
    case "--version":
    case "-V":
    case "-v":
      return import("./help.ts").then(({ version }) => version());
    default:
      throw command.startsWith("-")
        ? new UsageError(`unknown flag ${command}`, {
            kind: "flag",
            word: command,
            known: ["--help", "--version"],
          })
        : new UsageError(`unknown command "${command}"`, { kind: "command", word: command, known: COMMANDS });
  }
}
