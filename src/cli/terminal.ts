// Owns the choice of a terminal for the command: which of 0, 1 and 2 are on it, and which of ours it is connected with.

import { UsageError } from "../errors.ts";
import type { Given } from "../spec/from-flags/given.ts";
import type { TerminalPlan } from "../supervise/terminal-plan.ts";
import { statx } from "../sys/file.ts";
import { isTerminal, reopenTerminal } from "../sys/terminal.ts";

/**
 * By itself the command gets a terminal where one of 0, 1 and 2 is one, and all else is passed as it is; with --tty all
 * three are on the container's terminal, whatever they are here. @throws UsageError
 */
export function terminalFor(given: Given): TerminalPlan | undefined {
  if (given.is("tty") && given.is("no-tty")) throw new UsageError("--tty and --no-tty contradict each other");
  if (given.is("no-tty")) return undefined;
  const ours = [0, 1, 2].filter(isTerminal);
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
  // output that somebody has sent to another terminal is meant to come out there
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

/** Two names of one terminal, or two descriptors. */
function isSame(one: number, other: number): boolean {
  const [a, b] = [statx(one), statx(other)];
  return a.inode === b.inode && a.major === b.major && a.minor === b.minor;
}
