// Owns how much an explanation may cost. The rootfs may be hostile, and the looking is done on the host, outside of the
// container's limits: a few links and names can stand for hours of it.

/** In milliseconds. An honest rootfs takes a tenth of it. */
const CLOCK = 200;
/** Looks at one part of a path, reads of a file or directory, comparisons of two names. */
const MOST_STEPS = 50_000;
const MOST_BYTES = 16 << 20;
/** In milliseconds: between two questions whether the explanation is still wanted. */
const BETWEEN_QUESTIONS = 5;

/** The budget is spent, or nobody wants the explanation any more. */
export class BudgetSpent extends Error {}

/** What one explanation may cost. All its parts spend from the same budget before, or just after, they do their work. */
export class Budget {
  private readonly end = performance.now() + CLOCK;
  private nextQuestion = 0;
  private steps = 0;
  private bytes = 0;

  /** `isWanted` looks for signals and at the time limit of the container. */
  constructor(private readonly isWanted: () => boolean) {}

  /** Spends one step, and the bytes that were read in it. @throws BudgetSpent, also at every further step */
  spend(bytes = 0): void {
    this.steps++;
    this.bytes += bytes;
    const now = performance.now();
    if (now >= this.end || this.steps > MOST_STEPS || this.bytes > MOST_BYTES) throw new BudgetSpent();
    if (now < this.nextQuestion) return;
    if (!this.isWanted()) {
      this.steps = MOST_STEPS;
      throw new BudgetSpent();
    }
    this.nextQuestion = now + BETWEEN_QUESTIONS;
  }

  /** The same things one by one, a step each. @throws BudgetSpent */
  *each<T>(things: Iterable<T>): Generator<T> {
    for (const thing of things) {
      this.spend();
      yield thing;
    }
  }
}

/** What `look` returns; undefined where the budget does not suffice. For hints, which the reason can do without. */
export function affordable<T>(look: () => T): T | undefined {
  try {
    return look();
  } catch (error) {
    if (error instanceof BudgetSpent) return undefined;
    throw error;
  }
}
