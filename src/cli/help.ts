// Owns `minibox help` and every --help; citty renders them from the tables that the command line is cut by.

import { type ArgsDef, type CommandDef, renderUsage } from "citty";
import { version } from "../../package.json";
import { isTerminal } from "../sys/terminal.ts";
import { COMMANDS, type Command, flagsOf, load, type Usage } from "./commands.ts";
import { GLOBAL_FLAGS } from "./global-flags.ts";
import { printConstant } from "./report.ts";

export const command: Command = {
  meta: { name: "help", description: "Print this help, or that of a command" },
  args: { COMMAND: { type: "positional", description: "one of minibox's commands", required: false } },
  run: ({ rest }) => printHelp(rest[0]),
};

const MAIN: CommandDef = {
  meta: { name: "minibox", version, description: "A container runtime that is one file" },
  args: GLOBAL_FLAGS as unknown as ArgsDef,
  subCommands: Object.fromEntries(
    Object.entries(COMMANDS).map(([name, load]) => [name, async () => definitionOf((await load()).command)]),
  ),
};

const definitionOf = (usage: Usage): CommandDef => ({
  meta: usage.meta,
  args: { ...usage.args, ...flagsOf(usage) } as ArgsDef,
});

/** citty colours always and pads every line; a pipe gets neither. */
const plain = (text: string): string => (isTerminal(1) ? text : Bun.stripANSI(text).replace(/ +$/gm, ""));

/** The help of a command, or of minibox itself; returns the exit code. @throws UsageError */
export async function printHelp(name?: string): Promise<number> {
  if (name === undefined) {
    printConstant(1, plain(`${await renderUsage(MAIN)}\n`));
    return 0;
  }
  const { command: usage } = await load(name);
  const text = await renderUsage(definitionOf(usage), { meta: { name: "minibox" } });
  printConstant(1, plain(`${text}\n${usage.more === undefined ? "" : `\n${usage.more}`}`));
  return 0;
}

export const runHelp = (): Promise<number> => printHelp("run");
