// Owns the files that flags name: whatever happens to one, the error says the flag and the path.

import { RunError } from "../errors.ts";
import { EFBIG, errnoText, SysError } from "../sys/errno.ts";
import { readFile } from "../sys/file.ts";

/** Does something with a file; the kernel's refusal becomes an error that begins with `what`. @throws RunError */
export function naming<T>(what: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof SysError)) throw error;
    // only its step says how much would be too much
    const step = error.errno === EFBIG ? `${error.step}: ` : "";
    throw new RunError(`${what}: ${step}${errnoText(error.errno)}`);
  }
}

/** The text of a file. @throws RunError that begins with `what` */
export const readNamedFile = (what: string, path: string): string => naming(what, () => readFile(path));
