// Owns processes, signals and identity: the calls of signal(7), credentials(7), prctl(2), wait4(2), execve(2).

import { cstring, putLong } from "./bytes.ts";
import { CLONE, PR, SIG_BLOCK, SIG_SETMASK, SIG_UNBLOCK, SIGNALS, WNOHANG } from "./constants.ts";
import { EINTR, ESRCH } from "./errno.ts";
import { tryReadFile } from "./file.ts";
import {
  addressOf,
  attempt,
  call,
  type SpawnWords,
  spawnInNamespace,
  spawnInNamespaceAndEnd,
} from "./libc.ts";

/** A C vector (argv, envp): the strings one after the other, and the table of pointers to them, NULL at the end. */
export function vector(words: readonly string[]): { table: Uint8Array; keep: Uint8Array } {
  const encoded: Uint8Array[] = [];
  let length = 1;
  for (const word of words) {
    const bytes = cstring(word);
    encoded.push(bytes);
    length += bytes.length;
  }
  const keep = new Uint8Array(length);
  const base = addressOf(keep);
  // pointers in halves: a BigInt for each would cost more than the call
  const table = new Uint32Array((words.length + 1) * 2);
  let at = 0;
  for (let i = 0; i < encoded.length; i++) {
    keep.set(encoded[i]!, at);
    putLong(table, 2 * i, base + at);
    at += encoded[i]!.length;
  }
  return { table: new Uint8Array(table.buffer), keep };
}

/** execve(2): returns only on failure, with -errno. */
export function execve(path: string, argv: readonly string[], envp: readonly string[]): number {
  const args = vector(argv);
  const env = vector(envp);
  const result = attempt("execve", path, args.table, env.table);
  keepAlive(args.keep, env.keep);
  return result;
}

/** glibc's own, below SIGRTMIN: its posix_spawn leaves them ignored where nobody asks for the default (nptl(7)). */
export const THREAD_SIGNALS: readonly number[] = [32, 33];

/**
 * posix_spawn(3) with no signal blocked, nor left ignored by libc; descriptors and namespaces are inherited as they are. Returns the pid, or
 * -errno also where the program could not be executed.
 */
export function trySpawn(path: string, argv: readonly string[], envp: readonly string[]): number {
  const pid = new Int32Array(1);
  const args = vector(argv);
  const env = vector(envp);
  // posix_spawnattr_t of glibc and musl alike: short flags, pid_t pgroup, sigset_t default, sigset_t mask (empty), …
  const attributes = new Uint8Array(336);
  const POSIX_SPAWN_SETSIGDEF = 4;
  const POSIX_SPAWN_SETSIGMASK = 8;
  attributes[0] = POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK;
  attributes.set(signalSet(THREAD_SIGNALS), 8);
  const result = attempt(
    "posix_spawn",
    new Uint8Array(pid.buffer),
    path,
    null,
    attributes,
    args.table,
    env.table,
  );
  keepAlive(args.keep, env.keep);
  return result < 0 ? result : pid[0]!;
}

/** posix_spawn(3)'s arguments; the pid goes to the address `pid`. */
function spawnWords(
  pid: number,
  path: string,
  argv: readonly string[],
  envp: readonly string[],
): { words: SpawnWords; keep: Uint8Array[] } {
  const pathBytes = cstring(path);
  const args = vector(argv);
  const env = vector(envp);
  return {
    words: {
      pid,
      path: addressOf(pathBytes),
      argv: addressOf(args.table),
      envp: addressOf(env.table),
      shown: [path, argv.join(" ")],
    },
    keep: [pathBytes, args.keep, env.keep, args.table, env.table],
  };
}

/**
 * Spawns a program in another pid namespace, and leaves this process in its own, whose descriptor is `own`: in the one
 * whose descriptor is `joined`, or for -1 as the first process of a new one. setns(2) to `own` must be possible. The
 * program inherits the signal mask. Returns the pid, or -errno of posix_spawn. @throws SysError from unshare or setns
 */
export function spawnInPidNamespace(
  joined: number,
  own: number,
  path: string,
  argv: readonly string[],
  envp: readonly string[],
): number {
  const pid = new Int32Array(1);
  const pidBytes = new Uint8Array(pid.buffer);
  const { words, keep } = spawnWords(addressOf(pidBytes), path, argv, envp);
  const result = spawnInNamespace({ flag: CLONE.CLONE_NEWPID, joined }, own, words);
  keepAlive(pidBytes, ...keep);
  return result < 0 ? result : pid[0]!;
}

/**
 * The same by a process that ends with it, after it wrote `message` to the socket, whose last four bytes posix_spawn
 * fills with the pid. With "own" the program starts in the pid namespace of this process. The process's exit status is
 * posix_spawn's error number. @throws SysError from unshare or setns
 */
