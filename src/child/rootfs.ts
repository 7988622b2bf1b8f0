// Owns the container's root: making a mount of the rootfs, with or without an overlay, and changing into it
// (pivot_root(2)).

import type { ChildRequest, ChildSpec, Descriptors } from "../sync.ts";
import { fchmodat, tryFchownat } from "../sys/access.ts";
import { AT, AT_FDCWD, MOUNT_ATTR, MS } from "../sys/constants.ts";
import { chdir, fchdir, mkdirat } from "../sys/directory.ts";
import { EINVAL, EOPNOTSUPP, isErrno, SysError } from "../sys/errno.ts";
import { close, withFd } from "../sys/file.ts";
import { step } from "../sys/libc.ts";
import {
  chroot,
  detach,
  fdPath,
  mount,
  mountDetached,
  moveMount,
  openTree,
  pivotRoot,
  setMountAttributes,
} from "../sys/mount.ts";
import { statx } from "../sys/stat.ts";
import { fileSystemType, OVERLAYFS_SUPER_MAGIC } from "../sys/statfs.ts";
import { trySetxattr } from "../sys/xattr.ts";
import { hasUserNamespace } from "./namespaces.ts";
import { Refusal } from "./refusal.ts";
import {
  attachCovers,
  coverSubmounts,
  findSubmounts,
  makeSubmountsReadonly,
  openSubmounts,
} from "./submounts.ts";

/** The container's root, as descriptors. */
export interface Root {
  root: number;
  /** the host's mounts inside the rootfs, where these have to be made read-only with the root */
  submounts: number[];
}

/** True where what the host later mounts in the rootfs must appear in the container, too (propagation slave). */
export function isTied({ linux }: ChildSpec): boolean {
  return linux.rootfsPropagation?.endsWith("slave") ?? false;
}

/**
 * Makes the rootfs the working directory, where the parent sent it as a directory and not as a copy of its mount. Must
 * be called before the mount namespace is made: from there on the descriptor's mount is one of another namespace, which
 * cannot be copied. The working directory moves to the new namespace with the process. @throws SysError
 */
export function enterRootfs(descriptors: Descriptors): void {
  if (descriptors.rootfs === undefined) return;
  step("enter the rootfs", "by the descriptor that was checked: its path may lead elsewhere by now");
  withFd(descriptors.rootfs, fchdir);
}

/**
 * Makes all mounts private, and a mount of the rootfs over "/". `opened` is a detached copy of the rootfs's mount from
 * the parent; where there is none, the working directory is the rootfs. @throws Refusal, SysError
 */
export function prepareRoot(
  request: ChildRequest,
  opened: number | undefined,
  warn: (message: string) => void,
): Root {
  const { spec, mounts } = request;
  if (isTied(spec) && request.options.overlay)
    throw new Refusal(
      "linux.rootfsPropagation: an overlay is the root, and nothing propagates to a new file system",
    );
  // copied before all mounts become private: a copy of a private mount is not tied to the host's
  const tied = isTied(spec) && opened === undefined ? copyTiedRootfs(spec) : opened;
  step("make every mount private", "what is mounted from here on must not appear on the host");
  mount(null, "/", null, MS.MS_REC | MS.MS_PRIVATE, null);
  step(
    `attach ${spec.root.path} over /`,
    "pivot_root needs a mount point, and this one can be made read-only",
  );
  const tree = tied ?? copyRootfs();
  attach(tree);
  const inner = spec.root.readonly || request.options.overlay ? findSubmounts(tree, mounts) : [];
  if (request.options.overlay) return coverWithOverlay(tree, spec, inner, warn);
  return { root: tree, submounts: openSubmounts(tree, inner) };
}

/** A detached copy of the working directory's mount, with its submounts. @throws SysError */
function copyRootfs(): number {
  return openTree(AT_FDCWD, "", AT.AT_EMPTY_PATH | AT.AT_RECURSIVE);
}

/** The same, as a slave: what the host mounts in the rootfs later appears in the copy. @throws SysError */
function copyTiedRootfs({ root }: ChildSpec): number {
  step(
    `copy the mount of ${root.path}`,
    "while it is still tied to the host's mounts: they are made private next",
  );
  const tree = copyRootfs();
  setMountAttributes(tree, { propagation: MS.MS_SLAVE, recursive: true });
  return tree;
}

/** Attaches a mount over "/". That changes nothing for a process whose root is the mount below. */
function attach(tree: number): number {
  return moveMount(tree, AT_FDCWD, "/");
}

/**
 * Covers the root with an overlay: what is written goes to a tmpfs, the rootfs below is only read. The mounts of tmpfs
 * and rootfs are detached once the overlay is made, and end with it. Left attached at the same place, they would keep
 * the old root from being detached.
 */
function coverWithOverlay(
  lower: number,
  spec: ChildSpec,
  inner: readonly string[],
  warn: (message: string) => void,
): Root {
  step("mount a throw-away layer", "writes go to memory; the rootfs stays as it is");
  const { mountLabel } = spec.linux;
  const label: [string, string][] = mountLabel ? [["context", mountLabel]] : [];
  const layer = mountDetached(
    "tmpfs",
    [["mode", "700"], ...label],
    MOUNT_ATTR.MOUNT_ATTR_NOSUID | MOUNT_ATTR.MOUNT_ATTR_NODEV,
  );
  attach(layer);
  const userNamespace = hasUserNamespace(spec);
  const overlay = (directory: number, number: number | "", attributes: number): number => {
    fillLayer(layer, directory, number);
    const options = overlayOptions(layer, directory, number, userNamespace);
    return mountDetached("overlay", [...options, ...label], attributes);
  };
  const root = tryCover(() => overlay(lower, "", 0), lower, userNamespace);
  if (userNamespace) checkMarks(layer, warn);
  const covers = coverSubmounts(lower, inner, overlay, warn);
  for (const fd of [layer, lower]) {
    detach(fdPath(fd));
    close(fd);
  }
  attach(root);
  return { root, submounts: attachCovers(root, covers) };
}

