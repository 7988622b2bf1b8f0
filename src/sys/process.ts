// Owns processes: their signals, their ends, their ids and limits, and what /proc says of them.

import { PR, WNOHANG } from "./constants.ts";
import { EINTR } from "./errno.ts";
import { tryReadFile } from "./file.ts";
import { attempt, call } from "./libc.ts";
import { namesOf } from "./names-of.ts" with { type: "macro" };

/** int kill(pid_t pid, int sig): 0, or -errno. */
export function kill(pid: number, signal: number): number {
  return attempt("kill", pid, signal);
}

/** How a process ended: `status` is what a shell says, 128+N for signal N; `signal` is 0 for a process that exited. */
export interface Exit {
  status: number;
  signal: number;
}

/**
 * pid_t wait4(pid_t pid, int *status, int options, NULL): how a child ended, -1 for any child. Undefined where it is no
 * child of this process, and, without `block`, where it has not ended.
 */
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

/** void exit_group(int status): ends this process at once. Nothing of Bun's or libc's runs before. */
export function exit(status: number): never {
  attempt("exit_group", status);
  throw new Error("unreachable");
}

export function getpid(): number {
  return attempt("getpid");
}
/** pid_t getpgid(0): the process group of this process. */
export function getpgrp(): number {
  return attempt("getpgid", 0);
}
export function getppid(): number {
  return attempt("getppid");
}
export function geteuid(): number {
  return attempt("geteuid");
}
export function getegid(): number {
  return attempt("getegid");
}

/** int pidfd_open(pid_t pid, 0), close-on-exec. @throws SysError */
export function pidfdOpen(pid: number): number {
  return call("pidfd_open", pid, 0);
}

/** More than the kernel gives (PID_MAX_LIMIT). */
const NO_PROCESS = 2 ** 31 - 1;

/** The pid that a pidfd stands for (pidfd_open(2)); one that no process has where somebody has waited for that process. */
export function pidOf(pidfd: number): number {
  const info = tryReadFile(`/proc/self/fdinfo/${pidfd}`) ?? "";
  const at = info.indexOf("\nPid:\t");
  const pid = at < 0 ? 0 : Number.parseInt(info.slice(at + 6), 10);
  return pid > 0 ? pid : NO_PROCESS;
}

/** pidfd_open(2): a descriptor, or -errno. */
export function tryPidfdOpen(pid: number): number {
  return attempt("pidfd_open", pid, 0);
}

/**
 * int pidfd_send_signal(int pidfd, int sig, NULL, 0): 0, or -errno. Another process that has the pid by now does not
 * get it.
 */
export function tryPidfdSendSignal(pidfd: number, signal: number): number {
  return attempt("pidfd_send_signal", pidfd, signal, null, 0);
}

/** pid_t setsid(void): this process leads a new session, which has no terminal yet. @throws SysError */
export function setsid(): number {
  return call("setsid");
}

/** int personality(unsigned long persona): the one before, or -errno. 0 is that of a plain Linux program. */
export function tryPersonality(persona: number): number {
  return attempt("personality", persona);
}

const KEYCTL_JOIN_SESSION_KEYRING = 1;

/** long keyctl(KEYCTL_JOIN_SESSION_KEYRING, NULL), a new keyring without a name: its serial number, or -errno. */
export function tryJoinSessionKeyring(): number {
  return attempt("keyctl", KEYCTL_JOIN_SESSION_KEYRING, null);
}

/** int prctl(PR_SET_NAME, const char *name): what ps(1) and /proc/PID/comm show. @throws SysError */
export function setName(name: string): number {
  return call("prctl", PR.PR_SET_NAME, name);
}

/** int prctl(PR_SET_DUMPABLE, 1): /proc/PID belongs to the process's own user again. @throws SysError */
export function setDumpable(): number {
  return call("prctl", PR.PR_SET_DUMPABLE, 1, 0, 0, 0);
}

/**
 * int prctl(PR_SET_PDEATHSIG, int sig): this process gets the signal when the thread that started it ends. A parent that
 * has ended before the call sends none, so the caller must look for it afterwards. @throws SysError
 */
export function setParentDeathSignal(signal: number): number {
  return call("prctl", PR.PR_SET_PDEATHSIG, signal, 0, 0, 0);
}

