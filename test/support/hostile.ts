// Owns a text that would do harm on a terminal, runs of minibox that get it, and the look for it in what minibox prints.

import { decode, encode } from "../../src/sys/bytes.ts";
import { MINIBOX, ROOT, TOP } from "./minibox.ts";

/** The byte 0x9b, which is CSI in ISO 8859-1, as src/sys/bytes.ts has it in a string. */
export const BYTE = "\udc9b";
const LINE_END = "\nFORGED";
/** C1 as a byte and as a character, ESC, marks of direction, what has no width, a line of its own, and DEL. */
export const HOSTILE = `${BYTE}2J\x1b]0;x\x07\x9b\u202e\u2066\u200b${LINE_END}\x7f`;
/** The same without a line end, for places where that separates two texts. */
export const HOSTILE_LINE = HOSTILE.replace(LINE_END, "FORGED");

/** A path of any bytes, for node:fs. */
export const bytes = (path: string): Buffer => Buffer.from(encode(path));

/** The word for bash, byte for byte: Bun.spawn passes on text alone. */
export const forShell = (word: string): string =>
  `$'${Array.from(encode(word), (byte) => `\\x${byte.toString(16).padStart(2, "0")}`).join("")}'`;

export interface Told {
  status: number;
  stdout: string;
  stderr: string;
}

export interface Surroundings {
  cwd?: string;
  /** a script for bash that runs before */
  before?: string;
}

/** Runs a program with words of any bytes; what it prints is decoded without loss. */
export async function tell(
  words: readonly string[],
  { cwd = TOP, before = "" }: Surroundings = {},
): Promise<Told> {
  const script = `${before}\nexec ${words.map(forShell).join(" ")}`;
  const child = Bun.spawn(["bash", "-c", script], { stdin: "ignore", stdout: "pipe", stderr: "pipe", cwd });
  const [stdout, stderr, status] = await Promise.all([
    child.stdout.bytes(),
    child.stderr.bytes(),
    child.exited,
  ]);
  return { status, stdout: decode(stdout), stderr: decode(stderr) };
}

/** Runs `minibox WORDS…` with the test file's own state directory. */
export const told = (words: readonly string[], surroundings?: Surroundings): Promise<Told> =>
  tell([MINIBOX, "--root", ROOT, ...words], surroundings);

/** What in a text would do harm on a terminal, as code points, and each line that a hostile text began. */
export const harmIn = (text: string): string[] => [
  ...Array.from(
    text.matchAll(/(?![\n ])[\p{C}\p{Z}\p{Default_Ignorable_Code_Point}]/gu),
    ([char]) => `U+${char.codePointAt(0)!.toString(16)}`,
  ),
  ...text.split("\n").filter((line) => line.startsWith("FORGED")),
];

/** How the byte 0x9b is shown: in a message, or in JSON. */
export const SHOWN = /\\x9b|\\udc9b/;
