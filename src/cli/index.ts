// Owns the command line as a whole: which command, its exit code, and the one place that prints errors.

import { abandon, type Starting } from "../container/begin.ts";
import { nearest, UsageError } from "../errors.ts";
import { exit } from "../sys/process.ts";
import { callerWords } from "./caller.ts";
import { report } from "./report.ts";
import { runCommand } from "./run.ts";

const COMMANDS = ["run", "help", "version"] as const;

/** Runs the command line and ends the process with its exit code. `starting` is the child of a run, spawned already. */
export function main(starting: Starting | undefined): void {
  const fail = (error: unknown): never => {
    if (starting) abandon(starting); // buried already where the run got that far
    exit(report(error));
  };
  try {
    const status = dispatch(callerWords(), starting);
    if (typeof status === "number") exit(status);
    else status.then(exit, fail);
  } catch (error) {
    fail(error);
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
      return import("./help.ts").then(({ version }) => version());
    default: {
      const near = nearest(command, COMMANDS);
      const hint = near ? `, did you mean "${near}"?` : `: there are ${COMMANDS.join(", ")}`;
      throw new UsageError(`unknown command "${command}"${hint}`);
    }
  }
}
