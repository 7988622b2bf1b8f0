// Owns undoing what was made when a later step fails.

export class Undo {
  private steps: (() => void)[] = [];

  /** Adds a function that undoes one thing. */
  add(step: () => void): void {
    this.steps.push(step);
  }

  /** Calls the functions, the one added last first. */
  rollBack(): void {
    for (let step = this.steps.pop(); step; step = this.steps.pop()) step();
  }

  /** Forgets the functions, so that everything is kept. */
  commit(): void {
    this.steps = [];
  }
}
