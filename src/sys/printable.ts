// Owns showing a text of unknown origin (of a rootfs, an image, a bundle, a caller) so that it can neither control a
// terminal nor look like another text. What is not printable is shown as an escape sequence: whatever Unicode calls a
// control, format, private, unassigned or ignorable character, a surrogate, or a separator other than the blank.
// Among those are ESC and CSI, all marks of direction, what has no width, and line ends of every kind. Where the locale is
// not one of UTF-8, no character but ASCII's is printable: for a terminal of ISO 8859-1 the second byte of "ś" is CSI. A
// "\" in the text stays as it is, so that nothing changes when a text is shown twice.

import { encode } from "./bytes.ts";

/** A new object each time: a regular expression made at load time would cost starts that show nothing. */
const unprintable = (): RegExp =>
  isLocaleUtf8() ? /(?! )[\p{C}\p{Z}\p{Default_Ignorable_Code_Point}]/gu : /[^ -~…]/gu; // "…" is in minibox's own words

/** locale(7): the first of the variables that is set says which characters the caller's terminal shows. */
function isLocaleUtf8(): boolean {
  const { LC_ALL, LC_CTYPE, LANG } = process.env;
  return /utf-?8/i.test(LC_ALL || LC_CTYPE || LANG || "");
}

/** The text on one line, all of it visible. A byte that is not UTF-8 (bytes.ts) is shown as \x9b, U+009B as \u009b. */
export const printable = (text: string): string =>
  isPlain(text) ? text : text.replace(unprintable(), escapeSequence);

/** Most texts are ASCII, and this is faster than the tables of Unicode. */
const isPlain = (text: string): boolean => /^[ -~]*$/.test(text);

function escapeSequence(char: string): string {
  const point = char.codePointAt(0)!;
  const named = { "\n": "\\n", "\r": "\\r", "\t": "\\t" }[char];
  if (named !== undefined) return named;
  if (point < 0x80) return hex("\\x", point, 2);
  if (isByte(point)) return hex("\\x", point - 0xdc00, 2);
  return point > 0xffff ? `\\u{${point.toString(16)}}` : hex("\\u", point, 4);
}

/** Whether a lone surrogate stands for a byte that is not UTF-8. */
const isByte = (point: number): boolean => point >= 0xdc80 && point <= 0xdcff;

const hex = (before: string, value: number, digits: number): string =>
  before + value.toString(16).padStart(digits, "0");

/** The text in double quotes, as C writes a string: its beginning, its end and each "\" in it are certain. */
export const literal = (text: string): string => `"${printable(text.replace(/["\\]/g, "\\$&"))}"`;

/** The text as a word for a shell, in quotes where it needs them: for commands that a person copies. */
export function quoted(word: string): string {
  if (/^[\w@%+=:,./-]+$/.test(word)) return word;
  if (printable(word) === word) return `'${word.replaceAll("'", "'\\''")}'`;
  const bytes = (char: string): string => Array.from(encode(char), (byte) => hex("\\x", byte, 2)).join("");
  return `$'${word.replace(/['\\]/g, "\\$&").replace(unprintable(), bytes)}'`;
}

/**
 * A value as JSON text of ASCII alone, on several lines, whatever the locale. A parser reads the same from it as from
 * JSON.stringify's: any other character can only be inside of a string, where JSON has an escape sequence for it.
 */
export const printableJson = (value: unknown): string =>
  JSON.stringify(value, null, 2)
    .split("\n")
    .map((line) => line.replace(/[^ -~]/gu, utf16))
    .join("\n");

const utf16 = (char: string): string =>
  Array.from({ length: char.length }, (_, i) => hex("\\u", char.charCodeAt(i), 4)).join("");
