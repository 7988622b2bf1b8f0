// Owns files that are named by flags: an error about such a file begins with the flag and the path.

import { RunError } from "../errors.ts";
import { EFBIG, errnoText, SysError } from "../sys/errno.ts";
import { readFile } from "../sys/file.ts";

/** Does the work; a kernel call that fails in it becomes an error that begins with `what`. @throws RunError */
export function naming<T>(what: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof SysError)) throw error;
    // for a file that is too large, only the name of the step says how large it may be
    const step = error.errno === EFBIG ? `${error.step}: ` : "";
    throw new RunError(`${what}: ${step}${errnoText(error.errno)}`);
  }
}

/** The text of a file. @throws RunError that begins with `what` */
export const readNamedFile = (what: string, path: string): string => naming(what, () => readFile(path));
