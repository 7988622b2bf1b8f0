// Owns passing on what a container wrote to its terminal before it ended or was stopped.

import { POLLIN, POLLOUT, SIGNALS } from "../sys/constants.ts";
import { poll } from "../sys/poll.ts";
import { suspend } from "./signals.ts";
import type { Relay } from "./stdio-terminal.ts";
import type { Ending } from "./types.ts";

/** In milliseconds: the kernel has echoed a key after this time. */
const ECHO = 10;
/** For so many milliseconds the last output is offered to a reader that does not read. */
export const LAST_OUTPUT = 1000;

/** Passes on what is left. A signal ends that early; after a timeout it is limited in time. */
export function drain(relay: Relay, ending: Ending): void {
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
export function flush(relay: Relay): void {
  if (relay.mustStop) return;
  while (relay.hasOutput() || (poll([[relay.master, POLLIN]], ECHO)[0] && relay.hasOutput())) {
    if (!poll([[relay.outputDescriptor, POLLOUT]], LAST_OUTPUT)[0]) return;
    relay.giveOutput();
  }
}
