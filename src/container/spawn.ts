// Owns spawning the child: minibox's own executable again, as the first process of the container's pid namespace.

import { RunError } from "../errors.ts";
import type { Namespace } from "../spec/types.ts";
import { CHILD_ENVIRONMENT, send } from "../sync.ts";
import { CLONE } from "../sys/constants.ts";
import { SysError } from "../sys/errno.ts";
import { close, open, setCloexec } from "../sys/file.ts";
import { spawnKept } from "../sys/keeper.ts";
import { step } from "../sys/libc.ts";
import { fdPath } from "../sys/mount.ts";
import { openNamespace, trySetns } from "../sys/namespace.ts";
import { becomeSubreaper, type Exit, pidfdOpen, pidOf, wait } from "../sys/process.ts";
import { socketpair } from "../sys/socket.ts";
import { spawnInPidNamespace, trySpawn } from "../sys/spawn.ts";
import { cloneExecutable, openExecutable } from "./executable.ts";
import { named } from "./stdio.ts";

export interface Child {
  /** where a user namespace is made, at first the process that makes it, then the container's first process */
  pid: number;
  pidfd: number;
  /** the parent's end; -1 once it is closed */
  socket: number;
  /**
   * the pid of the keeper (sys/keeper.ts), whose child the container's first process is, and which has that one's exit
   * code; undefined where that is this process's own child
   */
  keeper?: number | undefined;
  /** how the child ended, once it was waited for; from then on another process can get its pid */
  exit: Exit | undefined;
}

/** Waits for the child's end (wait4(2)); a second call returns the same again. */
export function reap(child: Child): Exit {
  child.exit ??= wait(child.keeper ?? child.pid)?.exit ?? { status: 125, signal: 0 };
  const { status } = child.exit;
  // what ended the program did not end its keeper, whose exit code says it as a shell's does
  if (child.keeper !== undefined && status > 128) child.exit.signal = status - 128;
  return child.exit;
}

/** Closes the parent's end of the socket. A child that is still minibox, and not yet the command, ends on that. */
export function closeSocket(child: Pick<Child, "socket">): void {
  if (child.socket >= 0) close(child.socket);
  child.socket = -1;
}

/** The namespaces for a container whose spec is not known yet: every `run` makes a pid namespace. */
export const NEW_PID: readonly Namespace[] = [{ type: "pid" }];

/**
 * This process has no CAP_SYS_ADMIN, so it can make a pid namespace only inside a user namespace that it makes first.
 */
export class UserNamespaceNeeded extends Error {}

/**
 * With whom a container ends: with this process, however that ends; or with nobody, for it is its caller's. This process can
 * only keep a container that has a pid namespace of its own.
 */
export type Owner = "supervisor" | "caller";

/** Waits until a child was executed, and returns it. @throws SysError */
export type Spawning = () => Child;

const SPAWN = "spawn /proc/self/exe child";

/**
 * Spawns `/proc/self/exe child` in the pid namespace that the spec's namespaces ask for: a new one, the one at a path,
 * or, where they name none of that type, this process's. The child waits for its request, and ends where the parent's
 * end of the socket closes before that. @throws UserNamespaceNeeded, RunError, SysError
 */
export function spawnChild(owner: Owner, namespaces: readonly Namespace[]): Spawning {
  let place = 0;
  while (place < namespaces.length && namespaces[place]!.type !== "pid") place++;
  const own = place < namespaces.length ? openOwnPidNamespace() : -1;
  const path = namespaces[place]?.path;
  const joined = path === undefined ? -1 : openPidNamespace(path, place);
  const [socket, childEnd] = socketpair();
  setCloexec(childEnd, false);
  const executable = openExecutable();
  const file = fdPath(executable);
  const words = ["minibox", "child", String(childEnd)];
  const closeAll = (): void => {
    for (const fd of [executable, own, joined, childEnd]) if (fd >= 0) close(fd);
  };
  if (owner === "supervisor" && own >= 0 && joined < 0) {
    step(
      SPAWN,
      "the same binary again, below a keeper, which ends when minibox does, and the container with it",
    );
    const awaitProgram = spawnKept(file, words, CHILD_ENVIRONMENT, "self", SPAWN);
    return () => {
      const { keeper, pidfd } = awaitProgram();
      closeAll();
      return { pid: pidOf(pidfd), pidfd, socket, keeper, exit: undefined };
    };
  }
  step(SPAWN, "the same binary again, in the container's pid namespace");
  const pid =
    own < 0
      ? trySpawn(file, words, CHILD_ENVIRONMENT)
      : spawnInPidNamespace(joined, own, file, words, CHILD_ENVIRONMENT);
  closeAll();
  if (pid < 0) throw new SysError("posix_spawn", ["/proc/self/exe"], -pid, SPAWN);
  const child: Child = { pid, pidfd: pidfdOpen(pid), socket, exit: undefined };
  return () => child;
}

/**
 * Opens this process's pid namespace, and makes sure that setns(2) can return to it. @throws UserNamespaceNeeded,
 * SysError
 */
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
 * Spawns `/proc/self/exe userns`. That process enters the user and the pid namespace of the container, starts the child
 * there and ends (child/userns.ts). @throws SysError
 */
export function spawnUserNamespace(trace: boolean, owner: Owner, namespaces: readonly Namespace[]): Child {
  const [parentEnd, childEnd] = socketpair();
  setCloexec(childEnd, false);
  step(
    "spawn /proc/self/exe userns",
    "the same binary again, to make a user namespace and start the child inside it",
  );
  becomeSubreaper(); // when that process ends, its child becomes a child of this process
  const tree = cloneExecutable();
  // sent before the spawn: later the other end may be closed, and sending would fail
  const isPoor = tree < 0; // this process may make no mounts
  const enter = { namespaces, owner, protectExecutable: isPoor, reopen: isPoor ? named() : [], trace };
  send(parentEnd, { type: "enter", enter });
  const words = ["minibox", "userns", String(childEnd)];
  const pid = trySpawn(tree < 0 ? "/proc/self/exe" : fdPath(tree), words, CHILD_ENVIRONMENT);
  if (tree >= 0) close(tree);
  close(childEnd);
  if (pid < 0) throw new SysError("posix_spawn", ["/proc/self/exe"], -pid, "spawn /proc/self/exe userns");
  return { pid, pidfd: pidfdOpen(pid), socket: parentEnd, exit: undefined };
}
