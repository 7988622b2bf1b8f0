// Owns printing: every line of minibox's own on stdout, on stderr and in the log goes out here, without node:fs or
// process.stdout, which cost milliseconds. What a line is made of may come from a rootfs, a bundle or a caller. It is made
// printable at this one place, so that no message can forget it.

import { encode } from "../sys/bytes.ts";
import { tryWrite } from "../sys/file.ts";
import { untraced } from "../sys/libc.ts";
import { printable, printableJson } from "../sys/printable.ts";

/** A part of a line; `colour` is a parameter of SGR (console_codes(4)). */
export type Part = string | { colour: number; text: string };

/** Prints one line, which stays one whatever its parts hold. */
export const print = (fd: number, ...parts: readonly Part[]): void =>
  put(fd, `${parts.map(shown).join("")}\n`);

const shown = (part: Part): string =>
  typeof part === "string" ? printable(part) : `\x1b[${part.colour}m${printable(part.text)}\x1b[0m`;

/** Prints a value as JSON, for programs and for people. */
export const printJson = (fd: number, value: unknown): void => put(fd, `${printableJson(value)}\n`);

/** Prints text with its own colours and line ends. It must be made of constants: nothing in it is made printable. */
export const printConstant = (fd: number, text: string): void => put(fd, text);

/** Prints a note or a warning, one line on stderr. */
export const note = (message: string): void => print(2, `minibox: ${message}`);

/** Writes the whole text. An error of write(2) is ignored, since there is nowhere to report it. */
function put(fd: number, text: string): void {
  const bytes = encode(text);
  untraced(() => {
    for (let done = 0; done < bytes.length; ) {
      const n = tryWrite(fd, bytes.subarray(done));
      if (n <= 0) return;
      done += n;
    }
  });
}
