// Owns the help texts; citty renders the flags from the same table that cuts the command line.

import { type ArgsDef, defineCommand, renderUsage } from "citty";
import { version as packageVersion } from "../../package.json";
import { UsageError } from "../errors.ts";
import { isTerminal } from "../sys/terminal.ts";
import { GLOBAL_FLAGS } from "./global-flags.ts";
import { print } from "./report.ts";
import { RUN_FLAGS } from "./run-flags.ts";

const runDefinition = defineCommand({
  meta: { name: "minibox run", description: "Run a command in a new container" },
  args: {
    ...(RUN_FLAGS as unknown as ArgsDef),
    ROOTFS: { type: "positional", description: "directory that becomes the root", required: true },
    COMMAND: {
      type: "positional",
      description: "program and its arguments; minibox reads none of them",
      required: true,
    },
  },
});

const mainDefinition = defineCommand({
  meta: { name: "minibox", version: packageVersion, description: "A container runtime that is one file" },
  args: GLOBAL_FLAGS as unknown as ArgsDef,
  subCommands: {
    run: runDefinition,
    help: { meta: { name: "help", description: "Show this, or the help of a command" } },
    version: { meta: { name: "version", description: "Print the version" } },
  },
});

const RUN_EXAMPLES = `EXAMPLES

  minibox run ubuntu-rootfs /bin/bash                      a shell
  minibox run ubuntu-rootfs sh -c 'ps; hostname'           everything after the rootfs is the command's
  seq 9 | minibox run ubuntu-rootfs sort -r | head -3      in a pipe
  minibox run -v "$PWD:/src:ro" -w /src ubuntu-rootfs ls   the current directory, read-only
  minibox run --overlay -m 64m --cpus 0.5 --pids-limit 20 --timeout 5s ubuntu-rootfs ./solution
                                                           a program that nobody trusts
  minibox run --trace ubuntu-rootfs true                   every kernel call that makes a container

EXIT CODES

  the command's own, or 128+N when signal N ended it
  124  --timeout was reached       126  the command could not be executed
  125  minibox itself failed       127  the command was not found
`;

/** citty colours always and pads every line; a pipe gets neither. */
const plain = (text: string): string => (isTerminal(1) ? text : Bun.stripANSI(text).replace(/ +$/gm, ""));

export async function runHelp(): Promise<number> {
  print(1, plain(`${await renderUsage(runDefinition)}\n\n${RUN_EXAMPLES}`));
  return 0;
}

/** `help`, `help run`; the other commands have no flags, and so no help of their own. @throws UsageError */
export async function mainHelp(words: readonly string[]): Promise<number> {
  if (words[0] === "run") return runHelp();
  const known = ["run", "help", "version"];
  if (words[0] !== undefined && !words[0].startsWith("-") && !known.includes(words[0]))
    throw new UsageError(`unknown command "${words[0]}"`, { kind: "command", word: words[0], known });
  print(1, plain(`${await renderUsage(mainDefinition)}\n`));
  return 0;
}

export async function version(): Promise<number> {
  print(1, `minibox ${packageVersion}\n`);
  return 0;
}
