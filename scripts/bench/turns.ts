// Owns the order of runs: programs are run in turns, one run of each in every turn, so that what the machine does besides
// hits all alike.

/**
 * Returns the list in a random order. A fixed order would let each program always run after the same one, whose last work
 * the kernel may still be doing.
 */
export function shuffled<T>(list: readonly T[]): T[] {
  const order = [...list];
  for (let i = order.length - 1; i > 0; i--) {
    const j = Math.floor(Math.random() * (i + 1));
    [order[i], order[j]] = [order[j]!, order[i]!];
  }
  return order;
}
