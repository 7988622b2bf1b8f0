// Owns opening and checking the rootfs before anything is made for a container: an error for a wrong path is one clear
// line. Also owns the question whether the rootfs has a place for the host's resolv.conf.
//
// The path is resolved here and nowhere else. Whoever owns a directory on it can exchange what it leads to at any time,
// so everything later uses the descriptor: what was checked is what becomes the container's root.

import { NoRootfsError, RunError } from "../errors.ts";
import { tryFaccessat } from "../sys/access.ts";
import { AT_FDCWD, O, RESOLVE, S_IFMT, S_IFREG, W_OK } from "../sys/constants.ts";
import { isEmptyDirectory, pathOf, tryGetcwd } from "../sys/directory.ts";
import { EMFILE, ENOENT, ENOTDIR, errnoText, SysError } from "../sys/errno.ts";
import { tryOpenat, tryOpenat2, withFd } from "../sys/file.ts";
import { statx, tryStat } from "../sys/stat.ts";

/** A directory that can be a container's root. */
export interface Rootfs {
  /** open for reading */
  fd: number;
  /** absolute, for messages and records: it may lead elsewhere by now */
  path: string;
}

/**
 * Opens the directory that is to be a container's root; a relative path starts at the open directory `from`, and `shown`
 * is what errors call the path. @throws RunError
 */
export function openRootfs(path: string, from = AT_FDCWD, shown = path): Rootfs {
  if (path === "") throw new RunError("the rootfs is an empty string: give the path of a directory");
  const fd = tryOpenat(from, path, O.O_DIRECTORY);
  if (fd < 0) throw missing(shown, -fd);
  try {
    if (isEmptyDirectory(fd)) throw new NoRootfsError(`the rootfs ${shown} is empty`, shown);
    const absolute = pathOf(fd);
    if (absolute === "/")
      throw new RunError(
        "the rootfs is the host's own /",
        125,
        "a container needs a root directory of its own",
      );
    return { fd, path: absolute };
  } catch (error) {
    if (error instanceof SysError) throw unreadable(shown, error.errno);
    throw error;
  }
}

const RESOLV_CONF = "/etc/resolv.conf";

/**
 * Returns the path of the host's resolv.conf where it can be mounted in the rootfs: over a regular file, or over a file
 * that can be made in /etc. Undefined where it cannot, also for a symbolic link that leads to nothing: what it is meant
 * for is unknown.
 */
export function resolvConfFor(root: number): string | undefined {
  const host = tryStat(RESOLV_CONF);
  if (!host || (host.mode & S_IFMT) !== S_IFREG) return undefined;
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

/** Returns the error for a rootfs that cannot be opened as a directory. */
function missing(path: string, errno: number): Error {
  // a file's own path, as against one that goes through a file
  if (errno === ENOTDIR && tryStat(path))
    return new RunError(
      `the rootfs ${path} is not a directory`,
      125,
      "an archive must be unpacked first (tar -xf … -C DIR)",
    );
  if (errno !== ENOENT || isInDeleted(path)) return unreadable(path, errno);
  return new NoRootfsError(`the rootfs ${path} does not exist`, path);
}
