// Owns starting a program that cannot outlive this process.
//
// Theory of operation. A program can clear its PR_SET_PDEATHSIG, and a change of user clears it, too (prctl(2)). What a
// program has no power over is a pid namespace around its own: when the first process of that one ends, the kernel kills
// everything in it and in the namespaces below (pid_namespaces(7)). So this process clones a keeper, and the keeper clones
// the program:
//
//   this process                  waits for the keeper, whose exit code is the program's
//     └ keeper    PID 1 of a pid namespace. When the thread that cloned it ends, the kernel kills it, and it cannot
//       │         change that: all that it does is to wait for the program, and end
//       └ program PID 1 of a pid namespace below. It cannot see the keeper, nor send it a signal
//
// Whoever kills the keeper ends the program, too; nothing has to run for that.
//
// The keeper lives in this process's memory (CLONE_VM), so it costs a kernel stack. It gives up the descriptors once the
// program has started. It makes a few prepared calls (calls.ts), with all signals blocked.
//
// No keeper is left where this process is killed before the keeper has asked for the signal: what the program is at first
// ends by itself when its maker is gone (the end of a socket), and then the keeper ends as well.

import { type Call, callsCode, cloneWithCalls, PIDFD_AT, STATUS_AT, tableOf } from "./calls.ts";
import { mapCode } from "./code.ts";
import { CLONE, FUTEX_WAIT, FUTEX_WAKE, POLLIN, PR, SIG_SETMASK, SIGNALS } from "./constants.ts";
import { LAST_DESCRIPTOR } from "./descriptor.ts";
import { ESRCH, SysError } from "./errno.ts";
import { close } from "./file.ts";
import { attempt, bytesAt, failed, readInt, traced, untraced } from "./libc.ts";
import { getpid, pidfdOpen, wait } from "./process.ts";
import { withSignalsBlocked } from "./signal.ts";
import { vector } from "./spawn.ts";

export interface Kept {
  /** the keeper's pid */
  keeper: number;
  /** the program's pidfd */
  pidfd: number;
}

/** Who the keeper's parent is, with which it ends. */
export type Parent =
  /** this process */
  | "self"
  /** this process's parent, while this process ends soon: the keeper then gives up what the two shared */
  | "parent";

/** Where in the table's page the keeper has a struct pollfd, in bytes. */
const POLLFD_AT = 2048;
/** The size of a page, or a multiple of it: arm64 has pages of 4, 16 or 64 KiB. */
const PAGE = process.arch === "arm64" ? 65_536 : 4096;
/** The keeper's memory: a page of machine code, then one of its table, at whose end is its stack. */
const SIZE = 2 * PAGE;

const KEEPER = CLONE.CLONE_VM | CLONE.CLONE_FILES | CLONE.CLONE_NEWPID | SIGNALS.CHLD;
const PROGRAM = CLONE.CLONE_VM | CLONE.CLONE_VFORK | CLONE.CLONE_NEWPID | CLONE.CLONE_PIDFD | SIGNALS.CHLD;
/** The program is the next process in the keeper's pid namespace. */
const PROGRAM_PID = 2;
/** what ps(1) calls the keeper */
const NAME = "minibox-keeper";

/**
 * Starts a keeper, which starts a program as the first process of a new pid namespace. The program inherits the signal mask,
 * and the descriptors as they are until the returned function was called: that waits until the program was executed, which
 * takes the kernel some time for a large one. An error of that calls it `what`. @throws SysError, as the returned function
 * does
 */
export function spawnKept(
  path: string,
  argv: readonly string[],
  envp: readonly string[],
  parent: Parent,
  what: string,
): () => Kept {
  const args = vector(argv);
  const env = vector(envp);
  const flags = parent === "parent" ? KEEPER | CLONE.CLONE_PARENT : KEEPER;
  const started = withSignalsBlocked((mask) => {
    const mapped = mapKeeper(parent, [
      { name: "rt_sigprocmask", args: [SIG_SETMASK, mask, 0, 8] },
      { name: "execve", args: [path, args.table, env.table] },
    ]);
    mapped.keep.push(args.keep, env.keep);
    const { code, table } = mapped;
    const start = { code, table, stack: table + PAGE };
    return { mapped, keeper: cloneWithCalls(start, flags | CLONE.CLONE_CHILD_CLEARTID) };
  });
  traced("clone", [flags, null], started.keeper);
  if (started.keeper < 0) throw failed("clone", [flags, null], started.keeper);
  return () => awaitProgram(started.keeper, started.mapped, [path, argv.join(" "), "envp"], what);
}

