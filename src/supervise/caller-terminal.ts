// Owns the caller's terminal: whether minibox may use it now (job control, credentials(7)), and its mode meanwhile.

import { decode } from "../sys/bytes.ts";
import { eachName } from "../sys/directory.ts";
import { EIO, ENOTTY } from "../sys/errno.ts";
import { open, tryOpen, tryRead, withFd } from "../sys/file.ts";
import { getpgrp } from "../sys/process.ts";
import { statx } from "../sys/stat.ts";
import {
  foregroundGroup,
  getTermios,
  rawMode,
  setTermios,
  stopsBackground,
  type Termios,
  typeInto,
} from "../sys/terminal.ts";

/**
 * A terminal that the container's input may come from. It is held while it is raw: its keys then go to the container.
 */
export class CallerTerminal {
  /** the mode before it was made raw */
  private saved: Termios | undefined;
  /** the raw mode that was set; undefined while the terminal is not held */
  private raw: Termios | undefined;
  private readonly group = getpgrp();
  /** the terminal belongs to another session: job control would not stop minibox from using it, but it must not */
  private readonly isForeign: boolean;

  constructor(readonly fd: number) {
    this.isForeign = foregroundGroup(fd) === -ENOTTY && hasSession(fd);
  }

  get isHeld(): boolean {
    return this.raw !== undefined;
  }

  /**
   * True where minibox's process group is the terminal's foreground group (tcgetpgrp(3)), or the terminal has no
   * session.
   */
  isForeground(): boolean {
    const group = foregroundGroup(this.fd);
    return group === this.group || (group === -ENOTTY && !this.isForeign);
  }

  /** True where the terminal can be used now or later. */
  get isOfInterest(): boolean {
    return !this.isForeign;
  }

  /** True where a write to the terminal would stop minibox: it is in the background, and the mode has TOSTOP. */
  stopsOutput(): boolean {
    if (this.isForeign || this.isForeground()) return false;
    const now = getTermios(this.fd);
    return now !== undefined && stopsBackground(now);
  }

  /** True where the terminal is gone for ever: its window or its connection was closed. */
  isHungUp(): boolean {
    return foregroundGroup(this.fd) === -EIO;
  }

  /**
   * Makes the terminal raw; false where minibox is in the background. `output`: other processes write to it as well.
   */
  take(output = false): boolean {
    if (!this.isForeground()) {
      this.raw = undefined;
      return false;
    }
    const now = getTermios(this.fd);
    if (!now) return false;
    // after a stop, where no shell has reset the mode, it is still the raw one: that is not the mode to save
    if (!this.raw || !Bun.deepEquals(now, this.raw)) {
      this.saved = now;
      this.raw = undefined;
    }
    this.setRaw(output);
    return true;
  }

  /** Sets the raw mode of a terminal that is held already; `output` as for take(). */
  setRaw(output: boolean): void {
    const next = rawMode(this.saved!, output);
    if (this.raw && Bun.deepEquals(next, this.raw)) return;
    this.raw = next;
    setTermios(this.fd, this.raw);
  }

  /** Restores the mode, and makes these bytes the terminal's unread input. */
  releaseWith(bytes: Uint8Array): void {
    if (this.raw && this.saved && this.isForeground() && bytes.length > 0)
      typeInto(this.fd, this.saved, bytes);
    this.release();
  }

  /** Restores the mode, except in the background: there the shell has set its own. */
  release(): void {
    if (this.raw && this.saved && this.isForeground()) setTermios(this.fd, this.saved);
    this.raw = undefined;
  }
}

/** True where a terminal is the controlling terminal of some session (proc_pid_stat(5), field 7, tty_nr). */
function hasSession(fd: number): boolean {
  const { rdevMajor: major, rdevMinor: minor } = statx(fd);
  // encoded like the kernel's new_encode_dev()
  const number = (minor & 0xff) | (major << 8) | ((minor & ~0xff) << 12);
  // one buffer for all, which is more than the line's beginning needs: what is allocated here stays resident while minibox waits
  const buffer = new Uint8Array(256);
  return withFd(open("/proc", 0), (proc) =>
    eachName(proc, (name) => {
      const file = Number(name) > 0 ? tryOpen(`/proc/${name}/stat`, 0) : -1;
      const n = file < 0 ? -1 : withFd(file, () => tryRead(file, buffer));
      const stat = n > 0 ? decode(buffer.subarray(0, n)) : "";
      return Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ", 5)[4]) === number;
    }),
  );
}
