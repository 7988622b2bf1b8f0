// Owns the question whether a process waits for input of the container's terminal, which no call answers from outside.

import { listDirectory, open, type Stat, statx, tryReadFile, tryStat, withFd } from "../sys/file.ts";
import { NUMBERS } from "../sys/numbers.ts";

const COLUMN = process.arch === "arm64" ? 1 : 0;
const READING: readonly number[] = [NUMBERS.read[COLUMN], NUMBERS.readv[COLUMN]];
/** /dev/tty: the controlling terminal, by the name that every process has for its own */
const TTY = { major: 5, minor: 0 };

/** True where a thread of one of these processes is in read(2) of this terminal (proc_pid_syscall(5)). */
export function isRead(slave: number, pids: readonly number[]): boolean {
  const terminal = statx(slave);
  for (const pid of pids) for (const thread of threadsOf(pid)) if (reads(pid, thread, terminal)) return true;
  return false;
}

function threadsOf(pid: number): string[] {
  try {
    return withFd(open(`/proc/${pid}/task`, 0), listDirectory);
  } catch {
    return []; // it is gone
  }
}

/** "0 0x3 …": the call's number and arguments while it waits, "running" otherwise */
function reads(pid: number, thread: string, terminal: Stat): boolean {
  const [number, fd] = (tryReadFile(`/proc/${pid}/task/${thread}/syscall`) ?? "").split(" ");
  if (fd === undefined || !READING.includes(Number(number))) return false;
  const file = tryStat(`/proc/${pid}/fd/${Number(fd)}`, true, false);
  if (!file) return false;
  if (file.rdevMajor === TTY.major && file.rdevMinor === TTY.minor) return true;
  return file.inode === terminal.inode && file.major === terminal.major && file.minor === terminal.minor;
}
