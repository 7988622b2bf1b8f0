// Owns calling libc. Every call of parent and child goes through call() or attempt(), for which sys/ has one typed function
// a call; so this file alone binds libc, traces, and turns errno into an error. No other file may import dlopen.
//
// The calls that define a container, and those that are no system calls, are bound by their names. Each bound name costs
// every start about 5 µs, so all other calls go through libc's syscall(2), with the kernel's numbers and structures; those
// are the same under glibc and musl.

import { dlopen, FFIType, type Pointer, ptr, read, toArrayBuffer } from "bun:ffi";
import { cstring } from "./bytes.ts";
import { type Arg, SysError } from "./errno.ts";
import { NUMBERS } from "./numbers.ts";

/**
 * A machine word. Bun makes one of a number, of null and of an argument left out (0), of a byte array (its address), and of a
 * string (the address of its bytes and a NUL, there until the call returns).
 */
const word = FFIType.cstring;
const int = FFIType.i32;

const SYMBOLS = {
  unshare: { args: [word], returns: int },
  setns: { args: [word, word], returns: int },
  mount: { args: [word, word, word, word, word], returns: int },
  umount2: { args: [word, word], returns: int },
  chroot: { args: [word], returns: int },
  sethostname: { args: [word, word], returns: int },
  posix_spawn: { args: [word, word, word, word, word, word], returns: int },
  clone: { args: [word, word, word, word, word, word, word], returns: int },
  syscall: { args: [word, word, word, word, word, word, word], returns: FFIType.i64_fast },
  __errno_location: { args: [], returns: FFIType.ptr },
} as const;

/** An argument, or undefined where it is left out. */
type Word = Arg | undefined;
type Native = (a?: Word, b?: Word, c?: Word, d?: Word, e?: Word, f?: Word, g?: Word) => number;

const libc = bind() as Record<Bound | "clone", Native> & {
  syscall: (...words: Word[]) => number | bigint;
  __errno_location: () => Pointer;
};

function bind(): unknown {
  try {
    return dlopen("libc.so.6", SYMBOLS).symbols as unknown;
  } catch {
    // without memory for code there is no call; the executable says so in place of a crash report (scripts/elf/guard.ts)
    process.abort();
  }
}

// Each thread has an errno of its own, at an address that never changes. Reading it there makes no call that could set it.
const errnoAddress = libc.__errno_location();

const COLUMN = process.arch === "arm64" ? 1 : 0;

type Bound = Exclude<keyof typeof SYMBOLS, "clone" | "syscall" | "__errno_location">;
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

/** Bun has U+FFFD for a lone surrogate, which here stands for a byte that is not UTF-8 (bytes.ts). */
function exact(text: string): Word {
  return text.isWellFormed() ? text : cstring(text);
}

/** One call: its result, or -errno as the kernel itself has it. */
function invoke(name: CallName, a: Word, b: Word, c: Word, d: Word, e: Word, f: Word): number {
  // spelled out: without a compiler a loop over the arguments takes as long as the call
  if (typeof a === "string") a = exact(a);
  if (typeof b === "string") b = exact(b);
  if (typeof c === "string") c = exact(c);
  if (typeof d === "string") d = exact(d);
  if (typeof e === "string") e = exact(e);
  if (typeof f === "string") f = exact(f);
  const numbers = (NUMBERS as Partial<Record<CallName, readonly number[]>>)[name];
  const result = numbers
    ? libc.syscall(numbers[COLUMN], a, b, c, d, e, f)
    : libc[name as Bound](a, b, c, d, e, f);
  // posix_spawn(3) returns the error number itself.
  if (name === "posix_spawn") return -Number(result);
  if (result === -1) return -read.i32(errnoAddress);
  // beyond 2^53 it is a bigint
  return typeof result === "number" ? result : Number(result);
}

/** The arguments that were given to a call. */
function given(...words: Word[]): Arg[] {
  const end = words.indexOf(undefined);
  return (end < 0 ? words : words.slice(0, end)) as Arg[];
}

/** Makes a call: its result, or -errno. For calls whose failure is an answer. */
export function attempt(name: CallName, a?: Arg, b?: Arg, c?: Arg, d?: Arg, e?: Arg, f?: Arg): number {
  const result = invoke(name, a, b, c, d, e, f);
  if (tracer) traced(name, given(a, b, c, d, e, f), result);
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
export function call(name: CallName, a?: Arg, b?: Arg, c?: Arg, d?: Arg, e?: Arg, f?: Arg): number {
  const result = attempt(name, a, b, c, d, e, f);
  if (result < 0) throw failed(name, given(a, b, c, d, e, f), result);
  return result;
}

/** The error for a call that returned -errno in the current step. */
export function failed(name: CallName, args: readonly Arg[], result: number): SysError {
  return new SysError(name, args, -result, currentStep);
}

/** The address of a byte array, for structures that hold pointers. The caller keeps the array alive meanwhile. */
export function addressOf(bytes: Uint8Array): number {
  return ptr(bytes);
}

/** The memory at an address. */
export function bytesAt(address: number, length: number): Uint8Array {
  return new Uint8Array(toArrayBuffer(address as Pointer, 0, length));
}

/** The int at an address. */
export function readInt(address: number): number {
  return read.i32(address as Pointer);
}

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
function reportSpawn({ shown: [path, words] }: SpawnWords, result: number): void {
  report("posix_spawn", ["&pid", path, null, null, words, "envp"], result);
}

const { unshare, posix_spawn: posixSpawn, setns } = libc;

/** The pid namespace to start a process in: a new one, or where `joined` is a descriptor, that one. */
interface PidNamespace {
  /** CLONE_NEWPID; 0 to stay in our own */
  flag: number;
  /** -1 for none */
  joined: number;
}

/** Makes the next processes of ours start in another pid namespace. Returns 0, or -errno. */
function turnTo({ flag, joined }: PidNamespace): number {
  const result = joined < 0 ? unshare(flag, 0, 0, 0, 0, 0) : setns(joined, flag, 0, 0, 0, 0);
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
  const spawned = turned === 0 ? -posixSpawn(pid, path, 0, 0, argv, envp) : 0;
  if (turned === 0) setns(own, flag, 0, 0, 0, 0);
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
  const failed = posixSpawn(words.pid, words.path, 0, 0, words.argv, words.envp);
  if (tracer) tellTurn(namespace, turned);
  if (tracer) reportSpawn(words, -failed);
  if (failed === 0) libc.syscall(write, socket, address, length, 0, 0, 0);
  libc.syscall(exitGroup, failed, 0, 0, 0, 0, 0);
  throw new Error("unreachable");
}
