// Owns removing a container: everything that its state records, whichever process made it.

import { openCgroup } from "../cgroup/index.ts";
import { O } from "../sys/constants.ts";
import { listDirectory, rmdir, tryUnlinkat } from "../sys/directory.ts";
import { close, open, tryStat, withFd } from "../sys/file.ts";
import { lock } from "../sys/lock.ts";
import { isRunning } from "../sys/process.ts";
import { IDS_FILE } from "./ids.ts";
import { endProcess } from "./kill.ts";
import { type Identity, isSame, settleMade } from "./made.ts";
import {
  CREATING,
  isLocked,
  readState,
  START_SOCKET,
  STATE_FILE,
  type StateDirectory,
  tryOpenDirectory,
} from "./state.ts";
import { openRoot } from "./state-root.ts";

/**
 * Kills a container's processes and removes its cgroup, what was made in its rootfs, and its state directory. Closes
 * the directory's descriptor at the end, which releases the lock. @throws SysError
 */
export function deleteContainer(directory: StateDirectory, warn: (message: string) => void): void {
  endProcess(directory.state);
  for (const path of removeCgroup(directory)) warn(`the cgroup ${path} could not be removed`);
  removeFiles(directory);
  if (rmdir(directory.path) < 0)
    withFd(openRoot().fd, (root) => {
      // The lock orders this against claim(): a new container on the same rootfs has recorded its state already and
      // inherits the notes, or has to wait, and makes its mount points itself.
      lock(root);
      removeDirectory(directory);
    });
  close(directory.fd);
}

/**
 * Kills a container and returns once it is removed, even where another process holds its lock. The first process is
 * killed before the lock is taken: the lock's holder may be waiting for it, and a supervisor then removes everything
 * and releases the lock. @throws SysError
 */
export function endContainer(directory: StateDirectory, warn: (message: string) => void): void {
  endProcess(directory.state);
  lock(directory.fd);
  const state = readState(directory.fd);
  if (state) deleteContainer({ ...directory, state }, warn);
  else close(directory.fd);
}

/**
 * Kills what is in the container's cgroup and removes it. `patience` is in milliseconds. Returns the paths that are
 * left.
 */
export const removeCgroup = ({ state: { cgroup } }: StateDirectory, patience?: number): string[] =>
  cgroup ? openCgroup(cgroup).remove(patience) : [];

/** Removes the files that the state consists of. */
export function removeFiles({ fd }: Pick<StateDirectory, "fd">): void {
  for (const name of [CREATING, START_SOCKET, `${STATE_FILE}.new`, STATE_FILE, IDS_FILE])
    tryUnlinkat(fd, name, 0);
}

/**
 * Removes a state directory, and what its notes say was made in the rootfs. The caller holds the lock of the state
 * root. False where the directory could not be removed.
 */
export function removeDirectory({ path }: Pick<StateDirectory, "path">): boolean {
  settleMade(path, (rootfs) => heirOf(rootfs, path));
  return rmdir(path) === 0;
}

/**
 * Returns the state directory of another container that has this rootfs and is not dead; undefined where there is none.
 */
function heirOf(rootfs: Identity, except: string): string | undefined {
  const all = except.slice(0, except.lastIndexOf("/"));
  for (const name of withFd(open(all, O.O_DIRECTORY), listDirectory)) {
    const path = `${all}/${name}`;
    if (path === except) continue;
    const fd = tryOpenDirectory(path);
    if (fd >= 0 && withFd(fd, () => usesRootfs(fd, rootfs))) return path;
  }
  return undefined;
}

function usesRootfs(fd: number, rootfs: Identity): boolean {
  const state = readState(fd);
  if (!state || !isSame(rootfs, tryStat(state.spec.root.path))) return false;
  return state.owner === "supervisor" ? isLocked(fd) : isRunning(state.pid, state.startTime);
}
