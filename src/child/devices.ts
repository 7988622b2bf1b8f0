// Owns /dev: the device nodes and links that programs expect (runtime-spec, config-linux.md, "Default Devices").

import type { Device, Mount, Spec } from "../spec/types.ts";
import type { ChildRequest } from "../sync.ts";
import { fchmodat, fchownat } from "../sys/access.ts";
import { AT, AT_FDCWD, MOUNT_ATTR, O, RESOLVE, S_IFBLK, S_IFCHR, S_IFIFO } from "../sys/constants.ts";
import { tryMkdirat, tryMknodat, trySymlinkat } from "../sys/directory.ts";
import { EEXIST, EPERM, SysError } from "../sys/errno.ts";
import { close, openat, openInRoot, withFd } from "../sys/file.ts";
import { step } from "../sys/libc.ts";
import { moveMount, openTree, setMountAttributes } from "../sys/mount.ts";
import { openDestination } from "./mount-points.ts";
import { hasUserNamespace } from "./namespaces.ts";

const character = (path: string, major: number, minor: number): Device => ({
  type: "c",
  path,
  major,
  minor,
  fileMode: 0o666,
});

const DEFAULT: readonly Device[] = [
  character("/dev/null", 1, 3),
  character("/dev/zero", 1, 5),
  character("/dev/full", 1, 7),
  character("/dev/random", 1, 8),
  character("/dev/urandom", 1, 9),
  character("/dev/tty", 5, 0),
];

const LINKS: readonly [name: string, target: string][] = [
  ["fd", "/proc/self/fd"],
  ["stdin", "/proc/self/fd/0"],
  ["stdout", "/proc/self/fd/1"],
  ["stderr", "/proc/self/fd/2"],
  ["core", "/proc/kcore"],
  ["ptmx", "pts/ptmx"],
];

/**
 * Makes the device nodes and links in the container's own /dev. Called as soon as /dev is mounted: a later mount of the
 * spec may cover /dev or a node in it with a directory of the host, in which nothing must be made.
 * @throws SysError, Refusal
 */
export function createDevices(root: number, spec: Spec): void {
  step("create devices in /dev", "the few that programs expect; none is a disk or other hardware");
  withFd(openInRoot(root, "/dev", O.O_PATH | O.O_DIRECTORY, RESOLVE.RESOLVE_NO_SYMLINKS), (dev) => {
    const extra = spec.linux.devices ?? [];
    for (const device of DEFAULT) if (!names(extra, device.path)) createDevice(root, dev, device);
    for (const device of extra) createDevice(root, undefined, device);
    for (const [name, target] of LINKS) link(dev, name, target);
    for (const mount of spec.mounts ?? []) makeMountPoint(dev, mount);
  });
}

function names(devices: readonly Device[], path: string): boolean {
  for (const device of devices) if (device.path === path) return true;
  return false;
}

/** Makes the mount point of /dev/pts and the like. In a new, empty /dev that is faster than looking for it later. */
function makeMountPoint(dev: number, { destination, type, options }: Mount): void {
  const isBind = type === "bind" || options?.includes("bind") || options?.includes("rbind");
  const name = destination.startsWith("/dev/") ? destination.slice("/dev/".length) : "";
  if (name !== "" && !isBind && !name.includes("/")) tryMkdirat(dev, name, 0o755);
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
export function forbidDeviceNodes(root: number, { spec, host }: ChildRequest): void {
  if (host.cgroup.limitsDevices || hasUserNamespace(spec)) return;
  step("take device nodes out of use", "no cgroup limits the devices here");
  setMountAttributes(root, { set: MOUNT_ATTR.MOUNT_ATTR_NODEV, recursive: true });
  // the exceptions are the container's own /dev and devpts, which minibox has filled
  for (const { destination, type } of spec.mounts ?? [])
    if ((destination === "/dev" && type === "tmpfs") || type === "devpts")
      withFd(openInRoot(root, destination, O.O_PATH | O.O_DIRECTORY), (place) =>
        setMountAttributes(place, { clear: MOUNT_ATTR.MOUNT_ATTR_NODEV }),
      );
}

const TYPES = { c: S_IFCHR, u: S_IFCHR, b: S_IFBLK, p: S_IFIFO } as const;

/** Returns a device number as mknod(2) takes it (makedev(3)). */
const deviceNumber = (major: number, minor: number): number =>
  ((minor & 0xff) | ((major & 0xfff) << 8) | ((minor & ~0xff) << 12)) >>> 0;

function createDevice(root: number, dev: number | undefined, device: Device): void {
  const slash = device.path.lastIndexOf("/");
  const name = device.path.slice(slash + 1);
  const directory = dev ?? openDestination(root, device.path.slice(0, slash) || "/", "directory", false);
  try {
    const number = deviceNumber(device.major ?? 0, device.minor ?? 0);
    const result = tryMknodat(directory, name, TYPES[device.type] | 0o600, number);
    if (result === -EPERM) {
      bindFromHost(directory, name, device.path);
      return;
    }
    if (result < 0) throw new SysError("mknodat", [device.path], -result, `create ${device.path}`);
    // set afterwards, because the umask changes mknod's mode
    fchmodat(directory, name, device.fileMode ?? 0o666);
    if (device.uid || device.gid)
      fchownat(directory, name, device.uid ?? 0, device.gid ?? 0, AT.AT_SYMLINK_NOFOLLOW);
  } finally {
    if (dev === undefined) close(directory);
  }
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
