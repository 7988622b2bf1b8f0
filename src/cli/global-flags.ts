// Owns the options that stand before the command (`minibox --root DIR run …`) and finding the command behind them.

import type { Flags } from "./argv.ts";

export const GLOBAL_FLAGS = {
  root: {
    type: "string",
    valueHint: "dir",
    description:
      "keep the containers' states in this directory, made where missing (default: /run/minibox, or the user's own)",
  },
  log: { type: "string", valueHint: "file", description: "append errors to this file, too" },
  "log-format": { type: "string", valueHint: "text|json", description: "form of the lines in that file" },
  debug: { type: "boolean", description: "accepted: run --trace shows what minibox does" },
  "systemd-cgroup": { type: "boolean", description: "make cgroups through systemd: not there yet" },
  help: { type: "boolean", alias: "h", description: "print this help, or a command's" },
  version: { type: "boolean", alias: ["v", "V"], description: "print the version" },
} as const satisfies Flags;

const TAKE_A_VALUE: readonly string[] = Object.entries(GLOBAL_FLAGS)
  .filter(([, flag]) => flag.type === "string")
  .map(([name]) => `--${name}`);

/**
 * The index of the command in words that begin with the global options; the number of words where there is none. Every
 * word in front of the command is an option or the value of one; cli/index.ts refuses those that minibox does not know.
 */
export function commandAt(words: readonly string[]): number {
  let at = 0;
  for (let word = words[at]; word !== undefined && isOption(word); word = words[at])
    at += TAKE_A_VALUE.includes(word) ? 2 : 1;
  return Math.min(at, words.length);
}

const isOption = (word: string): boolean => word.startsWith("-") && word !== "-" && word !== "--";
