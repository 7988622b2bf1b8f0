// Owns opening a file once more in a way that its inode cannot be changed by: through a read-only mount of it alone.

import { F_GETFL, F_SETFL, MOUNT_ATTR, O, O_ACCMODE } from "./constants.ts";
import { tryFcntl } from "./descriptor.ts";
import { close, tryOpen, trySeek, tryTell } from "./file.ts";
import { fdPath, setMountAttributes } from "./mount.ts";

/**
 * Opens the file of a descriptor again, in the same mode and at the same offset, through `tree`, a detached copy of its
 * mount, which is closed (open_tree(2)). Through the new descriptor a file cannot be written, nor its mode, owner or
 * times be changed (EROFS); FIFOs and devices can be written. Returns it, or -errno of open(2). @throws SysError
 */
export function reopenThrough(tree: number, fd: number): number {
  try {
    setMountAttributes(tree, { set: MOUNT_ATTR.MOUNT_ATTR_RDONLY | MOUNT_ATTR.MOUNT_ATTR_NOSUID });
    const flags = tryFcntl(fd, F_GETFL);
    // without O_NONBLOCK, open(2) of a FIFO waits for the other side
    const again = tryOpen(fdPath(tree), (flags & O_ACCMODE) | O.O_NONBLOCK | O.O_NOCTTY);
    if (again < 0) return again;
    tryFcntl(again, F_SETFL, flags);
    const offset = tryTell(fd);
    if (offset > 0) trySeek(again, offset);
    return again;
  } finally {
    close(tree);
  }
}
