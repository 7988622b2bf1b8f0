// Owns bringing the child to life: this binary again, first process of a new pid namespace.

import type { Namespace } from "../spec/types.ts";
import { CHILD_ENVIRONMENT, send } from "../sync.ts";
import { CLONE } from "../sys/constants.ts";
import { SysError } from "../sys/errno.ts";
import { close, open, setCloexec } from "../sys/file.ts";
import { step } from "../sys/libc.ts";
import { fdPath } from "../sys/mount.ts";
import {
  becomeSubreaper,
  type Exit,
  pidfdOpen,
  spawnInNewNamespace,
  trySpawn,
  wait,
} from "../sys/process.ts";
import { socketpair } from "../sys/socket.ts";
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
export function hangUp(child: Child): void {
  if (child.socket >= 0) close(child.socket);
  child.socket = -1;
}

/**
 * Spawns `/proc/self/exe child`. It waits for its request, and ends by itself when our end of the socket closes.
 * Blocked signals stay blocked in it. @throws SysError
 */
export function spawnChild(): Child {
  const [ours, theirs] = socketpair();
  setCloexec(theirs, false);
  const own = open("/proc/self/ns/pid", 0);
  const executable = openExecutable();
  step("spawn /proc/self/exe child", "the same binary again, as the first process of a new pid namespace");
  const words = ["minibox", "child", String(theirs)];
  const pid = spawnInNewNamespace(CLONE.CLONE_NEWPID, own, fdPath(executable), words, CHILD_ENVIRONMENT);
  close(executable);
  close(own);
  close(theirs);
  if (pid < 0) throw new SysError("posix_spawn", ["/proc/self/exe"], -pid, "spawn /proc/self/exe child");
  return { pid, pidfd: pidfdOpen(pid), socket: ours, exit: undefined };
}

/**
 * Spawns `/proc/self/exe userns`, which enters a user namespace and starts the child in there (child/userns.ts); of the
 * container's namespaces it enters that and the pid one. @throws SysError
 */
export function spawnUserNamespace(
  trace: boolean,
  namespaces: readonly Namespace[] = [{ type: "pid" }],
): Child {
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
