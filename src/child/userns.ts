// Owns the way into a user namespace (user_namespaces(7)).
//
// Theory of operation. The pid namespace must belong to the container's user namespace, else no /proc can be mounted
// for it; so it is made by a process that is inside already, and that process is none of the container's. It lives
// some milliseconds:
//
//   parent ── spawn ──▶ this process
//          ── enter ──▶         what is wanted
//          ◀── map ──           after unshare(CLONE_NEWUSER)
//          ── mapped ─▶         after uid_map and gid_map were written, which takes rights outside
//          ◀── spawned ──       after unshare(CLONE_NEWPID) and the start of the child, PID 1 in there
//
// Then it ends, and the parent, a subreaper (prctl(2)), has the child as its own.

import { CHILD_ENVIRONMENT, type EnterRequest, read, send, spawnedFrame, type ToChild } from "../sync.ts";
import { AT_FDCWD, CLONE, MOUNT_ATTR, O, SIGNALS } from "../sys/constants.ts";
import { open, readlink, setCloexec, statx, withFd } from "../sys/file.ts";
import { step } from "../sys/libc.ts";
import { fdPath, openTree, setMountAttributes } from "../sys/mount.ts";
import { unshare } from "../sys/namespace.ts";
import { exit, setIdentity, setParentDeathSignal, spawnInNewNamespaceAndEnd } from "../sys/process.ts";
import { Refusal } from "./refusal.ts";
import { fail, reportCalls } from "./report.ts";

/** The entry of `minibox userns SOCKET`. */
export function enterUserNamespace(socket: number): never {
  try {
    const message = read<ToChild>(socket)?.message;
    if (message?.type !== "enter") exit(125);
    enter(socket, message.enter);
  } catch {
    // the socket itself has failed, or was none: nobody is there to be told
    exit(125);
  }
}

function enter(socket: number, { seal, trace }: EnterRequest): never {
  try {
    setParentDeathSignal(SIGNALS.KILL);
    setCloexec(socket, true);
    if (trace) reportCalls(socket);
    step("unshare the user namespace", "ids and capabilities in it mean nothing outside");
    unshare(CLONE.CLONE_NEWUSER);
    send(socket, { type: "map" });
    if (read<ToChild>(socket)?.message.type !== "mapped") exit(125);
    step("become root of the user namespace", "execve takes the capabilities of every other id");
    setIdentity(0, 0, undefined);
    const executable = seal ? sealExecutable() : "/proc/self/exe";
    step("spawn /proc/self/exe child", "the same binary again, as the first process of a new pid namespace");
    setCloexec(socket, false);
    const words = ["minibox", "child", String(socket)];
    spawnInNewNamespaceAndEnd(
      CLONE.CLONE_NEWPID,
      executable,
      words,
      CHILD_ENVIRONMENT,
      socket,
      spawnedFrame(),
    );
  } catch (error) {
    fail(socket, error);
  }
}

/** container/executable.ts says why. /proc/self/exe itself is on a mount of the host's namespace, which is not ours to clone. */
function sealExecutable(): string {
  step(
    "clone a read-only mount of our own executable",
    "through /proc/PID/exe it can be read, but never written",
  );
  unshare(CLONE.CLONE_NEWNS);
  const tree = openTree(AT_FDCWD, readlink("/proc/self/exe"), 0);
  const { inode, major, minor } = statx(tree);
  const own = withFd(open("/proc/self/exe", O.O_PATH), statx);
  if (inode !== own.inode || major !== own.major || minor !== own.minor)
    throw new Refusal("minibox is being replaced by another: try again");
  setMountAttributes(tree, { set: MOUNT_ATTR.MOUNT_ATTR_RDONLY });
  return fdPath(tree);
}
