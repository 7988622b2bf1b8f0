// Owns what the container gets in the place of the caller's stdin, stdout and stderr. A descriptor of a file is the
// host's inode: through /proc/self/fd/0 the container's root can write a file that is open for reading only, and fchmod(2)
// makes it a set-uid program. So the container gets no inode of the host's but those of pipes and sockets, which have no
// name that anybody could open.

import { RunError } from "../errors.ts";
import { type Descriptors, type Stream, streamName } from "../sync.ts";
import {
  AT,
  F_GETFL,
  F_SETPIPE_SZ,
  O,
  O_ACCMODE,
  O_RDONLY,
  S_IFCHR,
  S_IFDIR,
  S_IFIFO,
  S_IFMT,
  S_IFREG,
  S_IFSOCK,
} from "../sys/constants.ts";
import { pipe, tryFcntl, unreadBytes } from "../sys/descriptor.ts";
import { close, trySeek, tryTell } from "../sys/file.ts";
import { step } from "../sys/libc.ts";
import { tryOpenTree } from "../sys/mount.ts";
import { reopenThrough } from "../sys/reopen.ts";
import { type Stat, statx } from "../sys/stat.ts";
import { fileSystemType, isPipe, NSFS_MAGIC } from "../sys/statfs.ts";

/** Bytes that a supervisor passes on between a descriptor of the caller's and a pipe of the container's. */
export interface Passage {
  /** 0, 1 or 2: the caller's descriptor */
  caller: number;
  /** our end of the pipe: for an input the one to write to, else the one to read from */
  pipe: number;
  isInput: boolean;
  /** the caller's descriptor is a regular file's */
  isFile: boolean;
}

/** The container's 0, 1 and 2. */
export class Stdio {
  /** what each of them is, for the child */
  readonly streams: Stream[] = [];
  /** those that are sent to the child */
  readonly given: Descriptors = {};
  passages: Passage[] = [];
  private readonly outputs: { of: Standard; given: number }[] = [];
  private readonly atEnd: (() => void)[] = [];

  /**
   * Decides what the container gets for each of 0, 1 and 2, and opens it. Those in `terminal` are the container's
   * terminal. Without `relays` nobody stays to pass bytes on, as after `create`: then the container gets the caller's
   * own descriptor where only a relay could replace it. @throws RunError, SysError
   */
  constructor(
    terminal: readonly number[],
    private readonly relays: boolean,
  ) {
    step("open stdin, stdout and stderr", "what the container gets must not lead to files of the host");
    for (const fd of [0, 1, 2]) this.streams.push(terminal.includes(fd) ? "terminal" : this.open(look(fd)));
  }

  /** Closes what the child has now, and nobody may have here: the end of a pipe comes when its last writer has ended. */
  handedOver(): void {
    for (const { given } of this.outputs) close(given);
  }

  /** Leaves the caller's input files at the offset up to which the container, which has ended, has read them. */
  end(): void {
    for (const step of this.atEnd.splice(0)) step();
  }

  /** Gives the container a descriptor that was opened once more, in the place of what was decided before. */
  replace(fd: number, again: number): void {
    this.streams[fd] = this.giveAgain(fd, again);
    this.passages = this.passages.filter(({ caller }) => caller !== fd);
  }

  private open(standard: Standard): Stream {
    const kind = kindOf(standard);
    if (kind === "null" || kind === "same") return kind;
    // a device, or a terminal, that is not relayed: what is done to its inode at least fails
    const isBare = !this.relays && typeOf(standard) === S_IFCHR;
    const again = kind === "named" || isBare ? reopen(standard) : undefined;
    if (again !== undefined) return this.giveAgain(standard.fd, again);
    return this.relays ? this.relay(standard) : "same";
  }

  private give(fd: number, given: number): Stream {
    this.given[streamName(fd)] = given;
    return "given";
  }

  private giveAgain(fd: number, again: number): Stream {
    const start = tryTell(fd);
    this.atEnd.push(() => {
      const offset = tryTell(again);
      // somebody else may have read on in the meantime
      if (offset >= 0 && offset !== start && tryTell(fd) === start) trySeek(fd, offset);
    });
    return this.give(fd, again);
  }

