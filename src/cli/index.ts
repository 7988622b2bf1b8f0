// Owns the command line as a whole: which command, its exit code, and the one place that prints errors.

import { nearest, UsageError } from "../errors.ts";
import { exit } from "../sys/process.ts";
import { callerWords } from "./caller.ts";
import { report } from "./report.ts";

const COMMANDS = ["run", "help", "version"] as const;

/** Runs the command line and ends the process with its exit code. */
export async function main(): Promise<never> {
  let status: number;
  try {
    status = await dispatch(callerWords());
  } catch (error) {
    status = report(error);
  }
  exit(status);
}

async function dispatch([command, ...words]: string[]): Promise<number> {
  switch (command) {
    case "run":
      return (await import("./run.ts")).runCommand(words);
    case undefined:
    case "help":
    case "--help":
    case "-h":
      return (await import("./help.ts")).mainHelp(words);
    case "version":
    case "--version":
    case "-V":
      return (await import("./help.ts")).version();
    default: {
      const near = nearest(command, COMMANDS);
      throw new UsageError(`unknown command "${command}"${near ? `, did you mean "${near}"?` : ""}`);
    }
  }
}
