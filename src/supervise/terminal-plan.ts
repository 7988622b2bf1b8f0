// Owns the words for how a container's terminal and the caller's belong together.

/** How a container's terminal is connected with ours. */
export interface TerminalPlan {
  /** those of the command's 0, 1 and 2 that are the container's terminal */
  descriptors: readonly number[];
  input: number;
  output: number;
  /** the caller's terminal where the input comes from it, else -1 */
  keyboard: number;
  /** the caller's terminal whose size is the container's, or -1 */
  screen: number;
  /**
   * The keys are the container's from its start. Else others of a pipeline may want them (`minibox run … | less`), and
   * they are so once the container turns to its terminal: it changes the mode, or reads.
   */
  atOnce: boolean;
}

/** Signal keys that a chunk of input held, and the process group that the container's kernel sent them to. */
export interface Keys {
  group: number;
  signals: readonly number[];
}
