// Owns the view of our own executable that the child is started from: one through which nobody can write it.
//
// Whoever is in a container may get to see the link /proc/PID/exe of a minibox process that enters it (an interpreter
// line `#!/proc/self/exe` is enough), and opens it for writing when that has ended (CVE-2019-5736).

import { AT_FDCWD, F_ADD_SEALS, MOUNT_ATTR } from "../sys/constants.ts";
import { EINVAL, ENOSYS, EPERM, SysError } from "../sys/errno.ts";
import { close, open, statx } from "../sys/file.ts";
import { attempt, call, step } from "../sys/libc.ts";
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
  if (statx(file).uid !== geteuid() && attempt("faccessat", AT_FDCWD, SELF, 2) < 0) return file;
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
  const MFD_CLOEXEC = 1;
  const MFD_ALLOW_SEALING = 2;
  const copy = call("memfd_create", "minibox", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  while (call("sendfile", copy, file, null, 1 << 30) > 0);
  const F_SEAL_ALL = 0xf;
  call("fcntl", copy, F_ADD_SEALS, F_SEAL_ALL);
  return copy;
}
