// Owns a process that passes bytes on from one descriptor to another until the end, as cat(1) does.
//
// Why a process: in the kernel, reading from a pipe and writing to it take the pipe's lock, and no signal and no O_NONBLOCK
// ends the wait for that lock. Whoever has the pipe's other end can hold it for as long as it likes: splice(2) holds it while
// it waits for its other descriptor. So a supervisor that read from a container's pipe itself could be kept from ever looking
// at its clock again. When the container ends, the lock is free, and the pump goes on.
//
// The pump lives in this process's memory and has its descriptors (CLONE_VM, CLONE_FILES); it makes a few prepared calls
// (calls.ts), and ends with this process.

import { type Call, callsCode, cloneWithCalls, tableOf } from "./calls.ts";
import { mapCode } from "./code.ts";
import { CLONE, POLLIN, PR, SIGNALS } from "./constants.ts";
import { addressOf, failed, step, traced, untraced } from "./libc.ts";
import { RLIMITS } from "./names.ts";
import { getpid, kill, pidfdOpen, wait } from "./process.ts";
import { withSignalsBlocked } from "./signal.ts";

/** How a pump moves bytes. */
export type Way =
  /** by read(2) and write(2), whatever the descriptors are; what is read and cannot be written is lost */
  | "copy"
  /** by splice(2) from a file to a pipe: the file's offset moves by what has entered the pipe, not by more */
  | "splice";

/** In bytes: what is copied at once is still in the processor's cache when it is written. */
const PIECE = 1 << 18;
/** what ps(1) calls a pump */
const NAME = "minibox-pump";
const FLAGS = CLONE.CLONE_VM | CLONE.CLONE_FILES | SIGNALS.CHLD;

/** The address of the machine code, which all pumps run. */
let code = 0;

/** @throws SysError */
function mapOnce(): number {
  if (code > 0) return code;
  const address = untraced(() => mapCode(callsCode()));
  if (address < 0) throw failed("mmap", ["machine code"], address);
  code = address;
  return code;
}

/** A process that moves bytes. */
export class Pump {
  /** can be read from when the pump has ended: at the end of its input, or with a failure */
  readonly pidfd: number;
  private readonly pid: number;
  /** the table of the pump's calls, what they point at, and its stack, which have to be kept for as long as it runs */
  private readonly memory: readonly [table: Uint8Array, ...Uint8Array[]];
  private hasEnded = false;

  /**
   * Starts the pump. `limit` is the size in bytes up to which it may write a file (RLIMIT_FSIZE in getrlimit(2)); undefined
   * for this process's own. @throws SysError
   */
  constructor(from: number, to: number, way: Way, limit?: bigint) {
    step("start a process that passes bytes on");
    // it stays open: the pump has this process's descriptors
    const self = pidfdOpen(getpid());
    const { table, keep } = tableOf(pumpCalls(self, from, to, way, limit));
    const stack = new Uint8Array(512);
    this.memory = [table, stack, ...keep];
    const start = { code: mapOnce(), table: addressOf(table), stack: addressOf(stack) + stack.length };
    this.pid = withSignalsBlocked(() => cloneWithCalls(start, FLAGS));
    traced("clone", [FLAGS, null], this.pid);
    if (this.pid < 0) throw failed("clone", [FLAGS, null], this.pid);
    this.pidfd = pidfdOpen(this.pid);
  }

  /** Ends the pump where it has not ended yet. Returns the error number of its call that failed, or 0. */
  end(): number {
    if (!this.hasEnded) {
      kill(this.pid, SIGNALS.KILL);
      wait(this.pid);
      this.hasEnded = true;
    }
    return -new Int32Array(this.memory[0].buffer)[0]!;
  }
}

function pumpCalls(self: number, from: number, to: number, way: Way, limit: bigint | undefined): Call[] {
  const pollfd = new Uint8Array(new Int32Array([self, POLLIN]).buffer);
  const moving = way === "splice" ? spliceCalls(from, to) : copyCalls(from, to);
  const limits: Call[] = [];
  if (limit !== undefined) {
    const both = new Uint8Array(new BigUint64Array([limit, limit]).buffer);
    limits.push({ name: "prlimit64", args: [0, RLIMITS.indexOf("RLIMIT_FSIZE"), both, 0] });
  }
  const before: Call[] = [
    { name: "prctl", args: [PR.PR_SET_PDEATHSIG, SIGNALS.KILL] },
    { name: "prctl", args: [PR.PR_SET_NAME, NAME] },
    ...limits,
    // a maker that was killed before the first call sends no signal
    { name: "ppoll", args: [pollfd, 1, new Uint8Array(16), 0, 8], skip: moving.length },
  ];
  const first = before.length;
  const bound = moving.map(
    (call): Call => (call.into ? { ...call, into: [first + call.into[0], call.into[1]] } : call),
  );
  return [...before, ...bound, { name: "exit_group", args: [0] }];
}

/** At the end of the input, read(2) returns 0, and so does write(2) of nothing: then the next call is made. */
function copyCalls(from: number, to: number): Call[] {
  const buffer = new Uint8Array(PIECE);
  return [
    { name: "read", args: [from, buffer, PIECE], into: [1, 2] },
    { name: "write", args: [to, buffer, 0], skip: -2 },
  ];
}

function spliceCalls(from: number, to: number): Call[] {
  return [{ name: "splice", args: [from, 0, to, 0, PIECE], skip: -1 }];
}
