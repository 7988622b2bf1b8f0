// Owns the caller's terminal: whether we may use it now (job control, credentials(7)), its mode while we do, its size.

import { listDirectory } from "../sys/directory.ts";
import { EIO, ENOTTY } from "../sys/errno.ts";
import { open, statx, tryReadFile, withFd } from "../sys/file.ts";
import { getpgrp } from "../sys/process.ts";
import {
  foregroundGroup,
  getTermios,
  rawMode,
  setTermios,
  stopsBackground,
  type Termios,
  typeInto,
} from "../sys/terminal.ts";

/** A terminal that the container's input may come from. It is held while it is raw: its keys are the container's then. */
export class CallerTerminal {
  private saved: Termios | undefined;
  private raw: Termios | undefined;
  private readonly group = getpgrp();
  /** that of another session, which job control does not keep us from, but which we have no business with */
  private readonly isForeign: boolean;

  constructor(readonly fd: number) {
    this.isForeign = foregroundGroup(fd) === -ENOTTY && hasSession(fd);
  }

  get isHeld(): boolean {
    return this.raw !== undefined;
  }

  isForeground(): boolean {
    const group = foregroundGroup(this.fd);
    return group === this.group || (group === -ENOTTY && !this.isForeign);
  }

  /** True where the terminal can become ours later on. */
  get isOfInterest(): boolean {
    return !this.isForeign;
  }

  /** What a write does to a process in the background: true where it stops. */
  stopsOutput(): boolean {
    if (this.isForeign || this.isForeground()) return false;
    const now = getTermios(this.fd);
    return now !== undefined && stopsBackground(now);
  }

  /** True where it is gone for ever: its window was closed, its line cut. */
  isHungUp(): boolean {
    return foregroundGroup(this.fd) === -EIO;
  }

  /** Makes it raw, where it is ours to use; false where it is not. `output` says that others write to it as well. */
  take(output = false): boolean {
    if (!this.isForeground()) {
      this.raw = undefined;
      return false;
    }
    const now = getTermios(this.fd);
    if (!now) return false;
    // continued without a shell's having put it right, it still is as we left it
    if (!this.raw || !Bun.deepEquals(now, this.raw)) {
      this.saved = now;
      this.raw = undefined;
    }
    this.setRaw(output);
    return true;
  }

  /** The same, for a terminal that is held. */
  setRaw(output: boolean): void {
    const next = rawMode(this.saved!, output);
    if (this.raw && Bun.deepEquals(next, this.raw)) return;
    this.raw = next;
    setTermios(this.fd, this.raw);
  }

  /** Puts it back as it was, with bytes that are there to be read. */
  releaseWith(bytes: Uint8Array): void {
    if (this.raw && this.saved && this.isForeground() && bytes.length > 0)
      typeInto(this.fd, this.saved, bytes);
    this.release();
  }

  /** Puts it back as it was; in the background it is as the shell wants it. */
  release(): void {
    if (this.raw && this.saved && this.isForeground()) setTermios(this.fd, this.saved);
    this.raw = undefined;
  }
}

/** True where a terminal is some session's controlling one (proc_pid_stat(5), field 7, tty_nr). */
function hasSession(fd: number): boolean {
  const { rdevMajor: major, rdevMinor: minor } = statx(fd);
  // the kernel's new_encode_dev
  const number = (minor & 0xff) | (major << 8) | ((minor & ~0xff) << 12);
  for (const name of withFd(open("/proc", 0), listDirectory)) {
    const stat = /^\d+$/.test(name) ? (tryReadFile(`/proc/${name}/stat`) ?? "") : "";
    if (Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[4]) === number) return true;
  }
  return false;
}
