// Owns the way into a user namespace (user_namespaces(7)).
//
// Theory of operation. procfs shows a pid namespace, and the kernel lets a process mount it only where the process's
// user namespace owns that pid namespace. So the container's pid namespace has to be made by a process that is in the
// container's user namespace already. That process is not part of the container, and lives for some milliseconds:
//
//   parent ── spawn ──▶ this process
//          ── enter ──▶         the container's namespaces
//          ◀── map ──           after unshare(CLONE_NEWUSER)
//          ── mapped ─▶         after the parent wrote uid_map and gid_map, which takes rights outside of the namespace
//          ◀── rootfs ──        after unshare(CLONE_NEWNS), for an ordinary user
//          ◀── reopened ──      a file on 0, 1 or 2 once more, for an ordinary user
//          ◀── kept ──          after the start of a keeper, which is the parent's child, and of the child below it
//
// Then this process ends. For a container that is its caller's there is no keeper (sys/keeper.ts):
//
//          ◀── spawned ──       after unshare(CLONE_NEWPID) and the start of the child, which is PID 1 there
//
// In that case the child becomes the parent's child, for the parent is a subreaper (prctl(2)).
//
// A user namespace with a path is joined, not made, and its mappings are only read.

import type { Namespace } from "../spec/types.ts";
import { CHILD_ENVIRONMENT, type EnterRequest, read, send, spawnedFrame, type ToChild } from "../sync.ts";
import { AT_FDCWD, CLONE, MOUNT_ATTR, O, SIGNALS } from "../sys/constants.ts";
import { chdir, fchdir, readlink } from "../sys/directory.ts";
import { ENOENT } from "../sys/errno.ts";
import { close, open, setCloexec, withFd } from "../sys/file.ts";
import { spawnKept } from "../sys/keeper.ts";
import { step } from "../sys/libc.ts";
import { fdPath, setMountAttributes, tryOpenTree } from "../sys/mount.ts";
import { setns, unshare } from "../sys/namespace.ts";
import { exit, setIdentity, setParentDeathSignal } from "../sys/process.ts";
import { reopenThrough } from "../sys/reopen.ts";
import { spawnInPidNamespaceAndEnd } from "../sys/spawn.ts";
import { statx } from "../sys/stat.ts";
import { openNamespacePath } from "./namespaces.ts";
import { Refusal } from "./refusal.ts";
import { fail, reportCalls } from "./report.ts";

const SPAWN = "spawn /proc/self/exe child";

/** The entry of `minibox userns SOCKET`. */
export function enterUserNamespace(socket: number): never {
  try {
    const message = read<ToChild>(socket)?.message;
    if (message?.type !== "enter") exit(125);
    enter(socket, message.enter);
  } catch {
    // the socket itself failed, or the number is not a socket's: there is no way to report it
    exit(125);
  }
}

function enter(socket: number, { namespaces, owner, protectExecutable, reopen, trace }: EnterRequest): never {
  try {
    setParentDeathSignal(SIGNALS.KILL);
    setCloexec(socket, true);
    if (trace) reportCalls(socket);
    enterOrMake(namespaces);
    send(socket, { type: "map" });
    const mapped = read<ToChild>(socket);
    if (mapped?.message.type !== "mapped") exit(125);
    step("become root of the user namespace", "any other user loses its capabilities in execve");
    setIdentity(0, 0, undefined);
    if (protectExecutable) makeMountNamespace(socket, mapped.fds[0]);
    const executable = protectExecutable ? cloneExecutable() : "/proc/self/exe";
    for (const fd of reopen) reopenByPath(socket, fd);
    const pidNamespace = openPidNamespace(namespaces);
    step(SPAWN, "the same binary again, in the container's pid namespace");
    setCloexec(socket, false);
    const words = ["minibox", "child", String(socket)];
    if (owner === "supervisor" && pidNamespace === -1) spawnKeptAndEnd(socket, executable, words);
    spawnInPidNamespaceAndEnd(pidNamespace, executable, words, CHILD_ENVIRONMENT, socket, spawnedFrame());
  } catch (error) {
    fail(socket, error);
  }
}

