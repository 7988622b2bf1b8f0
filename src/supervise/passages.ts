// Owns the pumps that pass bytes on between the caller's files, devices and terminals and the container's pipes in their
// place (container/stdio.ts, sys/pump.ts).

import { type Passage, STANDARD } from "../container/stdio.ts";
import { F_GETFL, O, POLLIN } from "../sys/constants.ts";
import { tryFcntl } from "../sys/descriptor.ts";
import { EIO, SysError } from "../sys/errno.ts";
import { close, tryOpen } from "../sys/file.ts";
import { fdPath } from "../sys/mount.ts";
import { poll } from "../sys/poll.ts";
import { Pump } from "../sys/pump.ts";
import { isTerminal } from "../sys/terminal.ts";
import { type Ending, LAST_OUTPUT } from "./last-output.ts";

/** A passage and its pump. */
export class Passing {
  /** why bytes were lost; none are passed on after that */
  failure: SysError | undefined;
  private hasEnded = false;
  private readonly pump: Pump;

  /** `limit` is the container's RLIMIT_FSIZE in bytes, which the kernel does not apply to a pipe. @throws SysError */
  constructor(
    private readonly passage: Passage,
    limit: bigint | undefined,
  ) {
    const { pipe, isInput, isFile } = passage;
    const caller = waiting(passage.caller);
    this.pump = isInput
      ? new Pump(caller, pipe, isFile ? "splice" : "copy")
      : new Pump(pipe, caller, "copy", limit);
  }

  /** Returns what to poll for until end() is to be called: a descriptor, or -1 for none, and events. */
  interest(): [number, number] {
    return this.hasEnded ? [-1, 0] : [this.pump.pidfd, POLLIN];
  }

  /** True while output of the container may not have been passed on. */
  private get hasOutput(): boolean {
    return !this.passage.isInput && !this.hasEnded;
  }

  /**
   * True where the pipe is empty. When the container has ended, somebody outside has its end then, and may never write: the
   * container can send descriptors over a socket.
   */
  private isEmpty(): boolean {
    return poll([[this.passage.pipe, POLLIN]], 0)[0] === 0;
  }

  /** Passes on the last of what the container, which has ended, wrote; limited as for a terminal. */
  drain(ending: Ending): void {
    while (this.hasOutput) {
      const patience = Math.min(LAST_OUTPUT, Math.max(0, ending.deadline - performance.now()));
      const [ended, signal] = poll([this.interest(), [ending.signals, POLLIN]], patience);
      if (signal) ending.readSignals();
      const isLate = !ended && !signal && (ending.endedBy > 0 || ending.timedOut || this.isEmpty());
      if (ended || isLate || ending.cutShort) this.end();
    }
    this.end();
  }

  /** Ends the pump, and closes the pipe: the container finds its input at the end, or that nobody reads its output. */
  end(): void {
    if (this.hasEnded) return;
    this.hasEnded = true;
    const errno = this.pump.end();
    const { caller, pipe, isInput } = this.passage;
    close(pipe);
    // a background process may not read its terminal, nor anybody one that is gone (read(2))
    const isNotThere = isInput && errno === EIO && isTerminal(caller);
    if (errno !== 0 && !isNotThere)
      this.failure = new SysError(isInput ? "read" : "write", [caller], errno, `pass on ${STANDARD[caller]}`);
  }
}

/** Returns a descriptor of the same file whose calls wait: a terminal may have been made non-blocking by another program. */
function waiting(fd: number): number {
  const flags = tryFcntl(fd, F_GETFL);
  if ((flags & O.O_NONBLOCK) === 0) return fd;
  const again = tryOpen(fdPath(fd), (flags & ~O.O_NONBLOCK) | O.O_NOCTTY);
  return again < 0 ? fd : again;
}

/** Starts to pass bytes on; `limit` as for Passing. @throws SysError */
export const passAll = (passages: readonly Passage[], limit: bigint | undefined): Passing[] =>
  passages.map((passage) => new Passing(passage, limit));
