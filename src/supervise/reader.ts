// Owns finding out whether a process waits for input from the container's terminal. No system call tells that of
// another process, so /proc/PID/syscall is read.

import { listDirectory } from "../sys/directory.ts";
import { open, tryReadFile, withFd } from "../sys/file.ts";
import { type Stat, statx, tryStat } from "../sys/stat.ts";

/** The calls that read (asm/unistd_64.h, asm-generic/unistd.h), and which of the arguments is the descriptor. */
const READING: ReadonlyMap<number, number> =
  process.arch === "arm64"
    ? new Map([
        [63, 0], // read
        [65, 0], // readv
        [71, 1], // sendfile
        [76, 0], // splice
      ])
    : new Map([
        [0, 0],
        [19, 0],
        [40, 1],
        [275, 0],
      ]);
/** poll, select, pselect6, epoll_wait, ppoll, epoll_pwait, epoll_pwait2 */
const WAITING = process.arch === "arm64" ? [73, 72, 22, 441] : [7, 23, 270, 232, 271, 281, 441];
/** The device number of /dev/tty, which stands for the controlling terminal of the process that opens it. */
const TTY = { major: 5, minor: 0 };

/** A look at more would keep the terminal waiting: a container may have as many threads as the kernel has numbers. */
const MOST_THREADS = 2000;

/**
 * True where a thread of one of these processes reads from this terminal. What a thread in poll(2) or the like
 * waits for is known from its memory alone, which is not read here: with `maybe`, it counts where its descriptor 0, 1
 * or 2 is the terminal.
 */
export function isRead(slave: number, pids: readonly number[], maybe: boolean): boolean {
  const terminal = statx(slave);
  let looks = MOST_THREADS;
  for (const pid of pids) {
    if (looks <= 0) break;
    for (const thread of threadsOf(pid, looks)) {
      looks--;
      const { number, args } = callOf(pid, thread);
      const descriptor = READING.get(number);
      if (descriptor !== undefined && isTerminal(pid, args[descriptor]!, terminal)) return true;
      if (maybe && WAITING.includes(number))
        for (const fd of [0, 1, 2]) if (isTerminal(pid, fd, terminal)) return true;
    }
  }
  return false;
}

function threadsOf(pid: number, most: number): string[] {
  try {
    return withFd(open(`/proc/${pid}/task`, 0), (tasks) => listDirectory(tasks, most));
  } catch {
    return []; // the process has ended
  }
}

/**
 * Returns the number of the system call that a thread waits in, -1 where it runs, and the call's arguments. The file
 * reads "0 0x3 …", or "running" (proc_pid_syscall(5)).
 */
function callOf(pid: number, thread: string): { number: number; args: number[] } {
  const words = (tryReadFile(`/proc/${pid}/task/${thread}/syscall`) ?? "").split(" ");
  if (words.length < 2) return { number: -1, args: [] };
  const [number = -1, ...args] = words.map(Number);
  return { number, args };
}

function isTerminal(pid: number, fd: number, terminal: Stat): boolean {
  const file = tryStat(`/proc/${pid}/fd/${fd}`, true, false);
  if (!file) return false;
  if (file.rdevMajor === TTY.major && file.rdevMinor === TTY.minor) return true;
  return file.inode === terminal.inode && file.major === terminal.major && file.minor === terminal.minor;
}
