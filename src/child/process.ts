// Owns the attributes of the process that runs the user's program: rlimits, working directory, user, descriptors,
// signals, and the execve(2) itself.

import type { Process, Rlimit } from "../spec/types.ts";
import type { ChildRequest } from "../sync.ts";
import { tryFchown, umask } from "../sys/access.ts";
import { CLOSE_RANGE_CLOEXEC, O, RESOLVE } from "../sys/constants.ts";
import { closeRange, LAST_DESCRIPTOR } from "../sys/descriptor.ts";
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

/** Returns the number of an RLIMIT_* name (getrlimit(2)). */
export function rlimitNumber(type: string): number {
  return RLIMITS.indexOf(type as (typeof RLIMITS)[number]);
}

/**
 * Sets the spec's rlimits (setrlimit(2)); the others stay the caller's. With `init`, the limits are set when the
 * command is started; here hard limits are only raised where the spec's are higher, while the process may.
 * @throws SysError
 */
export function setRlimits(rlimits: readonly Rlimit[], init: boolean): void {
  for (const { type, soft, hard } of rlimits) {
    step(`set ${type} to ${soft}:${hard}`);
    const resource = rlimitNumber(type);
    const now = init ? getRlimit(0, resource) : undefined;
    if (!now) setRlimit(resource, BigInt(soft), BigInt(hard));
    else if (now.hard < BigInt(hard)) setRlimit(resource, now.soft, BigInt(hard));
  }
}

/**
 * Makes the working directory where it is missing. Called before the root is made read-only. @throws SysError, Refusal
 */
export function makeDirectory(root: number, { cwd }: Pick<Process, "cwd">): void {
  const fd = tryOpenat2(root, cwd, O.O_PATH, RESOLVE.RESOLVE_IN_ROOT);
  if (fd >= 0) close(fd);
  else if (fd === -ENOENT) makePlace(root, cwd, "directory", false, `the working directory ${cwd}`);
}

/**
 * Changes to the working directory (chdir(2)), and makes it where it is missing. False where that fails, as it may for
 * root where only the user has permission. @throws SysError, Refusal
 */
export function tryChangeDirectory({ cwd }: Process): boolean {
  step(`change to the directory ${cwd}`);
  if (cwd === "/") return true; // changeRoot() has come here
  let result = tryChdir(cwd);
  if (result === -ENOENT) {
    withFd(open("/", O.O_PATH | O.O_DIRECTORY), (root) => makeDirectory(root, { cwd }));
    result = tryChdir(cwd);
  }
  if (result >= 0) checkInside(cwd);
  return result >= 0;
}

/**
 * Changes to the working directory with the user's rights, after tryChangeDirectory() failed. @throws SysError, Refusal
 */
export function changeDirectory({ cwd }: Process): void {
  const result = tryChdir(cwd);
  if (result < 0) throw new SysError("chdir", [cwd], -result, `change to the directory ${cwd}`);
  checkInside(cwd);
}

/**
 * Checks that the working directory is below the root. A path like /proc/self/fd/7 can lead outside, and getcwd(2) then
 * returns a path that does not start with "/" (CVE-2024-21626). @throws Refusal
 */
function checkInside(cwd: string): void {
  const path = tryGetcwd();
  if (typeof path === "string" && !path.startsWith("/"))
    throw new Refusal(`the working directory ${cwd} is outside of the container's root`);
}

/**
 * Takes on the user's ids, umask and groups; with `keepGroups` the kernel allows no change of groups. @throws SysError
 */
export function becomeUser({ user }: Process, keepGroups: boolean): void {
  const { uid, gid, additionalGids } = user;
  if (user.umask !== undefined) umask(user.umask); // else 022, inherited from the parent
  step(`become user ${uid}, group ${gid}`, "with the supplementary groups of the container's own /etc/group");
  if (uid !== 0) ownPipes(uid);
  const groups = additionalGids ?? [];
  try {
    setIdentity(uid, gid, keepGroups ? undefined : groups);
  } catch (error) {
    // minibox itself runs in a user namespace that allows no setgroups(2)
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
 * Makes the user the owner of pipes on 0, 1 and 2: opening /dev/stdout checks the pipe's permissions, and programs open
 * it to write logs. It fails for a pipe whose owner this user namespace does not map; such a pipe's owner was changed
 * by the parent (container/stdio.ts).
 */
function ownPipes(uid: number): void {
  for (const fd of [0, 1, 2]) if (isPipe(fd)) tryFchown(fd, uid, -1);
}

/**
 * Makes every descriptor but 0, 1 and 2 close-on-exec, and resets signals that Bun or the caller ignored.
 * @throws SysError
 */
export function resetDescriptorsAndSignals({ options, host: { ignoredSignals } }: ChildRequest): void {
  step(
    "close descriptors and reset signals",
    "the program gets stdin, stdout and stderr, and ignores no signal",
  );
  closeRange(3, LAST_DESCRIPTOR, CLOSE_RANGE_CLOEXEC);
  // a signal stays ignored over execve
  for (const signal of ignoredSignals) defaultSignal(signal);
  for (const signal of THREAD_SIGNALS) defaultSignal(signal);
  // an init keeps all signals blocked; it starts the command with an empty mask
  if (!options.init) setSignalMask(signalSet([]));
}

/** Executes the command (execve(2)); one without a slash is searched along the container's PATH. @throws SysError */
export function execute({ args, env = [] }: Process): never {
  const command = args[0]!;
  let worst = ENOENT;
  for (const path of candidates(command, env)) {
    step(`execute ${path}`, "minibox ends here: PID 1 is the program itself");
    const errno = -execve(path, args, env);
    if (!TRY_NEXT.includes(errno)) throw new SysError("execve", [path], errno, `execute ${path}`);
    // reported in the end instead of ENOENT: the file was found, and must not be executed
    if (errno === EACCES || errno === EPERM) worst = errno;
  }
  throw new SysError("execve", [command], worst, `execute ${command}`);
}

/** After these errors of execve(2) the next directory of the PATH is tried. */
export const TRY_NEXT: readonly number[] = [ENOENT, ENOTDIR, EACCES, EPERM, ENAMETOOLONG];

/** Returns the files that a command may stand for, in the order in which execvp(3) tries them. */
export function candidates(command: string, env: readonly string[]): string[] {
  if (command.includes("/")) return [command];
  if (command === "") return [];
  let path = "/usr/local/bin:/usr/bin:/bin";
  for (const entry of env) if (entry.startsWith("PATH=")) path = entry.slice(5);
  const files: string[] = [];
  for (const directory of path.split(":")) files.push(`${directory || "."}/${command}`);
  return files;
}
