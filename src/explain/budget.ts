// Owns how much an explanation may cost. The rootfs may be hostile, and the looking is done on the host, outside of the
// container's limits: a few links and names can stand for hours of it.

/** In milliseconds of this process's CPU time. An honest rootfs takes a tenth of it. */
const MOST_CPU = 200;
/** In milliseconds, for a file system that does not answer; a busy machine stretches the CPU time above to such lengths. */
const MOST_TIME = 1500;
/** Looks at one part of a path, reads of a file or directory, comparisons of two names. */
const MOST_STEPS = 50_000;
const MOST_BYTES = 16 << 20;
/** In milliseconds: between two looks at the clocks, and at what else might end the explanation. */
const BETWEEN_LOOKS = 5;

const cpuTime = (): number => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
};

/** The budget is spent, or nobody wants the explanation any more. */
export class BudgetSpent extends Error {}

/** What one explanation may cost. All its parts spend from the same budget before, or just after, they do their work. */
export class Budget {
  private readonly endOfCpu = cpuTime() + MOST_CPU;
  private readonly end = performance.now() + MOST_TIME;
  private nextLook = 0;
  private steps = 0;
  private bytes = 0;

  /** `isWanted` looks for signals and at the time limit of the container. */
  constructor(private readonly isWanted: () => boolean) {}

  /** Spends one step, and the bytes that were read in it. @throws BudgetSpent, also at every further step */
  spend(bytes = 0): void {
    this.steps++;
    this.bytes += bytes;
    if (this.steps > MOST_STEPS || this.bytes > MOST_BYTES) throw new BudgetSpent();
    const now = performance.now();
    if (now < this.nextLook) return;
    if (now >= this.end || cpuTime() >= this.endOfCpu || !this.isWanted()) {
      this.steps = MOST_STEPS;
      throw new BudgetSpent();
    }
    this.nextLook = now + BETWEEN_LOOKS;
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
