// Owns what the host has mounted inside the rootfs. With a read-only root each of these mounts is made read-only as
// well. An overlay shows one file system alone, so each of them is then covered with an overlay of its own.

import { unescapeOctal } from "../sys/bytes.ts";
import { AT, MOUNT_ATTR, O, RESOLVE, S_IFDIR, S_IFMT } from "../sys/constants.ts";
import { EINVAL, isErrno, SysError } from "../sys/errno.ts";
import { close, tryOpenat2, withFd } from "../sys/file.ts";
import { moveMount, openTree, setMountAttributes } from "../sys/mount.ts";
import { statx } from "../sys/stat.ts";
import { mountFlags, mountId, mountInfo } from "../sys/statfs.ts";

/**
 * Returns the paths inside the rootfs on which something is mounted, the outer ones first (proc_pid_mountinfo(5)),
 * without those that one of the mounts `hiding` will hide. `root` is the rootfs's mount, which is attached over "/", and on
 * which the container has nothing mounted yet. The mounts are told by their parents: what is a mount point on the host
 * by this moment, and under which path, may have changed since the mount was copied. @throws SysError
 */
export function findSubmounts(root: number, hiding: readonly { destination: string }[]): string[] {
  const top = mountId(root);
  const places = new Map<string, { parent: string; path: string }>();
  for (const line of mountInfo()) {
    const [id, parent, , , path] = line.split(" ");
    if (path !== undefined) places.set(id!, { parent: parent!, path: unescapeOctal(path) });
  }
  const isInside = (id: string): boolean => {
    for (let at = places.get(id); at; at = places.get(at.parent)) if (at.parent === top) return true;
    return false;
  };
  const found = new Set<string>();
  for (const [id, { path }] of places) if (path !== "/" && isInside(id)) found.add(path);
  return [...found]
    .filter(
      (path) => !hiding.some(({ destination }) => path === destination || path.startsWith(`${destination}/`)),
    )
    .sort((a, b) => a.split("/").length - b.split("/").length);
}

/** Opens a submount. Returns the descriptor, or -errno: the path may be gone where another mount hides it. */
function tryOpenSubmount(root: number, path: string): number {
  return tryOpenat2(root, path, O.O_PATH, RESOLVE.RESOLVE_IN_ROOT | RESOLVE.RESOLVE_NO_SYMLINKS);
}

/** Opens the submounts that exist, before the container's mounts cover them. */
export function openSubmounts(root: number, paths: readonly string[]): number[] {
  const submounts: number[] = [];
  for (const path of paths) {
    const fd = tryOpenSubmount(root, path);
    if (fd >= 0) submounts.push(fd);
  }
  return submounts;
}

/** Makes submounts read-only, and closes their descriptors. @throws SysError */
export function makeSubmountsReadonly(submounts: readonly number[]): void {
  for (const fd of submounts)
    withFd(fd, () => {
      try {
        setMountAttributes(fd, { set: MOUNT_ATTR.MOUNT_ATTR_RDONLY });
      } catch (error) {
        // EINVAL: the descriptor is no mount, but a directory of another mount that hides the submount
        if (!isErrno(error, EINVAL)) throw error;
      }
    });
}

/** The mount that is shown in place of a submount, not attached yet. */
export interface Cover {
  path: string;
  tree: number;
}

/**
 * Makes the covers of submounts. `overlay` makes one; it is called with the directory to be covered, a different number
 * each time, and the mount's attributes. A submount that cannot be covered (a file, a file system that overlayfs
 * refuses) gets a read-only copy of itself, with a warning. @throws SysError
 */
export function coverSubmounts(
  lower: number,
  paths: readonly string[],
  overlay: (directory: number, number: number, attributes: number) => number,
  warn: (message: string) => void,
): Cover[] {
  const covers: Cover[] = [];
  for (const path of paths) {
    const source = tryOpenSubmount(lower, path);
    if (source < 0) continue;
    const tree = withFd(source, () => {
      const isDirectory = (statx(source).mode & S_IFMT) === S_IFDIR;
      try {
        if (isDirectory) return overlay(source, covers.length + 1, mountFlags(source) & KEPT);
      } catch (error) {
        if (!(error instanceof SysError)) throw error;
      }
      warn(
        `the overlay leaves out ${path} in the rootfs, a mount of its own: the container can only read it`,
      );
      const copy = openTree(source, "", AT.AT_EMPTY_PATH);
      setMountAttributes(copy, { set: MOUNT_ATTR.MOUNT_ATTR_RDONLY });
      return copy;
    });
    covers.push({ path, tree });
  }
  return covers;
}

const KEPT = MOUNT_ATTR.MOUNT_ATTR_NOSUID | MOUNT_ATTR.MOUNT_ATTR_NODEV | MOUNT_ATTR.MOUNT_ATTR_NOEXEC;

/** Attaches the covers in the root, in their order; returns their descriptors. @throws SysError */
export function attachCovers(root: number, covers: readonly Cover[]): number[] {
  const attached: number[] = [];
  for (const { path, tree } of covers) {
    const place = tryOpenSubmount(root, path);
    if (place >= 0) {
      withFd(place, () => moveMount(tree, place));
      attached.push(tree);
    } else close(tree);
  }
  return attached;
}
