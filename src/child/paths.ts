// Owns hiding paths of /proc and /sys or making them read-only, and the files in /proc that the child itself reads and
// writes. All go through descriptors below a /proc that is known to be the kernel's. So a rootfs cannot offer a false
// /proc (CVE-2025-52881), redirect a mask by a symbolic link, or supply the file that masks (CVE-2025-31133).

import type { ChildRequest } from "../sync.ts";
import { decode, encode } from "../sys/bytes.ts";
import { AT, MOUNT_ATTR, O, RESOLVE } from "../sys/constants.ts";
import { EINVAL, ELOOP, ENOENT, ENOTDIR, SysError } from "../sys/errno.ts";
import { close, readAll, tryOpenat2, withFd, write } from "../sys/file.ts";
import { step } from "../sys/libc.ts";
import { openTree, setMountAttributes, tryMoveMount, tryOpenTree } from "../sys/mount.ts";
import { statx } from "../sys/stat.ts";
import { fileSystemType, PROC_SUPER_MAGIC, SYSFS_MAGIC, TOP_INODE } from "../sys/statfs.ts";
import { Refusal } from "./refusal.ts";

const BENEATH = RESOLVE.RESOLVE_BENEATH | RESOLVE.RESOLVE_NO_SYMLINKS;
const INSIDE = RESOLVE.RESOLVE_IN_ROOT | RESOLVE.RESOLVE_NO_SYMLINKS;

/** Returns the type of the spec's last mount on a path, the one that is visible; undefined where there is none. */
function mountedAt({ mounts }: ChildRequest, path: string): string | undefined {
  let type: string | undefined;
  for (const entry of mounts) if (entry.destination === path) type = entry.type;
  return type;
}

/** Descriptors of the container's procfs and sysfs; undefined for one that the spec does not mount. */
export interface KernelTrees {
  proc: number | undefined;
  sys: number | undefined;
}

/**
 * Opens /proc and /sys and checks that they are the kernel's. Somebody may exchange names in the rootfs at any time, so
 * from here on everything in these two is reached through the descriptors. @throws Refusal where one is something else
 */
export function openKernelTrees(root: number, request: ChildRequest): KernelTrees {
  return {
    proc: openTreeAt(root, request, "/proc", "proc", PROC_SUPER_MAGIC),
    sys: openTreeAt(root, request, "/sys", "sysfs", SYSFS_MAGIC),
  };
}

function openTreeAt(
  root: number,
  request: ChildRequest,
  path: string,
  type: string,
  magic: number,
): number | undefined {
  if (mountedAt(request, path) !== type) return undefined;
  const fd = tryOpenat2(root, path, O.O_PATH | O.O_DIRECTORY, INSIDE);
  // A bind of a directory inside procfs is procfs too. Only the top of the file system has this inode.
  if (fd >= 0 && fileSystemType(fd) === magic && statx(fd).inode === TOP_INODE) return fd;
  if (fd >= 0) close(fd);
  throw new Refusal(`${path} is not what was just mounted there: somebody changes the rootfs`);
}

/**
 * Writes a file of the container's procfs. Fails where something is mounted over the file. @throws SysError, Refusal
 */
export function writeProc(proc: number | undefined, path: string, value: string): void {
  const bytes = encode(value);
  withFd(openProc(proc, path, O.O_WRONLY), (fd) => write(fd, bytes));
}

/** Reads a file of the container's procfs in the same way. @throws SysError, Refusal */
export function readProc(proc: number | undefined, path: string): string {
  return withFd(openProc(proc, path, 0), (fd) => decode(readAll(fd)));
}

function openProc(proc: number | undefined, path: string, flags: number): number {
  if (proc === undefined) throw new Refusal(`opening /proc/${path} needs a /proc in the container`);
  const how = RESOLVE.RESOLVE_BENEATH | RESOLVE.RESOLVE_NO_XDEV | RESOLVE.RESOLVE_NO_MAGICLINKS;
  const fd = tryOpenat2(proc, path, flags, how);
  if (fd < 0) throw new SysError("openat2", [proc, path, flags], -fd, `open /proc/${path}`);
  return fd;
}

/** Writes each sysctl of the spec, before /proc/sys is made read-only. @throws SysError, Refusal */
export function setSysctls(proc: number | undefined, sysctl: Readonly<Record<string, string>>): void {
  for (const [name, value] of Object.entries(sysctl)) {
    step(`set the sysctl ${name}=${value}`);
    writeProc(proc, `sys/${name.replaceAll(".", "/")}`, value);
  }
}

/**
 * A file or directory as the mount calls take it: a name below the directory `at`, or "" for the descriptor `at`
 * itself.
 */
interface Place {
  at: number;
  name: string;
}

