// Owns how minibox says something: whole lines in one write, never decorated.

import { encode } from "../sys/bytes.ts";
import { tryWrite } from "../sys/file.ts";
import { untraced } from "../sys/libc.ts";

/** Writes whole lines; nobody is left to tell when that fails. */
export function print(fd: number, text: string): void {
  const bytes = encode(text);
  untraced(() => {
    for (let done = 0; done < bytes.length; ) {
      const n = tryWrite(fd, bytes.subarray(done));
      if (n <= 0) return;
      done += n;
    }
  });
}

/** Control characters in a name must not write to the person's terminal. */
export const visible = (text: string): string =>
  text.replace(
    /[\0-\x08\x0b-\x1f\x7f-\x9f]/g,
    (char) => `\\x${char.charCodeAt(0).toString(16).padStart(2, "0")}`,
  );

/** One line on stderr. */
export const note = (message: string): void => print(2, `minibox: ${visible(message)}\n`);
