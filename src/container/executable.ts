// Owns the descriptor of minibox's executable that the child is started from: one through which nobody can write the
// file.
//
// A program in a container can open /proc/PID/exe of a minibox process that enters the container (a script that starts
// with `#!/proc/self/exe` is one way), and open that for writing once the process has ended (CVE-2019-5736).

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
import { close, open } from "../sys/file.ts";
import { step } from "../sys/libc.ts";
import { memfdCreate } from "../sys/memory.ts";
import { setMountAttributes, tryOpenTree } from "../sys/mount.ts";
import { geteuid } from "../sys/process.ts";
import { statx } from "../sys/stat.ts";

const SELF = "/proc/self/exe";

/**
 * Makes a read-only mount of minibox's executable alone. Returns its descriptor, or open_tree(2)'s -errno.
 * @throws SysError
 */
export function cloneExecutable(): number {
  step(
    "clone a read-only mount of minibox's executable",
    "through /proc/PID/exe it can be read, but never written",
  );
  const tree = tryOpenTree(AT_FDCWD, SELF, 0);
  if (tree >= 0) setMountAttributes(tree, { set: MOUNT_ATTR.MOUNT_ATTR_RDONLY });
  return tree;
}

/** Returns a descriptor of minibox's executable through which it cannot be written, close-on-exec. @throws SysError */
export function openExecutable(): number {
  const tree = cloneExecutable();
  if (tree >= 0) return tree;
  // EINVAL: the executable is on no mount of this mount namespace, for example a memfd
  if (tree !== -EPERM && tree !== -ENOSYS && tree !== -EINVAL)
    throw new SysError("open_tree", [AT_FDCWD, SELF, 0], -tree, "clone the mount of minibox's executable");
  const file = open(SELF, 0);
  // Without real root, root in the container is the caller. A file that the caller cannot write needs no protection.
  if (statx(file).uid !== geteuid() && tryFaccessat(AT_FDCWD, SELF, W_OK) < 0) return file;
  const copy = sealedCopy(file);
  close(file);
  return copy;
}

/** Copies the whole executable into a sealed memfd, which nobody can change (memfd_create(2)). */
function sealedCopy(file: number): number {
  step(
    "copy minibox's executable into sealed memory",
    "the caller owns the file, so the container could write it",
  );
  const copy = memfdCreate("minibox", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  while (sendfile(copy, file, 1 << 30) > 0);
  fcntl(copy, F_ADD_SEALS, F_SEAL_ALL);
  return copy;
}
