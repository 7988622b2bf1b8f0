// Owns the types that say how a container's terminal is connected with the caller's terminal and descriptors.

/** How a container's terminal is connected. */
export interface TerminalPlan {
  /** which of the command's descriptors 0, 1 and 2 are the container's terminal */
  descriptors: readonly number[];
  /** the descriptor that the container's input is read from */
  input: number;
  /** the descriptor that the container's output is written to */
  output: number;
  /** the descriptor of the caller's terminal where the input comes from it, else -1 */
  keyboard: number;
  /** the descriptor of the caller's terminal that gives the container's terminal its size, or -1 */
  screen: number;
  /**
   * The caller's terminal is taken at the container's start. False in a pipeline, where another process may want the
   * keys (`minibox run … | less`): there it is taken once the container changes its terminal's mode or reads from it.
   */
  atOnce: boolean;
}

/** Signal keys in the input, and the process group of the container to which the kernel sent their signals. */
export interface Keys {
  group: number;
  signals: readonly number[];
}
