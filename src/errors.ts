// Owns the errors that a person can act on. The error of a failed kernel call is sys/errno.ts's SysError.

/** A word of the command line that minibox does not know, with the known words of the same kind. */
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
 * The container cannot be made as asked. `status` is minibox's exit code, `hint` tells the person what to do about it.
 * `field` is the path of the OCI field at fault (`linux.resources.pids.limit`); `message` is then what follows that
 * path: "cannot be enforced: …", or ": no user …". Where a flag set the field, cli/failure.ts shows the flag instead.
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
 * A field of the OCI object has a value that is not allowed. Exit code 125, as for a wrong flag. The message starts
 * with the field's path (`mounts[2].destination: …`); the field "" is the whole object. Where a flag set the field,
 * cli/failure.ts shows the flag instead. `file` is the config.json that the object was read from, and comes first.
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

/** Returns the known word nearest to a mistyped one (Damerau-Levenshtein distance); undefined where none is near. */
export function nearest(word: string, known: Iterable<string>): string | undefined {
  let best: string | undefined;
  let bestDistance = mostSlips(word) + 0.01;
  for (const candidate of known) {
    const distance = editDistance(word, candidate);
    if (distance < bestDistance) [best, bestDistance] = [candidate, distance];
  }
  return best;
}

/**
 * Returns the greatest distance at which a word of this length still counts as mistyped. Short names of programs are
 * close to each other, so a word of two letters may only have them swapped, and a word of fewer than five may not have
 * a letter replaced: "vim" is a name of its own, not a mistyped "mim".
 */
export function mostSlips({ length }: { length: number }): number {
  if (length < 3) return length < 2 ? 0 : TRANSPOSED;
  if (length < 5) return 1;
  return length < 8 ? REPLACED : 2 * REPLACED;
}

/**
 * The distance of two swapped letters. It is the smallest because this slip is the commonest: "sl" means ls, not nl.
 */
const TRANSPOSED = 0.9;
/** The distance of one letter in place of another. A letter too many or too few is less: 1. */
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
