// Owns /dev: the device nodes and links that programs expect (runtime-spec, config-linux.md, "Default Devices").

import type { MountOperation } from "../spec/mount-operations.ts";
import type { Device } from "../spec/types.ts";
import type { ChildRequest } from "../sync.ts";
import { fchmodat, fchownat, umask } from "../sys/access.ts";
import { AT, AT_FDCWD, MOUNT_ATTR, O, RESOLVE, S_IFBLK, S_IFCHR, S_IFIFO } from "../sys/constants.ts";
import { tryMkdirat, tryMknodat, trySymlinkat } from "../sys/directory.ts";
import { EEXIST, EPERM, SysError } from "../sys/errno.ts";
import { close, openat, openInRoot, withFd } from "../sys/file.ts";
import { step } from "../sys/libc.ts";
import { moveMount, openTree, setMountAttributes } from "../sys/mount.ts";
import { openDestination } from "./mount-points.ts";
import { hasUserNamespace } from "./namespaces.ts";

/** The character devices that every container has: name, major and minor number. */
function defaultDevices(): [name: string, major: number, minor: number][] {
  return [
    ["null", 1, 3],
    ["zero", 1, 5],
    ["full", 1, 7],
    ["random", 1, 8],
    ["urandom", 1, 9],
    ["tty", 5, 0],
  ];
}

function defaultLinks(): [name: string, target: string][] {
  return [
    ["fd", "/proc/self/fd"],
    ["stdin", "/proc/self/fd/0"],
    ["stdout", "/proc/self/fd/1"],
    ["stderr", "/proc/self/fd/2"],
    ["core", "/proc/kcore"],
    ["ptmx", "pts/ptmx"],
  ];
}

/**
 * Makes the device nodes and links in the container's own /dev. Called as soon as /dev is mounted: a later mount of the
 * spec may cover /dev or a node in it with a directory of the host, in which nothing must be made.
 * @throws SysError, Refusal
 */
export function createDevices(root: number, { spec, mounts }: ChildRequest): void {
  step("create devices in /dev", "the few that programs expect; none is a disk or other hardware");
  const mask = umask(0); // it would take bits out of the modes
  const dev = openInRoot(root, "/dev", O.O_PATH | O.O_DIRECTORY, RESOLVE.RESOLVE_NO_SYMLINKS);
  const extra = spec.linux.devices ?? [];
  for (const [name, major, minor] of defaultDevices()) {
    const path = `/dev/${name}`;
    if (!names(extra, path)) makeNode(dev, name, path, S_IFCHR | 0o666, deviceNumber(major, minor));
  }
  for (const device of extra) createDevice(root, device);
  for (const [name, target] of defaultLinks()) link(dev, name, target);
  for (const mount of mounts) makeMountPoint(dev, mount);
  close(dev);
  umask(mask);
}

function names(devices: readonly Device[], path: string): boolean {
  for (const device of devices) if (device.path === path) return true;
  return false;
}

/** Makes the mount point of /dev/pts and the like. In a new, empty /dev that is faster than looking for it later. */
function makeMountPoint(dev: number, { destination, isBind }: MountOperation): void {
  if (isBind || !destination.startsWith("/dev/")) return;
  const name = destination.slice("/dev/".length);
  if (name !== "" && !name.includes("/")) tryMkdirat(dev, name, 0o755);
}

function link(dev: number, name: string, target: string): void {
  const result = trySymlinkat(target, dev, name);
  if (result < 0 && result !== -EEXIST)
    throw new SysError("symlinkat", [target, name], -result, `link /dev/${name}`);
}

/**
 * Makes every mount nodev where no cgroup limits the devices: otherwise a device node in the rootfs would open the
 * host's device. In a user namespace the kernel lets no device node be opened. The parent takes CAP_MKNOD away as well
 * (container/device-nodes.ts). @throws SysError
 */
export function forbidDeviceNodes(root: number, { spec, mounts, host }: ChildRequest): void {
  if (host.cgroup.limitsDevices || hasUserNamespace(spec)) return;
  step("take device nodes out of use", "no cgroup limits the devices here");
  setMountAttributes(root, { set: MOUNT_ATTR.MOUNT_ATTR_NODEV, recursive: true });
  // the exceptions are the container's own /dev and devpts, which minibox has filled
  for (const { destination, type } of mounts)
    if ((destination === "/dev" && type === "tmpfs") || type === "devpts")
      withFd(openInRoot(root, destination, O.O_PATH | O.O_DIRECTORY), (place) =>
        setMountAttributes(place, { clear: MOUNT_ATTR.MOUNT_ATTR_NODEV }),
      );
}

const TYPES = { c: S_IFCHR, u: S_IFCHR, b: S_IFBLK, p: S_IFIFO } as const;

/** Returns a device number as mknod(2) takes it (makedev(3)). */
function deviceNumber(major: number, minor: number): number {
  return ((minor & 0xff) | ((major & 0xfff) << 8) | ((minor & ~0xff) << 12)) >>> 0;
}

function createDevice(root: number, { path, type, major, minor, fileMode, uid, gid }: Device): void {
  const slash = path.lastIndexOf("/");
  const name = path.slice(slash + 1);
  const directory = openDestination(root, path.slice(0, slash) || "/", "directory", false);
  const mode = TYPES[type] | (fileMode ?? 0o666);
  const isMade = makeNode(directory, name, path, mode, deviceNumber(major ?? 0, minor ?? 0));
  if (isMade) fchmodat(directory, name, mode & 0o7777); // a default ACL of the directory counts, too (acl(5))
  if (isMade && (uid || gid)) fchownat(directory, name, uid ?? 0, gid ?? 0, AT.AT_SYMLINK_NOFOLLOW);
  close(directory);
}

/** Makes a device node (mknod(2)); false where it is the host's instead. @throws SysError */
function makeNode(directory: number, name: string, path: string, mode: number, device: number): boolean {
  const result = tryMknodat(directory, name, mode, device);
  if (result === -EPERM) bindFromHost(directory, name, path);
  else if (result < 0) throw new SysError("mknodat", [path], -result, `create ${path}`);
  return result >= 0;
}

const NOSUID_NOEXEC = MOUNT_ATTR.MOUNT_ATTR_NOSUID | MOUNT_ATTR.MOUNT_ATTR_NOEXEC;

/** Binds the host's node over an empty file. In a user namespace the kernel refuses mknod(2) for devices. */
function bindFromHost(directory: number, name: string, path: string): void {
  const place = openat(directory, name, O.O_CREAT | O.O_EXCL | O.O_NOFOLLOW, 0o600);
  withFd(place, () =>
    withFd(openTree(AT_FDCWD, path, 0), (tree) => {
      // a device can be written through a read-only mount, but nobody inside sets the host's inode's times
      setMountAttributes(tree, { set: MOUNT_ATTR.MOUNT_ATTR_RDONLY | NOSUID_NOEXEC });
      moveMount(tree, place);
    }),
  );
}
