// Owns the errors that are the person's to act on; SysError, of the kernel's making, lives in sys/errno.ts.

/** The command line is wrong. Exit code 125. */
export class UsageError extends Error {}

/** The container cannot be described or made as asked; `hint` says what to do, where there is something. */
export class RunError extends Error {
  constructor(
    message: string,
    readonly status = 125,
    readonly hint?: string,
  ) {
    super(message);
  }
}

/** A field of the OCI object is wrong: its path comes first (`mounts[2].destination: …`). */
export class SpecError extends Error {
  constructor(
    readonly field: string,
    problem: string,
  ) {
    super(`${field}: ${problem}`);
  }
}

/** The known word that is nearest to a mistyped one (Damerau-Levenshtein, at most a third of it wrong). */
export function nearest(word: string, known: readonly string[]): string | undefined {
  let best: string | undefined;
  let bestDistance = Math.max(1, Math.floor(word.length / 3)) + 1;
  for (const candidate of known) {
    const distance = editDistance(word, candidate);
    if (distance < bestDistance) [best, bestDistance] = [candidate, distance];
  }
  return best;
}

/** Less than any other slip, being the commonest: "sl" is meant for ls before nl. */
const TRANSPOSED = 0.9;

function editDistance(a: string, b: string): number {
  let before: number[] = [];
  let previous = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1];
      row[j] = Math.min(previous[j]! + 1, row[j - 1]! + 1, previous[j - 1]! + (same ? 0 : 1));
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        row[j] = Math.min(row[j]!, before[j - 2]! + TRANSPOSED);
    }
    [before, previous] = [previous, row];
  }
  return previous[b.length]!;
}