/**
 * Returns the place of a path, without following a symbolic link; undefined where it does not exist. A name directly
 * below /proc or /sys is not looked up here, which is faster: the mount call then finds out whether it exists.
 * @throws SysError, Refusal
 */
function locate(root: number, { proc, sys }: KernelTrees, path: string): Place | undefined {
  const inProc = proc !== undefined && path.startsWith("/proc/");
  const inSys = sys !== undefined && path.startsWith("/sys/");
  const at = inProc ? proc : inSys ? sys : root;
  const name = inProc ? path.slice(6) : inSys ? path.slice(5) : path;
  if (at !== root && !name.includes("/") && name !== "" && name !== "..") return { at, name };
  const flags = O.O_PATH | O.O_NOFOLLOW;
  const fd = tryOpenat2(at, name, flags, at === root ? INSIDE : BENEATH);
  if (fd >= 0) return { at: fd, name: "" };
  if (fd === -ENOENT || fd === -ENOTDIR) return undefined;
  if (fd === -ELOOP) throw new Refusal(`${path} cannot be protected: a symbolic link is on the way to it`);
  throw new SysError("openat2", [at, name, flags], -fd, `protect ${path}`);
}

/** Closes the descriptor that locate() has opened. */
function closePlace({ at, name }: Place): void {
  if (name === "") close(at);
}

/**
 * Makes the spec's readonlyPaths read-only, and covers its maskedPaths with parts of `tmpfs`. @throws SysError, Refusal
 */
export function protectPaths(root: number, tmpfs: number, { spec }: ChildRequest, trees: KernelTrees): void {
  const { maskedPaths, readonlyPaths } = spec.linux;
  if (readonlyPaths?.length) {
    step("make parts of /proc read-only", "sysctls, interrupts and buses are shared with the host");
    for (const path of readonlyPaths) makeReadonly(locate(root, trees, path), path);
  }
  if (maskedPaths?.length) {
    step("mask parts of /proc and /sys", "what they show or do concerns the host alone");
    maskAll(root, tmpfs, trees, maskedPaths);
  }
}

function makeReadonly(place: Place | undefined, path: string): void {
  if (!place) return;
  const { at, name } = place;
  const how = AT.AT_RECURSIVE | (name === "" ? AT.AT_EMPTY_PATH : AT.AT_SYMLINK_NOFOLLOW);
  const tree = tryOpenTree(at, name, how);
  if (tree >= 0) {
    setMountAttributes(tree, { set: MOUNT_ATTR.MOUNT_ATTR_RDONLY, recursive: true });
    const moved = tryMoveMount(tree, at, name);
    if (moved < 0) throw new SysError("move_mount", [tree, "", at, name], -moved, `make ${path} read-only`);
    close(tree);
  } else if (tree !== -ENOENT) throw new SysError("open_tree", [at, name], -tree, `make ${path} read-only`);
  closePlace(place);
}

/**
 * Covers directories with an empty directory, and everything else with an empty file. Both come from a read-only tmpfs
 * that minibox made. Nobody can have exchanged them, as somebody can exchange the container's /dev/null.
 */
function maskAll(root: number, tmpfs: number, trees: KernelTrees, paths: readonly string[]): void {
  // a copy of each kind is made ahead, and used for the next path that exists
  const spare = { file: -1, directory: -1 };
  for (const path of paths) {
    const place = locate(root, trees, path);
    if (!place) continue;
    const covered = tryMask(tmpfs, spare, "file", place);
    // the path is a directory
    const result =
      covered === -EINVAL || covered === -ENOTDIR ? tryMask(tmpfs, spare, "directory", place) : covered;
    if (result < 0 && result !== -ENOENT)
      throw new SysError("move_mount", ["", place.at, place.name], -result, `mask ${path}`);
    closePlace(place);
  }
  for (const kind of ["file", "directory"] as const) discard(tmpfs, kind, spare[kind]);
}

/**
 * Attaches an unused copy to its tmpfs, so that both are unmounted together. To unmount one alone, the kernel waits for
 * all processors.
 */
function discard(tmpfs: number, kind: "file" | "directory", spare: number): void {
  if (spare < 0) return;
  tryMoveMount(spare, tmpfs, kind);
  close(spare);
}

/** Mounts a copy over a place. Returns -errno on failure; the copy is then kept for the next place. */
function tryMask(
  tmpfs: number,
  spare: { file: number; directory: number },
  kind: "file" | "directory",
  { at, name }: Place,
): number {
  if (spare[kind] < 0) spare[kind] = openTree(tmpfs, kind, 0);
  const result = tryMoveMount(spare[kind], at, name);
  if (result < 0) return result;
  close(spare[kind]);
  spare[kind] = -1;
  return result;
}