/** @throws SysError */
function spawnKeptAndEnd(socket: number, executable: string, words: readonly string[]): never {
  const kept = spawnKept(executable, words, CHILD_ENVIRONMENT, "parent", SPAWN)();
  send(socket, { type: "kept", keeper: kept.keeper }, kept.pidfd);
  exit(0);
}

function enterOrMake(namespaces: readonly Namespace[]): void {
  for (const [place, { type, path }] of namespaces.entries()) {
    if (type !== "user" || path === undefined) continue;
    withFd(openNamespacePath(type, path, place), (fd) => setns(fd, CLONE.CLONE_NEWUSER));
    return;
  }
  step("unshare the user namespace", "ids and capabilities in it do not count outside");
  unshare(CLONE.CLONE_NEWUSER);
}

/** Returns a descriptor of the pid namespace to join; -1 for a new one, "own" where the spec has no pid namespace. */
function openPidNamespace(namespaces: readonly Namespace[]): number | "own" {
  for (const [place, { type, path }] of namespaces.entries())
    if (type === "pid") return path === undefined ? -1 : openNamespacePath(type, path, place);
  return "own";
}

/**
 * Makes a mount namespace in which this process may copy mounts. Where `rootfs` is open on the rootfs, the parent gets
 * another descriptor of it, on the mount in the new namespace: the container's first process starts there and can copy
 * no mount of another. The working directory moves to the new namespace with the process.
 */
function makeMountNamespace(socket: number, rootfs: number | undefined): void {
  if (rootfs !== undefined) {
    step("enter the rootfs", "by the descriptor that was checked: its path may lead elsewhere by now");
    withFd(rootfs, fchdir);
  }
  unshare(CLONE.CLONE_NEWNS);
  if (rootfs === undefined) return;
  withFd(open(".", O.O_PATH | O.O_DIRECTORY), (fd) => send(socket, { type: "rootfs" }, fd));
  chdir("/");
}

/**
 * Returns a path of minibox's executable through which it can only be read (container/executable.ts says why). The
 * mount of /proc/self/exe belongs to the host's mount namespace, and this process may not clone it. It may clone the
 * copy of that mount in the new mount namespace.
 */
function cloneExecutable(): string {
  step(
    "clone a read-only mount of minibox's executable",
    "through /proc/PID/exe it can be read, but never written",
  );
  const tree = withFd(open("/proc/self/exe", O.O_PATH), openByPath);
  if (tree < 0) throw new Refusal("minibox's executable was just replaced by another file: try again");
  setMountAttributes(tree, { set: MOUNT_ATTR.MOUNT_ATTR_RDONLY });
  return fdPath(tree);
}

/**
 * Opens one of the caller's descriptors once more and sends it to the parent. Does nothing where that cannot be; then
 * the parent relays.
 */
function reopenByPath(socket: number, fd: number): void {
  const tree = openByPath(fd);
  const again = tree < 0 ? tree : reopenThrough(tree, fd);
  if (again < 0) return;
  send(socket, { type: "reopened", fd }, again);
  close(again);
}

/**
 * Copies the mount of a descriptor's file from this process's own mount namespace, where it is found by its path:
 * open_tree(2) takes no descriptor of another mount namespace. Returns the copy, or -errno where at the path there is
 * no file, or another one.
 */
function openByPath(fd: number): number {
  const tree = tryOpenTree(AT_FDCWD, readlink(fdPath(fd)), 0);
  if (tree < 0) return tree;
  const [one, other] = [statx(tree), statx(fd)];
  if (one.inode === other.inode && one.major === other.major && one.minor === other.minor) return tree;
  close(tree);
  return -ENOENT;
}
