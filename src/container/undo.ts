// Owns taking back what a failed step has left: each thing that is made says first how it is undone.

export class Undo {
  private steps: (() => void)[] = [];

  /** Adds how to undo what comes next. */
  add(step: () => void): void {
    this.steps.push(step);
  }

  /** Undoes everything, the last first. */
  rollBack(): void {
    for (let step = this.steps.pop(); step; step = this.steps.pop()) step();
  }

  /** Keeps everything: there is nothing to undo any more. */
  commit(): void {
    this.steps = [];
  }
}
