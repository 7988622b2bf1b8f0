// Owns the root: a mount of its own made of the rootfs, and the change into it (pivot_root(2)).

import type { Spec } from "../spec/types.ts";
import type { ChildRequest } from "../sync.ts";
import { AT, AT_FDCWD, MOUNT_ATTR, MS, O } from "../sys/constants.ts";
import { EINVAL, isErrno } from "../sys/errno.ts";
import { open, openat, statx } from "../sys/file.ts";
import { attempt, call, step } from "../sys/libc.ts";
import {
  chroot,
  detach,
  fdPath,
  mount,
  moveMount,
  openTree,
  pivotRoot,
  setMountAttributes,
} from "../sys/mount.ts";

/** Makes the rootfs a mount that nothing propagates from; returns its descriptor. @throws SysError */
export function prepareRoot(request: ChildRequest, spec: Spec): number {
  step("make every mount private", "what is mounted from here on must not appear on the host");
  mount(null, "/", null, MS.MS_REC | MS.MS_PRIVATE, null);
  return request.overlay ? mountOverlay(spec.root.path, request.stateDir) : bindRoot(spec.root.path);
}

function bindRoot(path: string): number {
  step(
    `bind ${path} onto itself`,
    "pivot_root wants a mount point, and read-only belongs to this mount alone",
  );
  const tree = openTree(AT_FDCWD, path, AT.AT_RECURSIVE);
  const place = open(path, O.O_PATH | O.O_DIRECTORY);
  moveMount(tree, place);
  attempt("close", place);
  return tree;
}

/** A tmpfs takes what is written, the rootfs below it is only read; both end with the container's mount namespace. */
function mountOverlay(path: string, stateDir: string): number {
  step("mount a throw-away layer", "writes go to memory; the rootfs stays as it is");
  const lower = open(path, O.O_PATH | O.O_DIRECTORY);
  mount("tmpfs", stateDir, "tmpfs", MS.MS_NOSUID | MS.MS_NODEV, "mode=700");
  const layer = open(stateDir, O.O_PATH | O.O_DIRECTORY);
  for (const name of ["upper", "work", "root"]) call("mkdirat", layer, name, 0o755);
  // the top of an overlay shows the upper directory's own owner and mode
  const { uid, gid, mode } = statx(lower);
  call("fchownat", layer, "upper", uid, gid, 0);
  call("fchmodat", layer, "upper", mode & 0o7777);
  // by descriptor: a path may hold ':' and ',', which mean something to overlayfs
  const base = fdPath(layer);
  mount(
    "overlay",
    `${base}/root`,
    "overlay",
    0,
    `lowerdir=${fdPath(lower)},upperdir=${base}/upper,workdir=${base}/work`,
  );
  const root = openat(layer, "root", O.O_PATH | O.O_DIRECTORY);
  attempt("close", lower);
  attempt("close", layer);
  return root;
}

/** Read-only root, where it is asked for. @throws SysError */
export function sealRoot(root: number, spec: Spec): void {
  if (!spec.root.readonly) return;
  step("make the root read-only");
  setMountAttributes(root, { set: MOUNT_ATTR.MOUNT_ATTR_RDONLY });
}

/** Makes the prepared mount "/", and the host's tree unreachable. @throws SysError */
export function changeRoot(root: number, request: ChildRequest, warn: (message: string) => void): void {
  step("enter the new root");
  call("fchdir", root);
  attempt("close", root);
  if (request.chroot || !tryPivot(warn)) changeRootByMove();
  call("chdir", "/");
}

/** False where pivot_root cannot work: EINVAL is what it says on an initramfs, whose root has no parent mount. */
function tryPivot(warn: (message: string) => void): boolean {
  step("pivot_root", "the new root becomes /, the old one lies beneath it…");
  try {
    pivotRoot(".", ".");
  } catch (error) {
    if (!isErrno(error, EINVAL)) throw error;
    warn("pivot_root cannot work on this root (an initramfs?): using chroot, as --chroot does");
    return false;
  }
  step("detach the old root", "…and is unmounted: no path leads to the host any more");
  detach(".");
  return true;
}

/** The mount covers "/", then chroot makes it what "/" means: the old tree has no name below it. */
function changeRootByMove(): void {
  step("move the root mount onto / and chroot into it", "for hosts where pivot_root cannot work");
  mount(".", "/", null, MS.MS_MOVE, null);
  chroot(".");
}
