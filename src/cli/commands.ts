// Owns the table of commands: each is a file that says what it is called, what it takes and what it does. A file is
// loaded once its command was typed; `run` is there for its help only, since cli/index.ts runs it without the table.

import { UsageError } from "../errors.ts";
import { type Flag, type Parsed, parseFlags } from "./argv.ts";
import type { Globals } from "./globals.ts";

/** A word that follows the flags, in the shape of a citty argument definition. */
export interface Positional {
  type: "positional";
  description: string;
  required: boolean;
  /** it takes all the words that are left */
  many?: boolean;
}

/** The word of a command that acts on a container. */
export const CONTAINER: Positional = {
  type: "positional",
  description: "the container's name",
  required: true,
};

/** What a command is for the help. */
export interface Usage {
  meta: { name: string; description: string };
  args: Readonly<Record<string, Flag | Positional>>;
  /** the text under the list of flags */
  more?: string;
}

/** What was typed after a command's name: a positional's words are those of `rest`, in order. */
export interface Call extends Parsed {
  globals: Globals;
}

export interface Command extends Usage {
  /** Does it; returns the exit code. */
  run(call: Call): number | Promise<number>;
}

export const COMMANDS: Readonly<Record<string, () => Promise<{ command: Usage | Command }>>> = {
  run: () => import("./run-usage.ts"),
  create: () => import("./create.ts"),
  start: () => import("./start.ts"),
  state: () => import("./state.ts"),
  kill: () => import("./kill.ts"),
  pause: () => import("./pause.ts"),
  resume: () => import("./resume.ts"),
  delete: () => import("./delete.ts"),
  help: () => import("./help.ts"),
  version: () => import("./version.ts"),
};

/** The file of a command. @throws UsageError where there is none */
export function load(name: string): Promise<{ command: Usage | Command }> {
  if (Object.hasOwn(COMMANDS, name)) return COMMANDS[name]!();
  const known = Object.keys(COMMANDS);
  throw new UsageError(`unknown command "${name}"`, { kind: "command", word: name, known });
}

/** Runs `minibox NAME WORDS…`; returns the exit code. @throws UsageError, and whatever the command throws */
export async function runFromTable(name: string, words: string[], globals: Globals): Promise<number> {
  const { command } = await load(name);
  const { given, rest } = parseFlags(words, flagsOf(command));
  if (given.get("help")?.[0] === "true") return (await import("./help.ts")).printHelp(name);
  checkPositionals(command, rest);
  if (!("run" in command)) throw new Error(`${name} is not run from the table`);
  return command.run({ given, rest, globals });
}

const HELP: Flag = { type: "boolean", alias: "h", description: "print this help" };

/** The flags of a command; each has --help. */
export function flagsOf({ args }: Usage): Record<string, Flag> {
  const flags: Record<string, Flag> = {};
  for (const [name, arg] of Object.entries(args)) if (arg.type !== "positional") flags[name] = arg;
  return { ...flags, help: HELP };
}

function checkPositionals({ meta, args }: Usage, words: readonly string[]): void {
  const all = Object.entries(args).filter(([, arg]) => arg.type === "positional");
  const missing = all.slice(words.length).find(([, arg]) => "required" in arg && arg.required);
  if (missing) throw new UsageError(`${meta.name} needs a ${missing[0]}`);
  const beyond = words[all.length];
  const last = all[all.length - 1]?.[1];
  if (beyond === undefined || (last?.type === "positional" && last.many)) return;
  const flagsFirst = beyond.startsWith("-") ? `: flags come before ${all[0]?.[0] ?? "other words"}` : "";
  throw new UsageError(`${meta.name} takes no further word, and was given "${beyond}"${flagsFirst}`);
}