export function spawnInPidNamespaceAndEnd(
  joined: number | "own",
  path: string,
  argv: readonly string[],
  envp: readonly string[],
  socket: number,
  message: Uint8Array,
): never {
  const address = addressOf(message);
  const { words } = spawnWords(address + message.length - 4, path, argv, envp);
  const namespace = joined === "own" ? { flag: 0, joined: -1 } : { flag: CLONE.CLONE_NEWPID, joined };
  return spawnInNamespaceAndEnd(namespace, words, socket, { address, length: message.length });
}

/** Names what must not be collected before this point: the kernel was given its address. */
function keepAlive(..._values: Uint8Array[]): void {}

/** A kernel signal set of these signals; all 64 without an argument. */
export function signalSet(signals?: readonly number[]): Uint8Array {
  if (!signals) return new Uint8Array(8).fill(0xff);
  const set = new Uint8Array(8);
  for (const signal of signals) set[(signal - 1) >> 3]! |= 1 << ((signal - 1) & 7);
  return set;
}

/** Replaces the signal mask of this thread. @throws SysError */
export const setSignalMask = (set: Uint8Array): number => call("rt_sigprocmask", SIG_SETMASK, set, null, 8);

/** Takes signals out of this thread's mask. @throws SysError */
export const unblockSignals = (signals: readonly number[]): number =>
  call("rt_sigprocmask", SIG_UNBLOCK, signalSet(signals), null, 8);

/** Puts signals into this thread's mask. @throws SysError */
export const blockSignals = (signals: readonly number[]): number =>
  call("rt_sigprocmask", SIG_BLOCK, signalSet(signals), null, 8);

/** What a signal does: the kernel's struct sigaction as bytes, to be given back whole (sigaction(2)). */
export function signalAction(signal: number): Uint8Array {
  const action = new Uint8Array(32);
  attempt("rt_sigaction", signal, null, action, 8);
  return action;
}

/** int sigaction(int signal, const struct sigaction *action, NULL): 0, or -errno. */
export const setSignalAction = (signal: number, action: Uint8Array): number =>
  attempt("rt_sigaction", signal, action, null, 8);

/** Puts a signal's disposition back to the default: that is a struct sigaction of zeros. */
export const defaultSignal = (signal: number): number => setSignalAction(signal, new Uint8Array(32));

/** kill(2). Returns -errno on failure. */
export const kill = (pid: number, signal: number): number => attempt("kill", pid, signal);

/** How a process ended: `status` as a shell would say it (128+N for signal N). */
export interface Exit {
  status: number;
  signal: number;
}

/** wait4(2) for one child. Undefined where it has not ended and `block` is false, or is no child of ours. */
export function wait(pid: number, block = true): { pid: number; exit: Exit } | undefined {
  const status = new Int32Array(1);
  for (;;) {
    const ended = attempt("wait4", pid, new Uint8Array(status.buffer), block ? 0 : WNOHANG, null);
    if (ended === -EINTR) continue;
    if (ended <= 0) return undefined;
    const signal = status[0]! & 0x7f;
    return { pid: ended, exit: { status: signal ? 128 + signal : (status[0]! >> 8) & 0xff, signal } };
  }
}

/** Ends this process at once; no JS exit work, no atexit. */
export function exit(status: number): never {
  attempt("exit_group", status);
  throw new Error("unreachable");
}

export const getpid = (): number => attempt("getpid");
/** The process group that we are in. */
export const getpgrp = (): number => attempt("getpgid", 0);
export const getppid = (): number => attempt("getppid");
export const geteuid = (): number => attempt("geteuid");
export const getegid = (): number => attempt("getegid");

/** pidfd_open(2). @throws SysError */
export const pidfdOpen = (pid: number): number => call("pidfd_open", pid, 0);

/** pidfd_open(2): a descriptor, or -errno. */
export const tryPidfdOpen = (pid: number): number => attempt("pidfd_open", pid, 0);

/** int pidfd_send_signal(int pidfd, int sig, NULL, 0): 0, or -errno. Never reaches a stranger who has the pid by now. */
export const tryPidfdSendSignal = (pidfd: number, signal: number): number =>
  attempt("pidfd_send_signal", pidfd, signal, null, 0);

/** pid_t setsid(void): this process leads a new session, which has no terminal yet. @throws SysError */
export const setsid = (): number => call("setsid");

/** int personality(unsigned long persona): the one before, or -errno. 0 is that of a plain Linux program. */
export const tryPersonality = (persona: number): number => attempt("personality", persona);

const KEYCTL_JOIN_SESSION_KEYRING = 1;