  private relay(standard: Standard): Stream {
    const { fd } = standard;
    const isInput = isReadFrom(standard);
    // what is written to one file through two descriptors stays in order when both are the same pipe
    const shared = isInput ? undefined : this.outputs.find(({ of }) => isOneFile(of, standard));
    if (shared) return this.give(fd, shared.given);
    // one read(2) returns what one write(2) wrote, for a device to which each is a record (/dev/kmsg)
    const [read, write] = pipe(!isInput && typeOf(standard) === S_IFCHR ? O.O_DIRECT : 0);
    tryFcntl(write, F_SETPIPE_SZ, PIPE_SIZE);
    const [ours, given] = isInput ? [write, read] : [read, write];
    const isFile = isRegular(standard);
    this.passages.push({ caller: fd, pipe: ours, isInput, isFile });
    if (!isInput) this.outputs.push({ of: standard, given });
    if (isInput && isFile) this.atEnd.push(() => trySeek(fd, tryTell(fd) - unreadBytes(read)));
    return this.give(fd, given);
  }
}

/** In bytes; the largest that an ordinary user may ask for (pipe-max-size in proc_sys_fs(5)). */
const PIPE_SIZE = 1 << 20;

/** One of the caller's 0, 1 and 2. */
interface Standard {
  fd: number;
  stat: Stat;
  /** F_GETFL in fcntl(2) */
  flags: number;
}

const look = (fd: number): Standard => ({ fd, stat: statx(fd), flags: tryFcntl(fd, F_GETFL) });

const typeOf = ({ stat: { mode } }: Standard): number => mode & S_IFMT;
const isRegular = (standard: Standard): boolean => typeOf(standard) === S_IFREG;

/** The minor numbers of null, and of zero, full, random and urandom, which are bytes and nothing else (mem(4)). */
const MEMORY_DEVICES = 1;
const NULL = 3;
const BYTES: readonly number[] = [5, 7, 8, 9];

/**
 * What kind of thing a descriptor is. "named" is what can be opened once more in a way that lets the inode not be
 * changed. "other" is everything that has to be relayed. @throws RunError for what must not be given to a container
 */
function kindOf(standard: Standard): "null" | "same" | "named" | "other" {
  const { fd, stat, flags } = standard;
  const type = typeOf(standard);
  if (type === S_IFDIR || flags & O.O_PATH) throw new RunError(`${STANDARD[fd]} is ${unfit(type)}`, 125, FIT);
  if (type === S_IFSOCK) return "same";
  if (type === S_IFIFO) return isPipe(fd) ? "same" : "named";
  if (type === S_IFCHR && stat.rdevMajor === MEMORY_DEVICES) {
    if (stat.rdevMinor === NULL) return "null";
    return BYTES.includes(stat.rdevMinor) ? "named" : "other";
  }
  const isRead = type === S_IFREG && (flags & O_ACCMODE) === O_RDONLY;
  // a namespace's file opened once more is the namespace again, which setns(2) enters
  return isRead && fileSystemType(fd) !== NSFS_MAGIC ? "named" : "other";
}

/** What a person calls 0, 1 and 2. */
export const STANDARD = ["stdin", "stdout", "stderr"];
const FIT = "give it a file, a pipe or /dev/null: through a directory, a container reaches the host's files";
const unfit = (type: number): string =>
  type === S_IFDIR ? "a directory" : "only a path (O_PATH in open(2))";

/** Opens it once more (sys/reopen.ts); undefined where that cannot be, as for a file of another mount namespace. */
function reopen({ fd }: Standard): number | undefined {
  const tree = tryOpenTree(fd, "", AT.AT_EMPTY_PATH);
  const again = tree < 0 ? tree : reopenThrough(tree, fd);
  return again < 0 ? undefined : again;
}

/** Those of 0, 1 and 2 that can be opened once more by who may make mounts. @throws RunError, SysError */
export const named = (): number[] => [0, 1, 2].filter((fd) => kindOf(look(fd)) === "named");

/** Whether a descriptor is read from. One that is open for both is read from as stdin, and else written to. */
function isReadFrom({ fd, flags }: Standard): boolean {
  const access = flags & O_ACCMODE;
  return access === O_RDONLY || (access === O.O_RDWR && fd === 0);
}

/** Whether two descriptors write to the same place of the same file, as after `>file 2>&1`. */
const isOneFile = (one: Standard, other: Standard): boolean =>
  one.stat.inode === other.stat.inode &&
  one.stat.major === other.stat.major &&
  one.stat.minor === other.stat.minor &&
  one.flags === other.flags &&
  tryTell(one.fd) === tryTell(other.fd);
