// Owns passing on what a container wrote to its terminal before it ended or was stopped.

import type { Child } from "../container/spawn.ts";
import { POLLIN, POLLOUT, SIGNALS } from "../sys/constants.ts";
import { poll } from "../sys/poll.ts";
import { suspend } from "./signals.ts";

/** In milliseconds: the kernel has echoed a key after this time. */
const ECHO = 10;
/** For so many milliseconds the last output is offered to a reader that does not read. */
export const LAST_OUTPUT = 1000;

/** A container that has ended, or soon will, as those see it who pass on its last output. */
export interface Ending {
  readonly child: Child;
  /** the signalfd(2) from which the supervisor's signals are read */
  readonly signals: number;
  /** the signal for which the supervisor killed the container; 0 for none */
  readonly endedBy: number;
  readonly timedOut: boolean;
  /** a signal came when the container had ended and its last output was not written yet: that is then given up */
  readonly cutShort: boolean;
  /** when the timeout is due (performance.now()) */
  readonly deadline: number;
  /** acts on the signals that have come */
  readSignals(): void;
}

/** What passes on the output of a container's terminal (stdio-terminal.ts). */
interface Output {
  readonly master: number;
  /** where the output goes */
  readonly outputDescriptor: number;
  readonly mustStop: boolean;
  hasOutput(): boolean;
  giveOutput(): void;
}

/** Passes on what is left. A signal ends that early; after a timeout it is limited in time. */
export function drain(relay: Output, ending: Ending): void {
  while (relay.hasOutput()) {
    if (relay.mustStop && !ending.endedBy)
      suspend(
        ending.child,
        () => [],
        () => {},
        SIGNALS.TTOU,
      );
    const patience = ending.endedBy || ending.timedOut ? LAST_OUTPUT : Number.POSITIVE_INFINITY;
    const [writable, signal] = poll(
      [
        [relay.outputDescriptor, POLLOUT],
        [ending.signals, POLLIN],
      ],
      Math.min(patience, Math.max(0, ending.deadline - performance.now())),
    );
    if (signal) ending.readSignals();
    if (writable) relay.giveOutput();
    else if (!signal || ending.cutShort) return;
  }
}

/** Writes what a stopped container wrote, and the echo of the key, so that it appears before the shell's prompt. */
export function flush(relay: Output): void {
  if (relay.mustStop) return;
  while (relay.hasOutput() || (poll([[relay.master, POLLIN]], ECHO)[0] && relay.hasOutput())) {
    if (!poll([[relay.outputDescriptor, POLLOUT]], LAST_OUTPUT)[0]) return;
    relay.giveOutput();
  }
}