/**
 * Waits until the program was executed; `shown` are execve's arguments for the trace. What the prepared calls point at is
 * kept until then. @throws SysError
 */
function awaitProgram(keeper: number, { table }: Mapped, shown: string[], what: string): Kept {
  traced("prctl", [PR.PR_SET_PDEATHSIG, SIGNALS.KILL, 0, 0, 0], 0);
  const status = table + STATUS_AT;
  // the keeper ends the wait, or the kernel where the keeper ended before
  while (readInt(status) === -1) untraced(() => attempt("futex", status, FUTEX_WAIT, -1, 0));
  const pidfd = readInt(table + PIDFD_AT);
  const failure = readInt(table);
  if (pidfd >= 0) traced("clone", [PROGRAM, null], PROGRAM_PID);
  if (pidfd >= 0) traced("execve", shown, failure);
  if (pidfd >= 0 && failure === 0) return { keeper, pidfd };
  wait(keeper);
  if (pidfd < 0) throw new SysError("clone", [PROGRAM, null], -failure || ESRCH, what);
  close(pidfd);
  throw new SysError("posix_spawn", [shown[0]!], -failure, what);
}

/** close_range(0, ~0U, CLOSE_RANGE_UNSHARE): the keeper has no descriptors from then on, and this process keeps its own. */
const UNSHARE_DESCRIPTORS: Call = { name: "close_range", args: [0, LAST_DESCRIPTOR, 2] };

/** The calls of the keeper whose table is at this address. `self` is this process's pidfd where the two part. */
function keeperCalls(table: number, program: readonly Call[], self: number): Call[] {
  const pidfd = table + PIDFD_AT;
  const status = table + STATUS_AT;
  return [
    { name: "prctl", args: [PR.PR_SET_PDEATHSIG, SIGNALS.KILL] },
    { name: "prctl", args: [PR.PR_SET_NAME, NAME] },
    { name: "setsid", args: [] }, // no signal for the caller's process group is the keeper's
    { name: "clone", args: [PROGRAM, 0, pidfd], skip: program.length },
    ...program,
    { name: "prctl", args: [PR.PR_GET_PDEATHSIG, status] }, // any value but -1
    { name: "futex", args: [status, FUTEX_WAKE, 1] },
    // without this the program would not see the end of its maker's socket
    ...(self < 0 ? [UNSHARE_DESCRIPTORS] : partingCalls(table)),
    { name: "wait4", args: [PROGRAM_PID, status, 0, 0] },
    { name: "finish", args: [] },
  ];
}

/** The calls of a keeper that waits for the end of this process, and gives up the descriptors and memory that it shared. */
function partingCalls(table: number): Call[] {
  const pollfd = table + POLLFD_AT;
  const start = table - PAGE;
  // mmap(2) gives the highest free addresses, so the power of two above is where the address space ends
  const end = 2 ** (Math.floor(Math.log2(start)) + 1) - 65_536;
  return [
    { name: "ppoll", args: [pollfd, 1, 0, 0, 8] },
    { name: "close_range", args: [0, LAST_DESCRIPTOR, 0] },
    { name: "munmap", args: [0, start] },
    { name: "munmap", args: [start + SIZE, end - start - SIZE] },
  ];
}

interface Mapped {
  code: number;
  table: number;
  /** what the table points at */
  keep: Uint8Array[];
}

/** Maps the keeper's memory: its machine code, and its table, which holds its own address. @throws SysError */
function mapKeeper(parent: Parent, program: readonly Call[]): Mapped {
  const code = mapCode(callsCode(), SIZE);
  if (code < 0) throw failed("mmap", ["machine code"], code);
  const table = code + PAGE;
  // only the keeper needs it; a process that parts from its keeper ends without closing it
  const self = parent === "parent" ? pidfdOpen(getpid()) : -1;
  const { table: bytes, keep } = tableOf(keeperCalls(table, program, self));
  const memory = bytesAt(table, PAGE);
  memory.set(bytes);
  if (self >= 0) memory.set(new Uint8Array(new Int32Array([self, POLLIN]).buffer), POLLFD_AT);
  return { code, table, keep };
}
