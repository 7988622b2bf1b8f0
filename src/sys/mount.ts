// Owns mounts: the calls of mount(2), umount2(2), pivot_root(2), chroot(2), and those that take a mount by descriptor.

import { AT, FSCONFIG, FSMOUNT_CLOEXEC, FSOPEN_CLOEXEC, MOVE_MOUNT, OPEN_TREE, UMOUNT } from "./constants.ts";
import { withFd } from "./file.ts";
import { attempt, call } from "./libc.ts";

/**
 * int mount(const char *source, const char *target, const char *fstype, unsigned long flags, const void *data).
 * @throws SysError
 */
export function mount(
  source: string | null,
  target: string,
  fstype: string | null,
  flags: number,
  data: string | null,
): number {
  return call("mount", source, target, fstype, flags, data);
}

/** mount(2): 0, or -errno. */
export function tryMount(
  source: string | null,
  target: string,
  fstype: string | null,
  flags: number,
  data: string | null,
): number {
  return attempt("mount", source, target, fstype, flags, data);
}

/**
 * int umount2(const char *target, MNT_DETACH): the mount leaves the tree now, and ends with its last user.
 * @throws SysError
 */
export function detach(target: string): number {
  return call("umount2", target, UMOUNT.MNT_DETACH);
}

/** int pivot_root(const char *new_root, const char *put_old). @throws SysError */
export function pivotRoot(newRoot: string, putOld: string): number {
  return call("pivot_root", newRoot, putOld);
}

/** int chroot(const char *path). @throws SysError */
export function chroot(path: string): number {
  return call("chroot", path);
}

/** A path for an open descriptor, for calls that take no descriptor. The kernel follows it to exactly this inode. */
export function fdPath(fd: number): string {
  return `/proc/self/fd/${fd}`;
}

const CLONED = OPEN_TREE.OPEN_TREE_CLONE | OPEN_TREE.OPEN_TREE_CLOEXEC;

/**
 * int open_tree(int dirfd, const char *path, unsigned flags), always OPEN_TREE_CLONE|OPEN_TREE_CLOEXEC: a detached copy of
 * the mount at a path. @throws SysError
 */
export function openTree(dirfd: number, path: string, flags: number): number {
  return call("open_tree", dirfd, path, CLONED | flags);
}

/** open_tree(2): a descriptor, or -errno. */
export function tryOpenTree(dirfd: number, path: string, flags: number): number {
  return attempt("open_tree", dirfd, path, CLONED | flags);
}

/**
 * int move_mount(int from_dirfd, "", int to_dirfd, const char *to_path, unsigned flags): attaches a detached mount at a
 * name below an open directory, or on `target` itself where the name is "". @throws SysError
 */
export function moveMount(tree: number, target: number, name = ""): number {
  return call("move_mount", tree, "", target, name, moveFlags(name));
}

/** move_mount(2): 0, or -errno. */
export function tryMoveMount(tree: number, target: number, name: string): number {
  return attempt("move_mount", tree, "", target, name, moveFlags(name));
}

function moveFlags(name: string): number {
  return name === ""
    ? MOVE_MOUNT.MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT.MOVE_MOUNT_T_EMPTY_PATH
    : MOVE_MOUNT.MOVE_MOUNT_F_EMPTY_PATH;
}

export interface MountAttributes {
  /** MOUNT_ATTR_* to set and to clear */
  set?: number;
  clear?: number;
  /** MS_PRIVATE, MS_SLAVE, MS_SHARED or MS_UNBINDABLE */
  propagation?: number;
  /** all mounts below too */
  recursive?: boolean;
  /** a user namespace's descriptor: its mappings between what is on disk and what is seen (MOUNT_ATTR_IDMAP) */
  userns?: number;
}

/**
 * int mount_setattr(int fd, "", AT_EMPTY_PATH, struct mount_attr *attr, size_t size), of the mount whose root a
 * descriptor is open on. @throws SysError
 */
export function setMountAttributes(fd: number, attributes: MountAttributes): void {
  // struct mount_attr { __u64 attr_set, attr_clr, propagation, userns_fd; }
  const halves = new Uint32Array(8); // all of them below 2^32
  halves[0] = attributes.set ?? 0;
  halves[2] = attributes.clear ?? 0;
  halves[4] = attributes.propagation ?? 0;
  halves[6] = attributes.userns ?? 0;
  const attr = new Uint8Array(halves.buffer);
  const flags = attributes.recursive ? AT.AT_EMPTY_PATH | AT.AT_RECURSIVE : AT.AT_EMPTY_PATH;
  call("mount_setattr", fd, "", flags, attr, attr.length);
}

/** fsopen(2), fsconfig(2), fsmount(2): a new file system on a mount that is not attached yet. @throws SysError */
export function mountDetached(
  type: string,
  options: readonly [name: string, value: string | null][],
  attributes: number,
): number {
  return withFd(call("fsopen", type, FSOPEN_CLOEXEC), (context) => {
    for (const [name, value] of options)
      call(
        "fsconfig",
        context,
        value === null ? FSCONFIG.FSCONFIG_SET_FLAG : FSCONFIG.FSCONFIG_SET_STRING,
        name,
        value,
        0,
      );
    call("fsconfig", context, FSCONFIG.FSCONFIG_CMD_CREATE, null, null, 0);
    return call("fsmount", context, FSMOUNT_CLOEXEC, attributes);
  });
}
