// Owns the errors that are the person's to act on; SysError, of the kernel's making, lives in sys/errno.ts.

/** A word of the command line that minibox does not know, and those of its kind that it does. */
export interface Unknown {
  kind: "flag" | "command";
  word: string;
  known: readonly string[];
}

/** The command line is wrong. Exit code 125. With `unknown`, cli/advice.ts says what may have been meant. */
export class UsageError extends Error {
  constructor(
    message: string,
    readonly unknown?: Unknown,
  ) {
    super(message);
  }
}

/**
 * The container cannot be made as asked; `hint` says what to do, where there is something. `field` is the path of the
 * OCI field at fault (`linux.resources.pids.limit`), and the message is then what follows its name: "cannot be
 * enforced: …", or ": no user …". cli/failure.ts shows the flag in place of the field where one was typed.
 */
export class RunError extends Error {
  constructor(
    message: string,
    readonly status = 125,
    readonly hint?: string,
    readonly field?: string,
  ) {
    super(field === undefined ? message : startWith(field, message));
  }
}

const startWith = (field: string, rest: string): string =>
  `${field}${rest.startsWith(":") ? "" : " "}${rest}`;

/** There is no root file system at this path; cli/rootfs-advice.ts says how to get one. */
export class NoRootfsError extends RunError {
  constructor(
    message: string,
    readonly path: string,
  ) {
    super(message);
  }
}

/**
 * A field of the OCI object has a value that it cannot have. Exit code 125, as for a wrong flag. The field's path
 * comes first (`mounts[2].destination: …`), or the flag that was typed for it (cli/failure.ts); "" is the whole object.
 * A bundle's field has the file before it.
 */
export class SpecError extends Error {
  constructor(
    readonly field: string,
    readonly problem: string,
    readonly file?: string,
  ) {
    super([file, field, problem].filter(Boolean).join(": "));
  }
}

/** The known word that a mistyped one stands for, if one is near enough to be meant (Damerau-Levenshtein). */
export function nearest(word: string, known: readonly string[]): string | undefined {
  let best: string | undefined;
  let bestDistance = mostSlips(word) + 0.01;
  for (const candidate of known) {
    const distance = editDistance(word, candidate);
    if (distance < bestDistance) [best, bestDistance] = [candidate, distance];
  }
  return best;
}

/**
 * How many slips a word may hold. Short names are many and close to each other: in two letters only a swap is taken
 * for a slip, below five letters no letter for another, for "vim" is a name of its own and no mistyped "mim".
 */
export function mostSlips({ length }: { length: number }): number {
  if (length < 3) return length < 2 ? 0 : TRANSPOSED;
  if (length < 5) return 1;
  return length < 8 ? REPLACED : 2 * REPLACED;
}

/** Less than any other slip, being the commonest: "sl" is meant for ls before nl. */
const TRANSPOSED = 0.9;
/** More than a letter too many or too few. */
const REPLACED = 1.1;

function editDistance(a: string, b: string): number {
  let before: number[] = [];
  let previous = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1];
      row[j] = Math.min(previous[j]! + 1, row[j - 1]! + 1, previous[j - 1]! + (same ? 0 : REPLACED));
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        row[j] = Math.min(row[j]!, before[j - 2]! + TRANSPOSED);
    }
    [before, previous] = [previous, row];
  }
  return previous[b.length]!;
}