/** long keyctl(KEYCTL_JOIN_SESSION_KEYRING, NULL), a new keyring without a name: its serial number, or -errno. */
export const tryJoinSessionKeyring = (): number => attempt("keyctl", KEYCTL_JOIN_SESSION_KEYRING, null);

/** int prctl(PR_SET_NAME, const char *name): what ps(1) and /proc/PID/comm show. @throws SysError */
export const setName = (name: string): number => call("prctl", PR.PR_SET_NAME, name);

/** int prctl(PR_SET_DUMPABLE, 1): /proc/PID belongs to the process's own user again. @throws SysError */
export const setDumpable = (): number => call("prctl", PR.PR_SET_DUMPABLE, 1, 0, 0, 0);

/** A signal to this process when its parent thread ends; only as good as the check that the parent still lived. */
export const setParentDeathSignal = (signal: number): number =>
  call("prctl", PR.PR_SET_PDEATHSIG, signal, 0, 0, 0);

/** Orphans below this process become its children (prctl(2)). @throws SysError */
export const becomeSubreaper = (): number => call("prctl", PR.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);

/** Soft and hard limit of a process (0 is this one), prlimit(2). */
export function getRlimit(pid: number, resource: number): { soft: bigint; hard: bigint } | undefined {
  const old = new BigUint64Array(2);
  if (attempt("prlimit64", pid, resource, null, new Uint8Array(old.buffer)) < 0) return undefined;
  return { soft: old[0]!, hard: old[1]! };
}

/** prlimit(2) on this process. @throws SysError */
export function setRlimit(resource: number, soft: bigint, hard: bigint): void {
  const limits = new BigUint64Array([soft, hard]);
  call("prlimit64", 0, resource, new Uint8Array(limits.buffer), null);
}

/** int madvise(void *start, size_t length, int advice), of memory by its address: 0, or -errno. */
export const tryMadvise = (start: number, length: number, advice: number): number =>
  attempt("madvise", start, length, advice);

/** Sets real, effective and saved ids and the supplementary groups, groups first while we may. @throws SysError */
export function setIdentity(uid: number, gid: number, groups: readonly number[] | undefined): void {
  if (groups) {
    const list = new Uint32Array(groups);
    call("setgroups", groups.length, groups.length ? new Uint8Array(list.buffer) : null);
  }
  call("setresgid", gid, gid, gid);
  call("setresuid", uid, uid, uid);
}

/** What /proc/PID/status says of a process; undefined when it is gone. */
export const procStatus = (pid: number): string | undefined => tryReadFile(`/proc/${pid}/status`);

/**
 * When a process started, in clock ticks after boot: with the pid, what tells it from all others. 0 where it is gone
 * (proc_pid_stat(5), field 22; the name before it, in parentheses, may hold anything).
 */
export function startTime(pid: number): number {
  const stat = tryReadFile(`/proc/${pid}/stat`) ?? "";
  return Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19] ?? 0);
}

/** True while the process that started then is there and has not ended (a zombie has). */
export function isRunning(pid: number, start: number): boolean {
  const stat = start > 0 ? (tryReadFile(`/proc/${pid}/stat`) ?? "") : "";
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return Number(fields[19] ?? 0) === start && fields[0] !== "Z" && fields[0] !== "X";
}

/** All that descend from a process, itself not among them (proc_tid_children(5)). */
export function descendants(pid: number): number[] {
  const found: number[] = [];
  for (const word of (tryReadFile(`/proc/${pid}/task/${pid}/children`) ?? "").trim().split(" "))
    if (word !== "") found.push(Number(word), ...descendants(Number(word)));
  return found;
}

/** True while a process exists, zombie or not. */
export const exists = (pid: number): boolean => kill(pid, 0) !== -ESRCH;

/** SIGTERM for "TERM", "SIGTERM", "term" or "15"; undefined for what is no signal. */
export function signalNumber(name: string): number | undefined {
  const upper = name.toUpperCase().replace(/^SIG/, "");
  if (/^\d+$/.test(upper)) return Number(upper) >= 1 && Number(upper) <= 64 ? Number(upper) : undefined;
  return (SIGNALS as Record<string, number>)[upper];
}

/** struct timespec of a duration. */
export function timespec(milliseconds: number): Uint8Array {
  // no BigInt: its first use costs 0.1 ms, and every run waits with one of these
  const rest = Math.max(milliseconds, 0);
  const words = new Uint32Array(new ArrayBuffer(16));
  const seconds = rest / 1000;
  putLong(words, 0, seconds);
  putLong(words, 2, (rest - (words[0]! + words[1]! * 2 ** 32) * 1000) * 1e6);
  return new Uint8Array(words.buffer);
}

/** Sleeps; only where there is nothing to wait for. */
export const pause = (milliseconds: number): number =>
  attempt("ppoll", null, 0, timespec(milliseconds), null, 8);
