// Owns calling libc. Every call of parent and child goes through call() or attempt(), for which sys/ has one typed function
// a call; so this file alone binds libc, traces, and turns errno into an error. No other file may import dlopen.
//
// The calls that define a container, and those that are no system calls, are bound by their names. Each bound name costs
// every start about 10 µs, so all other calls go through libc's syscall(2), with the kernel's numbers and structures; those
// are the same under glibc and musl.

import { dlopen, FFIType, type Pointer, ptr, read, toArrayBuffer } from "bun:ffi";
import { cstring } from "./bytes.ts";
import { type Arg, SysError } from "./errno.ts";
import { NUMBERS } from "./numbers.ts";

const long = FFIType.i64;
const int = FFIType.i32;

const SYMBOLS = {
  unshare: { args: [long], returns: int },
  setns: { args: [long, long], returns: int },
  mount: { args: [long, long, long, long, long], returns: int },
  umount2: { args: [long, long], returns: int },
  chroot: { args: [long], returns: int },
  sethostname: { args: [long, long], returns: int },
  execve: { args: [long, long, long], returns: int },
  posix_spawn: { args: [long, long, long, long, long, long], returns: int },
  clone: { args: [long, long, long, long, long, long, long], returns: int },
  syscall: { args: [long, long, long, long, long, long, long], returns: FFIType.i64_fast },
  __errno_location: { args: [], returns: FFIType.ptr },
} as const;

const libc = bind();

function bind() {
  try {
    return dlopen("libc.so.6", SYMBOLS).symbols;
  } catch {
    // without memory for code there is no call; the executable says so in place of a crash report (scripts/elf/guard.ts)
    process.abort();
  }
}

// Each thread has an errno of its own, at an address that never changes. Reading it there makes no call that could set it.
const errnoAddress = libc.__errno_location() as Pointer;

const COLUMN = process.arch === "arm64" ? 1 : 0;

type Bound = Exclude<keyof typeof libc, "clone" | "syscall" | "__errno_location">;
export type CallName = Bound | keyof typeof NUMBERS;

/** Is told of each call after its return; `result` is -errno where the call failed. */
export type Tracer = (name: CallName, args: readonly Arg[], result: number) => void;
let tracer: Tracer | undefined;
export function setTracer(next: Tracer | undefined): void {
  tracer = next;
}

let untracedDepth = 0;
/** Runs `work` without a trace, for the calls that make no container: the protocol, waiting, messages to the person. */
export function untraced<T>(work: () => T): T {
  untracedDepth++;
  try {
    return work();
  } finally {
    untracedDepth--;
  }
}

type Native = (a: number, b: number, c: number, d: number, e: number, f: number) => number;

// The strings of one call lie in here, one after the other, which saves an allocation and a look-up of the address for each.
const arena = new Uint8Array(16384);
const arenaAddress: number = ptr(arena);
let arenaUsed = 0;
const encoder = new TextEncoder();

/** The strings that were too long for the arena. They are kept alive until the next call. */
let overflow: Uint8Array[] = [];

/** Turns an argument into a machine word: a string into the address of its bytes and a NUL. */
function native(arg: Exclude<Arg, number>): number {
  if (arg === null) return 0;
  if (typeof arg !== "string") return arg.length === 0 ? 0 : ptr(arg);
  // a lone surrogate stands for a byte that is not UTF-8 (bytes.ts)
  if (arg.isWellFormed()) {
    const start = arenaUsed;
    const { read: taken, written } = encoder.encodeInto(arg, start === 0 ? arena : arena.subarray(start));
    const end = start + written;
    if (taken === arg.length && end < arena.length) {
      arena[end] = 0;
      arenaUsed = end + 1;
      return arenaAddress + start;
    }
  }
  const bytes = cstring(arg);
  overflow.push(bytes);
  return ptr(bytes);
}

const word = (arg: Arg | undefined): number =>
  typeof arg === "number" ? arg : arg === undefined ? 0 : native(arg);

/** One call: its result, or -errno as the kernel itself has it. */
function invoke(name: CallName, [a, b, c, d, e, f]: readonly Arg[]): number {
  arenaUsed = 0;
  if (overflow.length > 0) overflow = [];
  const numbers: readonly number[] | undefined = (NUMBERS as Record<string, readonly number[]>)[name];
  const result = numbers
    ? Number(libc.syscall(numbers[COLUMN]!, word(a), word(b), word(c), word(d), word(e), word(f)))
    : (libc[name as Bound] as unknown as Native)(word(a), word(b), word(c), word(d), word(e), word(f));
  // posix_spawn(3) returns the error number itself.
  if (name === "posix_spawn") return -result;
  return result === -1 ? -read.i32(errnoAddress) : result;
}

/** Makes a call: its result, or -errno. For calls whose failure is an answer. */
export function attempt(name: CallName, ...args: Arg[]): number {
  const result = invoke(name, args);
  traced(name, args, result);
  return result;
}

/** Puts a call into the trace. attempt() and call() do that themselves. */
export function traced(name: CallName, args: Arg[], result: number): void {
  if (tracer && untracedDepth === 0) report(name, args, result);
}

function report(name: CallName, args: Arg[], result: number): void {
  untraced(() => tracer?.(name, args, result));
}

let currentStep: string | undefined;
let stepListener: ((text: string, why: string) => void) | undefined;

/**
 * Names what the next calls are for: an error says it (`mount proc on /proc: EPERM…`), a trace prints it with the
 * reason as a heading.
 */
