// Owns the view of our own executable that the child is started from: one through which nobody can write it.
//
// Whoever is in a container may get to see the link /proc/PID/exe of a minibox process that enters it (an interpreter
// line `#!/proc/self/exe` is enough), and opens it for writing when that has ended (CVE-2019-5736).

import { tryFaccessat } from "../sys/access.ts";
import {
  AT_FDCWD,
  F_ADD_SEALS,
  F_SEAL_ALL,
  MFD_ALLOW_SEALING,
  MFD_CLOEXEC,
  MOUNT_ATTR,
  W_OK,
} from "../sys/constants.ts";
import { fcntl, sendfile } from "../sys/descriptor.ts";
import { EINVAL, ENOSYS, EPERM, SysError } from "../sys/errno.ts";
import { close, open, statx } from "../sys/file.ts";
import { step } from "../sys/libc.ts";
import { memfdCreate } from "../sys/memory.ts";
import { setMountAttributes, tryOpenTree } from "../sys/mount.ts";
import { geteuid } from "../sys/process.ts";

const SELF = "/proc/self/exe";

/** A read-only mount of its own, or -errno where we may not make one. @throws SysError */
export function cloneExecutable(): number {
  step(
    "clone a read-only mount of our own executable",
    "through /proc/PID/exe it can be read, but never written",
  );
  const tree = tryOpenTree(AT_FDCWD, SELF, 0);
  if (tree >= 0) setMountAttributes(tree, { set: MOUNT_ATTR.MOUNT_ATTR_RDONLY });
  return tree;
}

/** A descriptor to execute, close-on-exec. @throws SysError */
export function openExecutable(): number {
  const tree = cloneExecutable();
  if (tree >= 0) return tree;
  // EINVAL: it runs from no mount of this namespace, as from a memfd
  if (tree !== -EPERM && tree !== -ENOSYS && tree !== -EINVAL)
    throw new SysError("open_tree", [AT_FDCWD, SELF, 0], -tree, "clone the mount of our own executable");
  const file = open(SELF, 0);
  // what is not the caller's to write is not the container's either: without root, its root is the caller
  if (statx(file).uid !== geteuid() && tryFaccessat(AT_FDCWD, SELF, W_OK) < 0) return file;
  const copy = sealedCopy(file);
  close(file);
  return copy;
}

/** The whole executable in memory that cannot be changed any more (memfd_create(2)): for want of anything cheaper. */
function sealedCopy(file: number): number {
  step(
    "copy our own executable into sealed memory",
    "the caller owns the file, so the container could write it",
  );
  const copy = memfdCreate("minibox", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  while (sendfile(copy, file, 1 << 30) > 0);
  fcntl(copy, F_ADD_SEALS, F_SEAL_ALL);
  return copy;
}
