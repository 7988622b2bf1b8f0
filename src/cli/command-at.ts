// Owns finding the command behind the options that stand before it. Every start loads this file, so it does not know their
// table (global-flags.ts).

/** Those of GLOBAL_FLAGS whose value may be the next word. */
export const TAKE_A_VALUE: readonly string[] = ["--root", "--log", "--log-format"];

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
