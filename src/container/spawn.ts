// Owns bringing the child to life: this binary again, first process of a new pid namespace.

import { RunError } from "../errors.ts";
import type { Namespace } from "../spec/types.ts";
import { CHILD_ENVIRONMENT, send } from "../sync.ts";
import { CLONE } from "../sys/constants.ts";
import { SysError } from "../sys/errno.ts";
import { close, open, setCloexec } from "../sys/file.ts";
import { step } from "../sys/libc.ts";
import { fdPath } from "../sys/mount.ts";
import { openNamespace, trySetns } from "../sys/namespace.ts";
import { becomeSubreaper, type Exit, pidfdOpen, wait } from "../sys/process.ts";
import { socketpair } from "../sys/socket.ts";
import { spawnInPidNamespace, trySpawn } from "../sys/spawn.ts";
import { cloneExecutable, openExecutable } from "./executable.ts";

export interface Child {
  /** in a user namespace first the process that makes it, then the container's own */
  pid: number;
  pidfd: number;
  /** -1 once it is closed */
  socket: number;
  /** how it ended, once it was waited for: from then on its pid may be another's */
  exit: Exit | undefined;
}

/** Waits for a child's end, once. */
export function bury(child: Child): Exit {
  child.exit ??= wait(child.pid)?.exit ?? { status: 125, signal: 0 };
  return child.exit;
}

/** Closes our end of the socket: a child that has not become the command yet ends. */
export function hangUp(child: Pick<Child, "socket">): void {
  if (child.socket >= 0) close(child.socket);
  child.socket = -1;
}

/** What every `run` asks for. */
export const NEW_PID: readonly Namespace[] = [{ type: "pid" }];

/**
 * The caller may make no pid namespace here, but it may in a user namespace of its own (unshare -Ur, no CAP_SYS_ADMIN).
 */
export class UserNamespaceNeeded extends Error {}

/**
 * Spawns `/proc/self/exe child` in the pid namespace that these namespaces of a spec ask for: a new one, one with a
 * path, or where there is none of that type, ours. The child waits for its request, and ends by itself when our end of
 * the socket closes. @throws UserNamespaceNeeded, RunError, SysError
 */
export function spawnChild(namespaces: readonly Namespace[]): Child {
  const place = namespaces.findIndex(({ type }) => type === "pid");
  const path = namespaces[place]?.path;
  const own = place < 0 ? -1 : openOwnPidNamespace();
  const joined = path === undefined ? -1 : openPidNamespace(path, place);
  const [ours, theirs] = socketpair();
  setCloexec(theirs, false);
  const executable = openExecutable();
  step("spawn /proc/self/exe child", "the same binary again, in the container's pid namespace");
  const file = fdPath(executable);
  const words = ["minibox", "child", String(theirs)];
  const pid =
    own < 0
      ? trySpawn(file, words, CHILD_ENVIRONMENT)
      : spawnInPidNamespace(joined, own, file, words, CHILD_ENVIRONMENT);
  for (const fd of [executable, own, joined, theirs]) if (fd >= 0) close(fd);
  if (pid < 0) throw new SysError("posix_spawn", ["/proc/self/exe"], -pid, "spawn /proc/self/exe child");
  return { pid, pidfd: pidfdOpen(pid), socket: ours, exit: undefined };
}

/** The way back into our own pid namespace, which must be open before we turn to another one. */
function openOwnPidNamespace(): number {
  const own = open("/proc/self/ns/pid", 0);
  if (trySetns(own, CLONE.CLONE_NEWPID) === 0) return own;
  close(own);
  throw new UserNamespaceNeeded();
}

function openPidNamespace(path: string, place: number): number {
  const field = `linux.namespaces[${place}].path`;
  step(`join the pid namespace ${path} (${field})`);
  const fd = openNamespace(path, CLONE.CLONE_NEWPID);
  if (fd !== undefined) return fd;
  throw new RunError(`: ${path} is no namespace of the type pid`, 125, undefined, field);
}

/**
 * Spawns `/proc/self/exe userns`, which enters a user namespace and starts the child in there (child/userns.ts); of the
 * container's namespaces it enters that and the pid one. @throws SysError
 */
export function spawnUserNamespace(trace: boolean, namespaces: readonly Namespace[] = NEW_PID): Child {
  const [ours, theirs] = socketpair();
  setCloexec(theirs, false);
  step(
    "spawn /proc/self/exe userns",
    "the same binary again, to make a user namespace and start the child inside it",
  );
  becomeSubreaper(); // its child becomes ours when it ends
  const tree = cloneExecutable();
  // before the spawn, while the other end is open for certain
  send(ours, { type: "enter", enter: { namespaces, seal: tree < 0, trace } });
  const words = ["minibox", "userns", String(theirs)];
  const pid = trySpawn(tree < 0 ? "/proc/self/exe" : fdPath(tree), words, CHILD_ENVIRONMENT);
  if (tree >= 0) close(tree);
  close(theirs);
  if (pid < 0) throw new SysError("posix_spawn", ["/proc/self/exe"], -pid, "spawn /proc/self/exe userns");
  return { pid, pidfd: pidfdOpen(pid), socket: ours, exit: undefined };
}