/** Makes an overlay, and finds the reason where overlayfs refuses with EINVAL. @throws Refusal, SysError */
function tryCover(cover: () => number, lower: number, userNamespace: boolean): number {
  try {
    return cover();
  } catch (error) {
    if (!isErrno(error, EINVAL)) throw error;
    // the kernel allows file systems to be stacked two deep (FILESYSTEM_MAX_STACK_DEPTH)
    if (fileSystemType(lower) === OVERLAYFS_SUPER_MAGIC)
      throw new Refusal(
        "no overlay can be made: the rootfs lies on an overlay that is itself on another, and the kernel stacks no more than two: put the rootfs on another file system, or go without an overlay",
      );
    // Overlayfs would show what a mount inside the rootfs covers. The kernel does not let an ordinary user see that
    // (mount_namespaces(7)).
    const [path] = userNamespace ? findSubmounts(lower, []) : [];
    if (path === undefined) throw error;
    throw new Refusal(
      `no overlay can be made: something is mounted on ${path} in the rootfs, and the kernel does not let an ordinary user look below it`,
    );
  }
}

function fillLayer(layer: number, lower: number, number: number | ""): void {
  const upper = `upper${number}`;
  for (const name of [upper, `work${number}`]) mkdirat(layer, name, 0o755);
  // the top of an overlay shows the owner and mode of its upper directory
  const { uid, gid, mode } = statx(lower);
  const owned = tryFchownat(layer, upper, uid, gid, 0);
  // EINVAL: the user namespace does not map this owner
  if (owned < 0 && owned !== -EINVAL) throw new SysError("fchownat", [upper, uid, gid], -owned);
  fchmodat(layer, upper, mode & 0o7777);
}

/**
 * Warns where directories cannot be removed. In a user namespace overlayfs marks a replaced directory with an extended
 * attribute user.*, which a tmpfs can store since Linux 6.6.
 */
function checkMarks(layer: number, warn: (message: string) => void): void {
  const result = trySetxattr(`${fdPath(layer)}/work`, "user.minibox");
  if (result === -EOPNOTSUPP)
    warn("directories of the rootfs cannot be removed or renamed in the overlay (Linux 6.6 and newer can)");
}

/** Names directories by descriptor: overlayfs takes ':' and ',' in a path for separators. */
function overlayOptions(
  layer: number,
  lower: number,
  number: number | "",
  userNamespace: boolean,
): [string, string | null][] {
  const base = fdPath(layer);
  const options: [string, string | null][] = [
    ["source", "overlay"],
    ["lowerdir", fdPath(lower)],
    ["upperdir", `${base}/upper${number}`],
    ["workdir", `${base}/work${number}`],
  ];
  // overlayfs's marks then go to attributes user.*: for trusted.* it needs CAP_SYS_ADMIN on the host (kernel
  // documentation)
  if (userNamespace) options.push(["userxattr", null]);
  return options;
}

/** Makes the root read-only, with the host's mounts inside it. @throws SysError */
export function makeRootReadonly({ root, submounts }: Root): void {
  step("make the root read-only");
  setMountAttributes(root, { set: MOUNT_ATTR.MOUNT_ATTR_RDONLY });
  makeSubmountsReadonly(submounts);
}

/** Makes the prepared mount "/", so that no path leads to the host's root any more. @throws SysError */
export function changeRoot(root: number, request: ChildRequest, warn: (message: string) => void): void {
  step("enter the new root");
  fchdir(root);
  close(root);
  if (request.options.noPivot || !tryPivot(warn)) {
    step("chroot into the new root", "it is mounted over /, so no path below it leads to the old root");
    chroot(".");
  }
  chdir("/");
  if (request.rootPropagation !== undefined) setPropagation(request.spec, request.rootPropagation);
}

/**
 * Sets linux.rootfsPropagation on the new root, except for a tied root, which got it when its mount was copied. Only
 * after the change of root: pivot_root(2) refuses a shared root.
 */
function setPropagation(spec: ChildSpec, propagation: number): void {
  if (isTied(spec)) return;
  step(
    `make the root ${spec.linux.rootfsPropagation}`,
    "for the mount namespaces that are made from this one (linux.rootfsPropagation)",
  );
  mount(null, "/", null, propagation, null);
}

/** False where pivot_root(2) fails with EINVAL, as it does on an initramfs, whose root mount has no parent. */
function tryPivot(warn: (message: string) => void): boolean {
  step("pivot_root", "the new root becomes /, with the old root mounted over it");
  try {
    pivotRoot(".", ".");
  } catch (error) {
    if (!isErrno(error, EINVAL)) throw error;
    warn("pivot_root cannot work on this root (an initramfs?): using chroot instead");
    return false;
  }
  step("detach the old root", "no path leads to the host any more");
  detach(".");
  return true;
}
