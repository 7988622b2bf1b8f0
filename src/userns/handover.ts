// Owns opening, with the rights of the host's root, what the root of a user namespace has no right to: the root, the
// sources of binds, and the files to join the cgroup.

import { RunError } from "../errors.ts";
import { reaches, toHost } from "../spec/id-mappings.ts";
import { mountOperation } from "../spec/mount-operations.ts";
import type { Spec } from "../spec/types.ts";
import type { Descriptors } from "../sync.ts";
import { AT, AT_FDCWD, MOUNT_ATTR, MS, O } from "../sys/constants.ts";
import { EINVAL, EOPNOTSUPP, EPERM, isErrno } from "../sys/errno.ts";
import { close, open, withFd } from "../sys/file.ts";
import { step } from "../sys/libc.ts";
import { openTree, setMountAttributes } from "../sys/mount.ts";
import { copyMount, propagationOf, type Tie, whyNotTied } from "../sys/propagation.ts";
import { statx } from "../sys/stat.ts";

/** Opens everything; `pid` is a process in the user namespace. @throws SysError, RunError */
export function openDescriptors(
  pid: number,
  spec: Spec,
  rootfs: number,
  cgroupFiles: readonly string[],
  warn: (message: string) => void,
): Descriptors {
  const descriptors: Descriptors = {};
  try {
    descriptors.root = openRoot(pid, spec, rootfs, warn);
    for (const [i, entry] of (spec.mounts ?? []).entries()) {
      const { isBind, source = "", flags, tie } = mountOperation(entry);
      if (!isBind) continue;
      step(`open the source of a bind, ${source}`, "with the rights of the host's root, not the container's");
      descriptors[`bind ${i}`] = openSource(source, flags & MS.MS_REC ? AT.AT_RECURSIVE : 0, tie);
    }
    for (const [i, file] of cgroupFiles.entries()) descriptors[`cgroup ${i}`] = open(file, O.O_WRONLY);
  } catch (error) {
    for (const fd of Object.values(descriptors)) close(fd);
    throw error;
  }
  return descriptors;
}

/**
 * A detached copy of a mount; the path is resolved once. Without a tie the copy is private: its original's propagation
 * would carry the container's mounts to the host.
 */
function openSource(path: string, flags: number, tie: Tie | undefined): number {
  if (!tie) {
    const tree = openTree(AT_FDCWD, path, flags);
    setMountAttributes(tree, { propagation: MS.MS_PRIVATE, recursive: true });
    return tree;
  }
  return withFd(open(path, O.O_PATH), (fd) => {
    const reason = whyNotTied(fd, path, tie, true);
    if (reason !== undefined) throw new RunError(reason);
    return copyMount(fd, flags, propagationOf(tie));
  });
}

/**
 * A detached copy of the rootfs's mount. Where the rootfs belongs to an id of the host that the container does not
 * have, the copy is id-mapped: what root owns on disk, the container's root owns inside.
 */
function openRoot(pid: number, spec: Spec, rootfs: number, warn: (message: string) => void): number {
  const { path } = spec.root;
  step(`copy the mount of ${path}`, "as a mount of its own");
  const isTied = spec.linux.rootfsPropagation?.endsWith("slave");
  const tree = copyMount(rootfs, AT.AT_RECURSIVE, isTied ? MS.MS_SLAVE : MS.MS_PRIVATE);
  const owner = statx(tree).uid;
  const { uidMappings = [] } = spec.linux;
  if (reaches(uidMappings, owner)) return tree;
  try {
    withFd(open(`/proc/${pid}/ns/user`, 0), (userns) => {
      step(
        "map the ids of the rootfs",
        "mount_setattr(2): its files are the container's own, on disk they stay as they are",
      );
      setMountAttributes(tree, { set: MOUNT_ATTR.MOUNT_ATTR_IDMAP, userns });
    });
    if (toHost(uidMappings, owner) === undefined)
      warn(
        `${path} belongs to the user ${owner} of the host, whom the container does not have: it can only read the files`,
      );
  } catch (error) {
    if (!isErrno(error, EINVAL, EPERM, EOPNOTSUPP)) throw error;
    warn(
      `the file system of ${path} allows no id-mapped mount: its files belong to ids outside of the container, which can only read them`,
    );
  }
  return tree;
}
