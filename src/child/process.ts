// Owns the last steps before the user's program: limits, directory, identity, descriptors, signals, execve.

import type { Process } from "../spec/types.ts";
import type { ChildRequest } from "../sync.ts";
import { tryFchown, umask } from "../sys/access.ts";
import { CLOSE_RANGE_CLOEXEC, F_SETFD, O, RESOLVE } from "../sys/constants.ts";
import { closeRange, dup3, LAST_DESCRIPTOR, tryFcntl } from "../sys/descriptor.ts";
import { tryChdir, tryGetcwd } from "../sys/directory.ts";
import { EACCES, ENAMETOOLONG, ENOENT, ENOTDIR, EPERM, isErrno, SysError } from "../sys/errno.ts";
import { close, open, tryOpenat2, tryReadFile, withFd } from "../sys/file.ts";
import { step } from "../sys/libc.ts";
import { RLIMITS } from "../sys/names.ts";
import { getRlimit, setIdentity, setRlimit } from "../sys/process.ts";
import { defaultSignal, setSignalMask, signalSet, THREAD_SIGNALS } from "../sys/signal.ts";
import { execve } from "../sys/spawn.ts";
import { isPipe } from "../sys/statfs.ts";
import { makePlace } from "./mount-points.ts";
import { Refusal } from "./refusal.ts";

/** RLIMIT_*'s number. */
export const rlimitNumber = (type: string): number => RLIMITS.indexOf(type as (typeof RLIMITS)[number]);

/**
 * Applies rlimits (setrlimit(2)); what the spec does not name stays the caller's. An init only raises the hard ones
 * that the command is to have higher, while it may, and leaves the rest to the command's start. @throws SysError
 */
export function setRlimits({ rlimits }: Process, init: boolean): void {
  for (const { type, soft, hard } of rlimits ?? []) {
    step(`set ${type} to ${soft}:${hard}`);
    const resource = rlimitNumber(type);
    const now = init ? getRlimit(0, resource) : undefined;
    if (!now) setRlimit(resource, BigInt(soft), BigInt(hard));
    else if (now.hard < BigInt(hard)) setRlimit(resource, now.soft, BigInt(hard));
  }
}

/** Makes the working directory where it is missing, while the root can still be written. @throws SysError, Refusal */
export function makeDirectory(root: number, { cwd }: Pick<Process, "cwd">): void {
  const fd = tryOpenat2(root, cwd, O.O_PATH, RESOLVE.RESOLVE_IN_ROOT);
  if (fd >= 0) close(fd);
  else if (fd === -ENOENT) makePlace(root, cwd, "directory", false, `the working directory ${cwd}`);
}

/** chdir(2) to the working directory, made first where it is missing; false where root may not. @throws SysError, Refusal */
export function tryChangeDirectory({ cwd }: Process): boolean {
  step(`change to the directory ${cwd}`);
  let result = tryChdir(cwd);
  if (result === -ENOENT) {
    withFd(open("/", O.O_PATH | O.O_DIRECTORY), (root) => makeDirectory(root, { cwd }));
    result = tryChdir(cwd);
  }
  if (result >= 0) checkInside(cwd);
  return result >= 0;
}

/** The second try, with the user's own rights, decides. @throws SysError, Refusal */
export function changeDirectory({ cwd }: Process): void {
  const result = tryChdir(cwd);
  if (result < 0) throw new SysError("chdir", [cwd], -result, `change to the directory ${cwd}`);
  checkInside(cwd);
}

/** A directory outside the root, got at through a descriptor, has no path that starts with "/" (CVE-2024-21626). */
function checkInside(cwd: string): void {
  const path = tryGetcwd();
  if (typeof path === "string" && !path.startsWith("/"))
    throw new Refusal(`the working directory ${cwd} is outside of the container's root`);
}

/** Takes on the user's ids, umask and, unless the kernel keeps them as they are, groups. @throws SysError */
export function becomeUser({ user }: Process, keepGroups: boolean): void {
  const { uid, gid, additionalGids } = user;
  if (user.umask !== undefined) umask(user.umask); // else the parent's, which is the default
  step(`become user ${uid}, group ${gid}`, "with the supplementary groups of the container's own /etc/group");
  if (uid !== 0) ownPipes(uid);
  const groups = additionalGids ?? [];
  try {
    setIdentity(uid, gid, keepGroups ? undefined : groups);
  } catch (error) {
    // root of a user namespace that somebody else made
    const isDenied =
      isErrno(error, EPERM) &&
      error.syscall === "setgroups" &&
      groups.length === 0 &&
      tryReadFile("/proc/self/setgroups")?.trim() === "deny";
    if (!isDenied) throw error;
    setIdentity(uid, gid, undefined);
  }
}

/**
 * A pipe belongs to whoever made it, and opening it anew through /dev/stdout takes its permission, which a container's
 * user needs for its logs. Where the pipe is none of this user namespace's ids, the parent has seen to it.
 */
function ownPipes(uid: number): void {
  for (const fd of [0, 1, 2]) if (isPipe(fd)) tryFchown(fd, uid, -1);
}

/** Puts right what Bun and the caller did to descriptors and signals; what remains open is 0, 1, 2. */
export function leaveNothingOpen(
  terminal: number | undefined,
  { options, host: { terminalDescriptors = [], ignoredSignals } }: ChildRequest,
): void {
  step("leave nothing of the host's behind", "only stdin, stdout and stderr pass; signals are as after boot");
  for (const fd of [0, 1, 2])
    if (terminal !== undefined && terminalDescriptors.includes(fd)) dup3(terminal, fd, 0);
    // a standard descriptor that the caller had closed is Bun's own, close-on-exec
    else tryFcntl(fd, F_SETFD, 0);
  closeRange(3, LAST_DESCRIPTOR, CLOSE_RANGE_CLOEXEC);
  // an ignored signal stays so over execve
  for (const signal of ignoredSignals) defaultSignal(signal);
  for (const signal of THREAD_SIGNALS) defaultSignal(signal);
  // an init keeps all blocked, as they are, and gives the command an empty mask
  if (!options.init) setSignalMask(signalSet([]));
}

/** execve(2), along the PATH of the container for a name without a slash. @throws SysError; never returns */
export function execute({ args, env = [] }: Process): never {
  const command = args[0]!;
  let worst = ENOENT;
  for (const path of candidates(command, env)) {
    step(`execute ${path}`, "minibox ends here: PID 1 is the program itself");
    const errno = -execve(path, args, env);
    if (!TRY_NEXT.has(errno)) throw new SysError("execve", [path], errno, `execute ${path}`);
    // a file that is there and may not be run says more than the directories where there is none
    if (errno === EACCES || errno === EPERM) worst = errno;
  }
  throw new SysError("execve", [command], worst, `execute ${command}`);
}

export const TRY_NEXT = new Set([ENOENT, ENOTDIR, EACCES, EPERM, ENAMETOOLONG]);

/** The files that a command name may mean, as execvp(3) tries them. */
export function candidates(command: string, env: readonly string[]): string[] {
  if (command.includes("/")) return [command];
  if (command === "") return [];
  let path = "/usr/local/bin:/usr/bin:/bin";
  for (const entry of env) if (entry.startsWith("PATH=")) path = entry.slice(5);
  const files: string[] = [];
  for (const directory of path.split(":")) files.push(`${directory || "."}/${command}`);
  return files;
}
