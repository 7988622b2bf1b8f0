// Owns checking the rootfs before anything is made for a container: an error for a wrong path is one clear line. Also
// owns the question whether the rootfs has a place for the host's resolv.conf.

import { NoRootfsError, RunError } from "../errors.ts";
import { tryFaccessat } from "../sys/access.ts";
import { O, RESOLVE, S_IFDIR, S_IFMT, S_IFREG, W_OK } from "../sys/constants.ts";
import { listDirectory, pathOf, tryGetcwd } from "../sys/directory.ts";
import { EMFILE, ENOENT, errnoText, SysError } from "../sys/errno.ts";
import { open, statx, tryOpen, tryOpenat2, tryStat, withFd } from "../sys/file.ts";

/** Checks that a path is a directory that can be a container's root; returns its absolute path. @throws RunError */
export function checkRootfs(path: string): string {
  if (path === "") throw new RunError("the rootfs is an empty string: give the path of a directory");
  const stat = tryStat(path);
  if (!stat) throw missing(path);
  if ((stat.mode & S_IFMT) !== S_IFDIR)
    throw new RunError(
      `the rootfs ${path} is not a directory`,
      125,
      "an archive must be unpacked first (tar -xf … -C DIR)",
    );
  try {
    return withFd(open(path, O.O_DIRECTORY), (fd) => {
      if (listDirectory(fd).length === 0) throw new NoRootfsError(`the rootfs ${path} is empty`, path);
      const absolute = pathOf(fd);
      if (absolute === "/")
        throw new RunError(
          "the rootfs is the host's own /",
          125,
          "a container needs a root directory of its own",
        );
      return absolute;
    });
  } catch (error) {
    if (error instanceof SysError) throw unreadable(path, error.errno);
    throw error;
  }
}

const RESOLV_CONF = "/etc/resolv.conf";

/**
 * Returns the path of the host's resolv.conf where it can be mounted in the rootfs: over a regular file, or over a file
 * that can be made in /etc. Undefined where it cannot, also for a symbolic link that leads to nothing: what it is meant
 * for is unknown.
 */
export function resolvConfFor(rootfs: string): string | undefined {
  const host = tryStat(RESOLV_CONF);
  if (!host || (host.mode & S_IFMT) !== S_IFREG) return undefined;
  return withFd(open(rootfs, O.O_PATH | O.O_DIRECTORY), (root) => {
    const inside = RESOLVE.RESOLVE_IN_ROOT | RESOLVE.RESOLVE_NO_MAGICLINKS;
    const etc = tryOpenat2(root, "/etc", O.O_PATH | O.O_DIRECTORY, inside);
    if (etc < 0) return undefined;
    return withFd(etc, () => {
      const file = tryOpenat2(root, RESOLV_CONF, O.O_PATH, inside);
      if (file >= 0)
        return withFd(file, () => ((statx(file).mode & S_IFMT) === S_IFREG ? RESOLV_CONF : undefined));
      const link = tryOpenat2(etc, "resolv.conf", O.O_PATH | O.O_NOFOLLOW, inside);
      if (link >= 0) return withFd(link, () => undefined);
      return tryFaccessat(etc, ".", W_OK) < 0 ? undefined : RESOLV_CONF;
    });
  });
}

/**
 * Returns the error for a rootfs that cannot be read. EMFILE is no fault of the rootfs: the call's own error has a
 * hint.
 */
function unreadable(path: string, errno: number): Error {
  if (errno === EMFILE) return new SysError("openat", [path], errno, `open the rootfs ${path}`);
  if (errno === ENOENT && isInDeleted(path))
    return new RunError(`the rootfs ${path} is relative, and the working directory was deleted`);
  return new RunError(`the rootfs ${path}: ${errnoText(errno)}`);
}

const isInDeleted = (path: string): boolean => !path.startsWith("/") && tryGetcwd() === -ENOENT;

function missing(path: string): Error {
  const errno = -tryOpen(path, O.O_PATH);
  if (errno > 0 && errno !== ENOENT) return unreadable(path, errno);
  if (isInDeleted(path)) return unreadable(path, ENOENT);
  return new NoRootfsError(`the rootfs ${path} does not exist`, path);
}
