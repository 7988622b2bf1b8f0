// Owns the command's descriptors 0, 1 and 2, in the place of those that the child has inherited from minibox's caller.

import { type Descriptors, type Stream, streamName } from "../sync.ts";
import { AT_FDCWD, F_SETFD, MOUNT_ATTR, O, RESOLVE, S_IFCHR, S_IFMT } from "../sys/constants.ts";
import { dup3, tryFcntl } from "../sys/descriptor.ts";
import { close, open, tryOpen, tryOpenat2, withFd } from "../sys/file.ts";
import { step } from "../sys/libc.ts";
import { fdPath, openTree, setMountAttributes } from "../sys/mount.ts";
import { statx } from "../sys/stat.ts";

/**
 * Connects 0, 1 and 2. It is called while the host's /dev/null can still be opened, and before the user changes, who
 * is to own the pipes among them. @throws SysError
 */
export function connectStdio(
  root: number,
  terminal: number | undefined,
  streams: readonly Stream[],
  descriptors: Descriptors,
): void {
  step("connect stdin, stdout and stderr", "no descriptor leads to a file of the host");
  for (let fd = 0; fd < streams.length; fd++) {
    const stream = streams[fd]!;
    // Bun has made what it opened itself close-on-exec, where the caller had closed a standard descriptor
    if (stream === "same") tryFcntl(fd, F_SETFD, 0);
    else if (stream === "null") connectNull(root, fd);
    else dup3(stream === "terminal" ? terminal! : descriptors[streamName(fd)]!, fd, 0);
  }
}

function connectNull(root: number, fd: number): void {
  const device = openNull(root);
  dup3(device, fd, 0);
  close(device);
}

/**
 * Opens the container's own /dev/null. Where it has none, as without a /dev of its own, it is the host's through a
 * read-only mount, which lets a device be written, and its inode not be changed.
 */
function openNull(root: number): number {
  const resolve = RESOLVE.RESOLVE_IN_ROOT | RESOLVE.RESOLVE_NO_MAGICLINKS;
  const place = tryOpenat2(root, "/dev/null", O.O_PATH, resolve);
  if (place >= 0) {
    const own = isNull(place) ? tryOpen(fdPath(place), O.O_RDWR) : -1;
    close(place);
    if (own >= 0) return own;
  }
  return openHostNull();
}

function openHostNull(): number {
  return withFd(openTree(AT_FDCWD, "/dev/null", 0), (tree) => {
    setMountAttributes(tree, { set: MOUNT_ATTR.MOUNT_ATTR_RDONLY });
    return open(fdPath(tree), O.O_RDWR);
  });
}

function isNull(fd: number): boolean {
  const { mode, rdevMajor, rdevMinor } = statx(fd);
  return (mode & S_IFMT) === S_IFCHR && rdevMajor === 1 && rdevMinor === 3;
}
