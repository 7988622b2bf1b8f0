// Owns the choice of a container's terminal: which of its descriptors 0, 1 and 2 are on it, and which terminal of the
// caller's it is connected with.

import { UsageError } from "../errors.ts";
import type { Given } from "../spec/from-flags/given.ts";
import type { TerminalPlan } from "../supervise/terminal-plan.ts";
import { statx } from "../sys/stat.ts";
import { isTerminal, reopenTerminal } from "../sys/terminal.ts";

/**
 * Without a flag, those of 0, 1 and 2 that are a terminal here are on the container's terminal, and the others are passed
 * as they are. With --tty all three are on it, with --no-tty none. @throws UsageError
 */
export function terminalFor(given: Given): TerminalPlan | undefined {
  if (given.is("tty") && given.is("no-tty")) throw new UsageError("--tty and --no-tty contradict each other");
  if (given.is("no-tty")) return undefined;
  const ours: number[] = [];
  for (const fd of [0, 1, 2]) if (isTerminal(fd)) ours.push(fd);
  if (given.is("tty")) return asked(ours);
  return ours.length === 0 ? undefined : byItself(ours);
}

const asked = (ours: readonly number[]): TerminalPlan => ({
  descriptors: [0, 1, 2],
  input: 0,
  output: 1,
  keyboard: ours.includes(0) ? 0 : -1,
  screen: ours.includes(1) ? 1 : (ours[0] ?? -1),
  atOnce: true,
});

function byItself(ours: readonly number[]): TerminalPlan {
  const isInteractive = ours.includes(0) && ours.includes(1);
  // stderr may have been redirected to another terminal (2>/dev/pts/7): then it stays there
  const elsewhere = ours.length > 1 && ours.includes(2) && !ours.some((fd) => fd !== 2 && isSame(fd, 2));
  const input = reopenTerminal(ours[0]!);
  const output = ours.includes(1) ? (isInteractive && !isSame(0, 1) ? 1 : input) : input;
  return {
    descriptors: elsewhere ? ours.filter((fd) => fd !== 2) : ours,
    input,
    output,
    keyboard: input,
    screen: output,
    atOnce: isInteractive,
  };
}

/** Whether two descriptors are of one terminal. */
function isSame(one: number, other: number): boolean {
  const [a, b] = [statx(one), statx(other)];
  return a.inode === b.inode && a.major === b.major && a.minor === b.minor;
}
