// Owns writing lines to a descriptor, without colours and without node:fs or process.stdout, which cost milliseconds.

import { encode } from "../sys/bytes.ts";
import { tryWrite } from "../sys/file.ts";
import { untraced } from "../sys/libc.ts";

/** Writes the whole text. An error of write(2) is ignored, since there is nowhere to report it. */
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

/** The text with control characters shown as \xNN: a file's name must not be able to control the person's terminal. */
export const visible = (text: string): string =>
  text.replace(
    /[\0-\x08\x0b-\x1f\x7f-\x9f]/g,
    (char) => `\\x${char.charCodeAt(0).toString(16).padStart(2, "0")}`,
  );

/** Prints a note or a warning, one line on stderr. */
export const note = (message: string): void => print(2, `minibox: ${visible(message)}\n`);
