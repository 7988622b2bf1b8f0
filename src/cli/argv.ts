// Owns separating flags from the words that follow them. Flags end at the first word that is no flag; everything after
// it belongs to the container's program, byte for byte. (citty's own parser would read those words too: it renders the help.)

import { UsageError } from "../errors.ts";

/** A flag, in the shape of a citty argument definition, so that the one table also renders `--help`. */
export interface Flag {
  type: "boolean" | "string";
  /** letters that stand for it */
  alias?: string | readonly string[];
  description: string;
  /** what the value is, for the help text */
  valueHint?: string;
  /** may be given more than once */
  many?: boolean;
}

export type Flags = Record<string, Flag>;

/** The values of each flag that was given, in order (a boolean's are "true" or "false"), and the words after the flags. */
export interface Parsed {
  given: Map<string, string[]>;
  rest: string[];
}

/** Separates the flags from the rest, which starts at the first word that is no flag, or after `--`. @throws UsageError */
export function parseFlags(words: readonly string[], flags: Flags): Parsed {
  const given = new Map<string, string[]>();
  let i = 0;
  const put = (name: string, value: string): void => {
    const values = given.get(name) ?? [];
    if (flags[name]!.many) values.push(value);
    else values[0] = value;
    given.set(name, values);
  };
  const next = (shown: string): string => {
    const value = words[++i];
    if (value === undefined) throw new UsageError(`${shown} needs a value`);
    return value;
  };
  for (; i < words.length; i++) {
    const word = words[i]!;
    if (word === "--") {
      i++;
      break;
    }
    if (word.length < 2 || !word.startsWith("-")) break;
    if (word.startsWith("--")) parseLong(word, flags, put, next);
    else parseShort(word, flags, put, next);
  }
  return { given, rest: words.slice(i) };
}

type Put = (name: string, value: string) => void;
type Next = (shown: string) => string;

function parseLong(word: string, flags: Flags, put: Put, next: Next): void {
  const equals = word.indexOf("=");
  const name = equals < 0 ? word.slice(2) : word.slice(2, equals);
  const inline = equals < 0 ? undefined : word.slice(equals + 1);
  const flag = Object.hasOwn(flags, name) ? flags[name]! : undefined;
  if (!flag) throw unknownFlag(`--${name}`, flags);
  if (flag.type === "string") {
    put(name, inline ?? next(`--${name}`));
    return;
  }
  if (inline !== undefined && inline !== "true" && inline !== "false")
    throw new UsageError(`--${name} is a switch: true or false, not "${inline}"`);
  put(name, inline ?? "true");
}

/** `-i -t`, `-it`, `-m 64m`, `-m64m`, `-m=64m`. */
function parseShort(word: string, flags: Flags, put: Put, next: Next): void {
  for (let at = 1; at < word.length; at++) {
    const letter = word[at]!;
    const name = Object.keys(flags).find((key) => flags[key]!.alias?.includes(letter));
    if (name === undefined) throw unknownFlag(`-${letter}`, flags);
    if (flags[name]!.type === "boolean") {
      put(name, "true");
      continue;
    }
    const attached = word.slice(at + 1);
    put(name, attached === "" ? next(`-${letter}`) : attached.replace(/^=/, ""));
    return;
  }
}

function unknownFlag(word: string, flags: Flags): UsageError {
  const known = Object.keys(flags).map((name) => `--${name}`);
  return new UsageError(`unknown flag ${word}`, { kind: "flag", word, known });
}