export function step(text: string, why = ""): void {
  currentStep = text;
  if (stepListener) untraced(() => stepListener?.(text, why));
}

export function onStep(listener: ((text: string, why: string) => void) | undefined): void {
  stepListener = listener;
}

/** Makes a call. @throws SysError with the current step where it fails */
export function call(name: CallName, ...args: Arg[]): number {
  const result = invoke(name, args);
  traced(name, args, result);
  if (result < 0) throw failed(name, args, result);
  return result;
}

/** The error for a call that returned -errno in the current step. */
export const failed = (name: CallName, args: readonly Arg[], result: number): SysError =>
  new SysError(name, args, -result, currentStep);

/** The address of a byte array, for structures that hold pointers. The caller keeps the array alive meanwhile. */
export const addressOf = (bytes: Uint8Array): number => ptr(bytes);

/** The memory at an address. */
export const bytesAt = (address: number, length: number): Uint8Array =>
  new Uint8Array(toArrayBuffer(address as Pointer, 0, length));

/** The int at an address. */
export const readInt = (address: number): number => read.i32(address as Pointer);

/**
 * int clone(int (*fn)(void *), void *stack, int flags, void *arg, NULL, NULL, pid_t *ctid): a process that runs the machine
 * code at `fn`, and no JavaScript: its pid, or -errno. Without CLONE_VFORK this thread goes on beside it.
 */
export function cloneInto(fn: number, stack: number, flags: number, arg: number, ctid: number): number {
  const pid = libc.clone(fn, stack, flags, arg, 0, 0, ctid);
  return pid === -1 ? -read.i32(errnoAddress) : pid;
}

/** posix_spawn(3)'s arguments as machine words: addresses of a C string, two vectors, and where the pid goes. */
export interface SpawnWords {
  pid: number;
  path: number;
  argv: number;
  envp: number;
  /** the same for the trace: path and words */
  shown: readonly [path: string, words: string];
}

/** Puts a posix_spawn into the trace with its words, for the addresses mean nothing to a reader. */
const reportSpawn = ({ shown: [path, words] }: SpawnWords, result: number): void =>
  report("posix_spawn", ["&pid", path, null, null, words, "envp"], result);

const { unshare, posix_spawn: posixSpawn, setns } = libc as unknown as Record<string, Native>;

/** The pid namespace to start a process in: a new one, or where `joined` is a descriptor, that one. */
interface PidNamespace {
  /** CLONE_NEWPID; 0 to stay in our own */
  flag: number;
  /** -1 for none */
  joined: number;
}

/** Makes the next processes of ours start in another pid namespace. Returns 0, or -errno. */
function turnTo({ flag, joined }: PidNamespace): number {
  const result = joined < 0 ? unshare!(flag, 0, 0, 0, 0, 0) : setns!(joined, flag, 0, 0, 0, 0);
  return result < 0 ? -read.i32(errnoAddress) : 0;
}

/** Puts that call into the trace. @throws SysError where it failed */
function tellTurn({ flag, joined }: PidNamespace, result: number): void {
  const name = joined < 0 ? "unshare" : "setns";
  const args = joined < 0 ? [flag] : [joined, flag];
  if (tracer) report(name, args, result);
  if (result < 0) throw failed(name, args, result);
}

/**
 * Turns to another pid namespace, spawns, and comes back to its own (`own`), with nothing between these calls. Until
 * this process is back, the kernel refuses it new threads, and Bun aborts when it cannot have one. Bun may want one at
 * any allocation, so nothing is allocated here, and the trace comes afterwards. The caller has made sure that the way
 * back is open. Returns 0, or posix_spawn's -errno. @throws SysError from unshare or setns
 */
export function spawnInNamespace(namespace: PidNamespace, own: number, words: SpawnWords): number {
  const { flag } = namespace;
  const { pid, path, argv, envp } = words;
  const turned = turnTo(namespace);
  const spawned = turned === 0 ? -posixSpawn!(pid, path, 0, 0, argv, envp) : 0;
  if (turned === 0) setns!(own, flag, 0, 0, 0, 0);
  tellTurn(namespace, turned);
  if (tracer) reportSpawn(words, spawned);
  if (tracer) report("setns", [own, flag], 0);
  return spawned;
}

/**
 * Turns to another pid namespace, spawns, writes a message that the pid is in, and ends: for a process that is there for
 * no other purpose. The way back to its own pid namespace takes a privilege in the user namespace that it has left, so
 * it may want no thread any more, and nothing is allocated here. Its exit status is posix_spawn's error number.
 * @throws SysError from unshare or setns
 */
export function spawnInNamespaceAndEnd(
  namespace: PidNamespace,
  words: SpawnWords,
  socket: number,
  message: { address: number; length: number },
): never {
  const [write, exitGroup] = [NUMBERS.write[COLUMN]!, NUMBERS.exit_group[COLUMN]!];
  const { address, length } = message;
  const turned = turnTo(namespace);
  if (turned < 0) tellTurn(namespace, turned);
  const failed = posixSpawn!(words.pid, words.path, 0, 0, words.argv, words.envp);
  if (tracer) tellTurn(namespace, turned);
  if (tracer) reportSpawn(words, -failed);
  if (failed === 0) libc.syscall(write, socket, address, length, 0, 0, 0);
  libc.syscall(exitGroup, failed, 0, 0, 0, 0, 0);
  throw new Error("unreachable");
}
