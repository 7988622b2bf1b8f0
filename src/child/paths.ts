// Owns what of /proc and /sys is hidden or read-only, and the files of /proc that we write ourselves. All by descriptor,
// below a /proc that is known to be the kernel's: a rootfs cannot offer one of its own (CVE-2025-52881), nor have a
// mask follow a symlink or be made of a device that it prepared (CVE-2025-31133).

import type { Spec } from "../spec/types.ts";
import { AT, MOUNT_ATTR, O, RESOLVE, S_IFDIR, S_IFMT } from "../sys/constants.ts";
import { ELOOP, ENOENT, ENOTDIR, SysError } from "../sys/errno.ts";
import { close, open, openat, statx, tryOpenat2, withFd } from "../sys/file.ts";
import { call, step } from "../sys/libc.ts";
import { detach, fdPath, mountDetached, moveMount, openTree, setMountAttributes } from "../sys/mount.ts";
import { fileSystemType, PROC_ROOT_INODE, PROC_SUPER_MAGIC, SYSFS_MAGIC } from "../sys/statfs.ts";
import { Refusal } from "./refusal.ts";

const INSIDE = RESOLVE.RESOLVE_IN_ROOT | RESOLVE.RESOLVE_NO_SYMLINKS;

/** The spec's last word on what is mounted at a path. */
function mountedAt(spec: Spec, path: string): string | undefined {
  let type: string | undefined;
  for (const entry of spec.mounts ?? []) if (entry.destination === path) type = entry.type;
  return type;
}

/**
 * The container's /proc, when it is the kernel's; undefined where the spec has none there. @throws Refusal where the
 * spec has one and something else is found
 */
export function openProc(root: number, spec: Spec): number | undefined {
  checkKind(root, spec, "/sys", "sysfs", SYSFS_MAGIC);
  const expected = mountedAt(spec, "/proc");
  if (expected === undefined) return undefined;
  const proc = tryOpenat2(root, "/proc", O.O_PATH | O.O_DIRECTORY, INSIDE);
  if (proc >= 0 && fileSystemType(proc) === PROC_SUPER_MAGIC && statx(proc).inode === PROC_ROOT_INODE)
    return proc;
  if (proc >= 0) close(proc);
  if (expected === "proc")
    throw new Refusal("/proc is not what was just mounted there: somebody changes the rootfs");
  return undefined;
}

function checkKind(root: number, spec: Spec, path: string, type: string, magic: number): void {
  if (mountedAt(spec, path) !== type) return;
  const fd = tryOpenat2(root, path, O.O_PATH | O.O_DIRECTORY, INSIDE);
  const found = fd < 0 ? 0 : fileSystemType(fd);
  if (fd >= 0) close(fd);
  if (found !== magic)
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
function openPath(root: number, path: string): number | undefined {
  const fd = tryOpenat2(root, path, O.O_PATH | O.O_NOFOLLOW, INSIDE);
  if (fd >= 0) return fd;
  if (fd === -ENOENT || fd === -ENOTDIR) return undefined;
  if (fd === -ELOOP) throw new Refusal(`${path} cannot be protected: a symbolic link is on the way to it`);
  throw new SysError("openat2", [root, path, O.O_PATH], -fd, `protect ${path}`);
}

/** Makes paths read-only, and hides others. @throws SysError, Refusal */
export function protectPaths(root: number, spec: Spec): void {
  const { maskedPaths, readonlyPaths } = spec.linux;
  if (readonlyPaths?.length) {
    step("make parts of /proc read-only", "they are the host's too: sysctls, interrupts, buses");
    for (const path of readonlyPaths) makeReadonly(root, path);
  }
  if (maskedPaths?.length) {
    step("mask parts of /proc and /sys", "what they show or do concerns the host alone");
    maskAll(root, maskedPaths);
  }
}

function makeReadonly(root: number, path: string): void {
  const place = openPath(root, path);
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
function maskAll(root: number, paths: readonly string[]): void {
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
    const place = openPath(root, path);
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
