import { PR, SIGNALS, WNOHANG } from "./constants.ts";
import { EINTR } from "./errno.ts";
import { tryReadFile } from "./file.ts";
import { attempt, call } from "./libc.ts";

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

/** SIGTERM for "TERM", "SIGTERM", "term" or "15"; undefined for what is no signal. */
export function signalNumber(name: string): number | undefined {
  const upper = name.toUpperCase().replace(/^SIG/, "");
  if (/^\d+$/.test(upper)) return Number(upper) >= 1 && Number(upper) <= 64 ? Number(upper) : undefined;
  return (SIGNALS as Record<string, number>)[upper];
}
