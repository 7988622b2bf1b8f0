// Owns the advice about a flag or a command that minibox does not have: which one was probably meant, or how minibox
// does what docker and podman do by that name.

import { nearest, type Unknown } from "../errors.ts";
import { S_IFDIR, S_IFMT } from "../sys/constants.ts";
import { quoted } from "../sys/printable.ts";
import { tryStat } from "../sys/stat.ts";
import type { Flags } from "./argv.ts";
import { COMMANDS_ELSEWHERE, FLAGS_ELSEWHERE } from "./elsewhere.ts";
import { GLOBAL_FLAGS } from "./global-flags.ts";
import { runFlags } from "./run-flags.ts";

export interface Advice {
  /** the known words that this one stands for, as they follow "did you mean" */
  meant?: string | undefined;
  hint?: string | undefined;
}

/** A word of docker's is answered first: the word of minibox's that is spelled most like it may mean another thing. */
export function adviceFor(unknown: Unknown): Advice {
  const elsewhere = (unknown.kind === "flag" ? FLAGS_ELSEWHERE : COMMANDS_ELSEWHERE).get(unknown.word);
  if (elsewhere !== undefined) return { hint: elsewhere };
  if (unknown.kind === "flag" && isFlagOf(GLOBAL_FLAGS, unknown.word))
    return { hint: `it stands before the command: minibox ${unknown.word} …` };
  const meant = begunOrNear(unknown);
  if (meant !== undefined) return { meant };
  return { hint: unknown.kind === "flag" ? flagHint(unknown) : commandHint(unknown) };
}

/** Where a word is the beginning of more words than this, none of them is suggested. */
const MOST_MEANT = 3;

/** The known words that begin with this one, or the one that is spelled almost like it. */
function begunOrNear({ kind, word, known }: Unknown): string | undefined {
  const named = (name: string): string => (kind === "command" ? `"${name}"` : name);
  const begun = word.length > 3 ? known.filter((name) => name.startsWith(word)) : [];
  // --mem begins --memory and --memory-swap; --memory begins the other, so it is meant
  const stem = begun.find((name) => begun.every((other) => other.startsWith(name)));
  if (stem !== undefined) return named(stem);
  if (begun.length > 0 && begun.length <= MOST_MEANT) return begun.map(named).join(" or ");
  const dashes = /^--?/.exec(word)?.[0] ?? "";
  if (dashes === "-") return undefined;
  const near = nearest(
    word.slice(dashes.length),
    known.map((name) => name.slice(dashes.length)),
  );
  return near === undefined ? undefined : named(`${dashes}${near}`);
}

function flagHint({ word, known }: Unknown): string | undefined {
  if (!isFlagOf(runFlags(), word) || known.includes(word)) return undefined;
  const isBeforeCommand = known.includes("--root");
  return isBeforeCommand ? `it follows the command: minibox run ${word} …` : "it is a flag of minibox run";
}

const isFlagOf = (flags: Flags, word: string): boolean =>
  Object.entries(flags).some(
    ([name, { alias }]) => word === `--${name}` || (word.length === 2 && alias?.includes(word[1]!)),
  );

function commandHint({ word, known }: Unknown): string {
  const stat = tryStat(word);
  if (stat && (stat.mode & S_IFMT) === S_IFDIR)
    return `to run something in the directory of that name: minibox run ${quoted(word)} COMMAND`;
  return `the commands are ${known.join(", ")}`;
}
