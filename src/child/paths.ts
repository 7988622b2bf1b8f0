// Owns what of /proc and /sys is hidden or read-only, and the files of /proc that we write ourselves. All by descriptor,
// below a /proc that is known to be the kernel's: a rootfs cannot offer one of its own (CVE-2025-52881), nor have a
// mask follow a symlink or be made of a device that it prepared (CVE-2025-31133).

import type { Spec } from "../spec/types.ts";
import { AT, MOUNT_ATTR, O, RESOLVE, S_IFDIR, S_IFMT } from "../sys/constants.ts";
import { ELOOP, ENOENT, ENOTDIR, SysError } from "../sys/errno.ts";
import { close, open, openat, statx, tryOpenat2, withFd } from "../sys/file.ts";
import { call, step } from "../sys/libc.ts";
import { detach, fdPath, mountDetached, moveMount, openTree, setMountAttributes } from "../sys/mount.ts";
import { fileSystemType, PROC_SUPER_MAGIC, SYSFS_MAGIC, TOP_INODE } from "../sys/statfs.ts";
import { Refusal } from "./refusal.ts";

const BENEATH = RESOLVE.RESOLVE_BENEATH | RESOLVE.RESOLVE_NO_SYMLINKS;
const INSIDE = RESOLVE.RESOLVE_IN_ROOT | RESOLVE.RESOLVE_NO_SYMLINKS;

/** The spec's last word on what is mounted at a path. */
function mountedAt(spec: Spec, path: string): string | undefined {
  let type: string | undefined;
  for (const entry of spec.mounts ?? []) if (entry.destination === path) type = entry.type;
  return type;
}

/** The kernel's own file systems as they are in the container; undefined for one that the spec does not mount there. */
export interface KernelTrees {
  proc: number | undefined;
  sys: number | undefined;
}

/**
 * Opens both, and makes sure of them; from here on what is written, masked or made read-only in them goes through these
 * descriptors, since the names in the rootfs may be exchanged at any time. @throws Refusal where something else is found
 */
export function openKernelTrees(root: number, spec: Spec): KernelTrees {
  return {
    proc: openTreeAt(root, spec, "/proc", "proc", PROC_SUPER_MAGIC),
    sys: openTreeAt(root, spec, "/sys", "sysfs", SYSFS_MAGIC),
  };
}

function openTreeAt(root: number, spec: Spec, path: string, type: string, magic: number): number | undefined {
  if (mountedAt(spec, path) !== type) return undefined;
  const fd = tryOpenat2(root, path, O.O_PATH | O.O_DIRECTORY, INSIDE);
  // a directory further down would do for somebody who wants another one there
  if (fd >= 0 && fileSystemType(fd) === magic && statx(fd).inode === TOP_INODE) return fd;
  if (fd >= 0) close(fd);
  throw new Refusal(`${path} is not what was just mounted there: somebody changes the rootfs`);
}

/** Writes a file of the kernel's own /proc; what somebody may have mounted over it is not written. @throws SysError */
export function writeProc(proc: number | undefined, path: string, value: string): void {
  if (proc === undefined) throw new Refusal(`writing /proc/${path} needs a /proc in the container`);
  const how = RESOLVE.RESOLVE_BENEATH | RESOLVE.RESOLVE_NO_XDEV | RESOLVE.RESOLVE_NO_MAGICLINKS;
  const fd = tryOpenat2(proc, path, O.O_WRONLY, how);
  if (fd < 0) throw new SysError("openat2", [proc, path, O.O_WRONLY], -fd, `write /proc/${path}`);
  withFd(fd, () => call("write", fd, value, value.length));
}

/** Writes each sysctl of the spec into the new namespaces, while /proc/sys can be written. @throws SysError */
export function setSysctls(proc: number | undefined, spec: Spec): void {
  const { sysctl } = spec.linux;
  if (!sysctl) return;
  for (const [name, value] of Object.entries(sysctl)) {
    step(`set the sysctl ${name}=${value}`);
    writeProc(proc, `sys/${name.replaceAll(".", "/")}`, value);
  }
}

/** A path inside the root, no symlink followed; undefined where there is none. @throws SysError, Refusal */
function openPath(root: number, { proc, sys }: KernelTrees, path: string): number | undefined {
  const flags = O.O_PATH | O.O_NOFOLLOW;
  let fd: number;
  if (proc !== undefined && path.startsWith("/proc/")) fd = tryOpenat2(proc, path.slice(6), flags, BENEATH);
  else if (sys !== undefined && path.startsWith("/sys/")) fd = tryOpenat2(sys, path.slice(5), flags, BENEATH);
  else fd = tryOpenat2(root, path, flags, INSIDE);
  if (fd >= 0) return fd;
  if (fd === -ENOENT || fd === -ENOTDIR) return undefined;
  if (fd === -ELOOP) throw new Refusal(`${path} cannot be protected: a symbolic link is on the way to it`);
  throw new SysError("openat2", [root, path, flags], -fd, `protect ${path}`);
}

/** Makes paths read-only, and hides others. @throws SysError, Refusal */
export function protectPaths(root: number, spec: Spec, trees: KernelTrees): void {
  const { maskedPaths, readonlyPaths } = spec.linux;
  if (readonlyPaths?.length) {
    step("make parts of /proc read-only", "they are the host's too: sysctls, interrupts, buses");
    for (const path of readonlyPaths) makeReadonly(openPath(root, trees, path));
  }
  if (maskedPaths?.length) {
    step("mask parts of /proc and /sys", "what they show or do concerns the host alone");
    maskAll(root, trees, maskedPaths);
  }
}

function makeReadonly(place: number | undefined): void {
  if (place === undefined) return;
  const tree = openTree(place, "", AT.AT_EMPTY_PATH | AT.AT_RECURSIVE);
  setMountAttributes(tree, { set: MOUNT_ATTR.MOUNT_ATTR_RDONLY, recursive: true });
  moveMount(tree, place);
  close(tree);
  close(place);
}

/**
 * Covers directories with an empty directory, and everything else with an empty file, both of one read-only tmpfs that
 * nobody else has: unlike /dev/null, nothing about them need be trusted.
 */
function maskAll(root: number, trees: KernelTrees, paths: readonly string[]): void {
  const { MOUNT_ATTR_NOSUID, MOUNT_ATTR_NODEV, MOUNT_ATTR_NOEXEC, MOUNT_ATTR_RDONLY } = MOUNT_ATTR;
  const tmpfs = mountDetached(
    "tmpfs",
    [["mode", "755"]],
    MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC,
  );
  call("mkdirat", tmpfs, "directory", 0o555);
  close(openat(tmpfs, "file", O.O_CREAT | O.O_EXCL, 0o444));
  setMountAttributes(tmpfs, { set: MOUNT_ATTR_RDONLY });
  // before Linux 6.15 only what is attached can be copied; over "/" is where every user may attach it
  withFd(open("/", O.O_PATH | O.O_DIRECTORY), (top) => moveMount(tmpfs, top));
  for (const path of paths) {
    const place = openPath(root, trees, path);
    if (place === undefined) continue;
    const isDirectory = (statx(place).mode & S_IFMT) === S_IFDIR;
    const tree = openTree(tmpfs, isDirectory ? "directory" : "file", 0);
    moveMount(tree, place);
    close(tree);
    close(place);
  }
  detach(fdPath(tmpfs));
  close(tmpfs);
}
