// Owns finding out why execve(2) failed: the kernel says ENOENT, and a person needs to know what is missing. The child
// waits meanwhile, so its root, its mounts and its user can be looked at.
//
// The exit status is the one of POSIX for a command that cannot be executed, as in dash. 127: the command's name leads
// to no file (nothing is there, a link leads to nothing, a file stands where a directory should). 126: a file is there
// and cannot be executed for any other reason, such as a missing interpreter or loader; or the user may not look it up.

import { RunError } from "../errors.ts";
import type { Process, Spec } from "../spec/types.ts";
import type { FromChild } from "../sync.ts";
import { O } from "../sys/constants.ts";
import {
  E2BIG,
  EACCES,
  EAGAIN,
  ELOOP,
  ENAMETOOLONG,
  ENOENT,
  ENOMEM,
  ENOTDIR,
  EPERM,
  ETXTBSY,
  errnoText,
} from "../sys/errno.ts";
import { open, readFileBytes, tryReadFile, withFd } from "../sys/file.ts";
import { untraced } from "../sys/libc.ts";
import { RLIMITS } from "../sys/names.ts";
import { getRlimit } from "../sys/process.ts";
import { hasFileCapabilities } from "../sys/statfs.ts";
import { Budget, BudgetSpent } from "./budget.ts";
import { noMemory, tooBig, tooManyProcesses } from "./limits.ts";
import { hostPath, readMountinfo } from "./mounts.ts";
import { identityOf, NOT_EXECUTABLE, NOT_FOUND, type Place, type Reason, shown } from "./place.ts";
import { reasonFor } from "./program.ts";
import { overlong } from "./reach.ts";
import { foundOnPath, notOnPath } from "./search.ts";
import { openFound, walk } from "./walk.ts";

/**
 * Returns the error for a failed execve. `pid` is the child, which still waits: the command was looked for in its root,
 * /proc/PID/root. `isWanted` is asked now and then; once it says no, or the budget is spent, the reason is the plain
 * errno. Never throws, as long as `isWanted` does not.
 */
export function explainExec(
  error: Extract<FromChild, { type: "error" }>,
  pid: number,
  spec: Spec,
  isWanted: () => boolean,
): Error {
  const { errno } = error;
  const path = typeof error.args[0] === "string" ? error.args[0] : spec.process.args[0]!;
  try {
    // under an init the command is a second process, beside PID 1
    const isSpawn = error.step.startsWith("spawn ");
    return untraced(() => worded(path, errno, pid, spec, isSpawn, new Budget(isWanted)));
  } catch {
    // an error in the explanation must not hide the error that is explained
    return runError(path, plain(errno));
  }
}

const runError = (path: string, { what, status, hint }: Reason): RunError =>
  new RunError(path === "" ? what : `${shown(path)}: ${what}`, status, hint);

/** The reason in the kernel's own words, where nothing better was found. `isThere`: the command's name leads to a file. */
const plain = (errno: number, isThere = false): Reason => ({
  what: errnoText(errno),
  status: !isThere && [ENOENT, ENOTDIR, ELOOP, ENAMETOOLONG].includes(errno) ? NOT_FOUND : NOT_EXECUTABLE,
});

function worded(
  command: string,
  errno: number,
  pid: number,
  spec: Spec,
  isSpawn: boolean,
  budget: Budget,
): RunError {
  // these paths mean something else for each process that opens them: minibox cannot see what the child saw
  if (/^\/+proc\/+(self|thread-self)\//.test(command)) return runError(command, plain(errno));
  const general = generalReason(command, errno, pid, spec, isSpawn);
  if (general) return runError(command, general);
  return withFd(open(`/proc/${pid}/root`, O.O_PATH | O.O_DIRECTORY), (root) => {
    const mountinfo = (): string => readMountinfo(pid, budget);
    const place = { root, spec, who: identityOf(pid, spec), mountinfo, budget };
    const path = command.includes("/") ? command : foundOnPath(place, command);
    if (path === undefined) return runError(command, notOnPath(place, command));
    return runError(path, fileReason(place, path, errno));
  });
}

/** Returns why the file of this path cannot be executed. */
function fileReason(place: Place, path: string, errno: number): Reason {
  const unexplained = plain(errno, walk(place, path).end === "found");
  try {
    return reasonFor(place, path, errno) ?? lastReason(place, path, errno) ?? unexplained;
  } catch (error) {
    if (error instanceof BudgetSpent) return unexplained;
    throw error;
  }
}

/** Returns a reason that can be told without looking at the file, if it is one of those. */
function generalReason(
  path: string,
  errno: number,
  pid: number,
  spec: Spec,
  isSpawn: boolean,
): Reason | undefined {
  switch (errno) {
    case E2BIG: {
      const stack = getRlimit(pid, RLIMITS.indexOf("RLIMIT_STACK"))?.soft ?? 0n;
      return tooBig(path, spec.process, stack, pageSize());
    }
    case ENOMEM:
      return noMemory(spec);
    case EAGAIN:
      return tooManyProcesses(spec, isSpawn);
    case ETXTBSY:
      return {
        what: "it is open for writing: a program cannot be executed while it is written",
        status: NOT_EXECUTABLE,
        hint: "wait until the copy or the download has ended; fuser -v FILE on the host names who writes it",
      };
    default:
      // checked for every errno: a child that searches a PATH goes on after ENAMETOOLONG and reports another one
      return overlong(path);
  }
}

/** The reason for EACCES or EPERM where nothing that was checked is wrong with the file. */
function lastReason(place: Place, path: string, errno: number): Reason | undefined {
  if (errno !== EACCES && errno !== EPERM) return undefined;
  const { at } = walk(place, path);
  const [capable, host] = withFd(openFound(place, at), (fd) => [
    hasFileCapabilities(fd),
    hostPath(place, at, fd),
  ]);
  if (errno === EPERM && capable)
    return {
      what: "it has file capabilities (setcap) that the container is not allowed",
      status: NOT_EXECUTABLE,
      hint: host && `getcap ${host} shows them, setcap -r ${host} removes them`,
    };
  const modules = tryReadFile("/sys/kernel/security/lsm")?.trim();
  return {
    what: `${errnoText(errno)}, though its mode and its mount allow it`,
    status: NOT_EXECUTABLE,
    hint:
      forbiddenByLabel(place.spec.process, errno) ??
      `an access control list (getfacl) or a security module forbids it${modules ? ` (active: ${modules})` : ""}: see dmesg`,
  };
}

/** A hint for SELinux: under no_new_privs its policy must allow the change of label by a permission of its own. */
function forbiddenByLabel({ selinuxLabel, noNewPrivileges }: Process, errno: number): string | undefined {
  if (selinuxLabel && errno === EPERM && noNewPrivileges)
    return `under no_new_privs a process takes on ${selinuxLabel} only where the SELinux policy allows nnp_transition: add that, or set process.noNewPrivileges to false`;
  return undefined;
}

/**
 * Returns the page size in bytes: AT_PAGESZ in the auxiliary vector, which consists of pairs of words (getauxval(3)).
 */
function pageSize(): number {
  const bytes = readFileBytes("/proc/self/auxv");
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const AT_PAGESZ = 6n;
  for (let at = 0; at + 16 <= bytes.length; at += 16)
    if (view.getBigUint64(at, true) === AT_PAGESZ) return Number(view.getBigUint64(at + 8, true));
  return 4096;
}