/** int prctl(PR_SET_CHILD_SUBREAPER, 1): orphans below this process become its children. @throws SysError */
export function becomeSubreaper(): number {
  return call("prctl", PR.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
}

/** int prlimit(pid_t pid, int resource, NULL, struct rlimit *old), 0 for this process; undefined where it fails. */
export function getRlimit(pid: number, resource: number): { soft: bigint; hard: bigint } | undefined {
  const old = new BigUint64Array(2);
  if (attempt("prlimit64", pid, resource, null, new Uint8Array(old.buffer)) < 0) return undefined;
  return { soft: old[0]!, hard: old[1]! };
}

/** int prlimit(0, int resource, const struct rlimit *limit, NULL), of this process. @throws SysError */
export function setRlimit(resource: number, soft: bigint, hard: bigint): void {
  const limits = new BigUint64Array([soft, hard]);
  call("prlimit64", 0, resource, new Uint8Array(limits.buffer), null);
}

/**
 * setgroups(2), setresgid(2), setresuid(2), in this order: the capability that the first two need goes with user id 0.
 * Undefined groups stay as they are. @throws SysError
 */
export function setIdentity(uid: number, gid: number, groups: readonly number[] | undefined): void {
  if (groups) {
    const list = new Uint32Array(groups);
    call("setgroups", groups.length, groups.length ? new Uint8Array(list.buffer) : null);
  }
  call("setresgid", gid, gid, gid);
  call("setresuid", uid, uid, uid);
}

/** The text of /proc/PID/status; undefined where there is no such process. */
export function procStatus(pid: number): string | undefined {
  return tryReadFile(`/proc/${pid}/status`);
}

/**
 * When a process started, in clock ticks after boot; 0 where there is no such process. No two processes share pid and
 * start. It is field 22 of proc_pid_stat(5), counted after the last ")", for the name in parentheses may hold anything.
 */
export function startTime(pid: number): number {
  const stat = tryReadFile(`/proc/${pid}/stat`) ?? "";
  return Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19] ?? 0);
}

/** The fields of proc_pid_stat(5) from the third on; none where there is no such process. */
function statOf(pid: number): string[] {
  const stat = tryReadFile(`/proc/${pid}/stat`) ?? "";
  return stat.slice(stat.lastIndexOf(")") + 2).split(" ");
}

/** True while a process with this pid and start runs. A zombie has ended. */
export function isRunning(pid: number, start: number): boolean {
  if (start <= 0) return false;
  const fields = statOf(pid);
  return Number(fields[19] ?? 0) === start && fields[0] !== "Z" && fields[0] !== "X";
}

/**
 * True for a process in another pid namespace than this one: NSpid in proc_pid_status(5) has its pid in each namespace
 * from that of /proc down.
 */
export function isBelowOurPidNamespace(pid: number): boolean {
  const status = tryReadFile(`/proc/${pid}/status`) ?? "";
  const at = status.indexOf("\nNSpid:\t");
  if (at < 0) return false;
  return status.slice(at + 8, status.indexOf("\n", at + 1)).includes("\t");
}

/** True where a process was stopped by a signal (T) or a tracer (t), and does nothing until it is continued. */
export function isStopped(pid: number): boolean {
  return ["T", "t"].includes(statOf(pid)[0] ?? "");
}

/** The pids of a process's children, of their children, and so on (proc_tid_children(5)). */
export function descendants(pid: number): number[] {
  const found: number[] = [];
  // more than there are pids (PID_MAX_LIMIT) are found only where processes come and go meanwhile
  for (let next: number | undefined = pid, i = 0; next !== undefined && i < 2 ** 22; next = found[i++])
    for (const word of (tryReadFile(`/proc/${next}/task/${next}/children`) ?? "").split(" "))
      if (word !== "") found.push(Number(word));
  return found;
}

/** SIGTERM for "TERM", "SIGTERM", "term" or "15"; undefined for what is no signal. */
export function signalNumber(name: string): number | undefined {
  const upper = name.toUpperCase().replace(/^SIG/, "");
  if (/^\d+$/.test(upper)) return Number(upper) >= 1 && Number(upper) <= 64 ? Number(upper) : undefined;
  return namesOf("SIGNALS")[upper];
}
