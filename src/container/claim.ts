// Owns taking a container's name: its state directory is made and locked before anything else of the container exists.

import { RunError } from "../errors.ts";
import { AT_FDCWD } from "../sys/constants.ts";
import { tryMkdirat } from "../sys/directory.ts";
import { EEXIST, SysError } from "../sys/errno.ts";
import { withFd } from "../sys/file.ts";
import { step } from "../sys/libc.ts";
import type { UserNamespaceWork } from "../userns/types.ts";
import { takeIds, writeIds } from "./ids.ts";
import { removeAllDead, removeDead } from "./prune.ts";
import { type State, type StateDirectory, writeState } from "./state.ts";
import { tryOpenDirectory } from "./state-file.ts";
import { lockDirectory } from "./state-lock.ts";
import { openRoot, STATE_DIRECTORY_MODE } from "./state-root.ts";

/**
 * Makes a container's state directory, locks it, and writes the state and the ids that the container's user namespace
 * is to have; `rootfs` is a descriptor of its rootfs. @throws RunError when the name is in use or no ids are left, SysError
 */
export function claim(state: State, userns: UserNamespaceWork | undefined, rootfs: number): StateDirectory {
  step("record the container's state", "done first: the record says what to remove, even after a crash");
  const root = openRoot();
  return withFd(root.fd, (rootFd) => {
    // A new directory is locked before the lock of the state root is released. So a process that holds the root's lock
    // and finds a directory without a lock knows that its supervisor is dead.
    lockDirectory(rootFd, root.path);
    const ids = userns && takeIds(root.path, userns, rootfs, () => removeAllDead(root.path, rootFd));
    const path = `${root.path}/${state.id}`;
    let made = tryMkdirat(AT_FDCWD, path, STATE_DIRECTORY_MODE);
    if (made === -EEXIST && removeDead(root.path, state.id))
      made = tryMkdirat(AT_FDCWD, path, STATE_DIRECTORY_MODE);
    if (made === -EEXIST) throw new RunError(`the name ${state.id} is in use by another container`);
    if (made < 0) throw new SysError("mkdirat", [path], -made, `create ${path}`);
    const fd = tryOpenDirectory(path);
    if (fd < 0) throw new SysError("openat", [path], -fd, `open ${path}`);
    lockDirectory(fd, path); // waits: a process that checks whether the container is dead holds this lock for a moment
    const directory = { path, fd, state };
    if (ids) writeIds(fd, ids);
    writeState(directory);
    return directory;
  });
}
