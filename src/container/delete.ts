// Owns removing a container: everything that its state records, whichever process made it.

import { openCgroup } from "../cgroup/index.ts";
import { O, SIGNALS } from "../sys/constants.ts";
import { listDirectory, rmdir, tryUnlinkat } from "../sys/directory.ts";
import { close, open, tryStat, withFd } from "../sys/file.ts";
import { lock } from "../sys/lock.ts";
import { isRunning, kill } from "../sys/process.ts";
import { isSame, settleMade } from "./made.ts";
import {
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
  endProcess(directory);
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

/** Kills a supervisor's container; returns once the supervisor, or else this call, has removed it. @throws SysError */
export function endSupervised(directory: StateDirectory): void {
  endProcess(directory);
  lock(directory.fd); // waits: the supervisor holds the lock until it has removed everything, or ends
  if (readState(directory.fd)) deleteContainer(directory, () => {});
  else close(directory.fd);
}

/** Kills the container's first process, unless its pid belongs to another process by now. */
export function endProcess({ state: { pid, startTime } }: StateDirectory): void {
  if (isRunning(pid, startTime)) kill(pid, SIGNALS.KILL);
}

/**
 * Kills what is in the container's cgroup and removes it. `patience` is in milliseconds. Returns the paths that are
 * left.
 */
export const removeCgroup = ({ state: { cgroup } }: StateDirectory, patience?: number): string[] =>
  cgroup ? openCgroup(cgroup).remove(patience) : [];

/** Removes the files that the state consists of. */
export function removeFiles({ fd }: Pick<StateDirectory, "fd">): void {
  for (const name of [START_SOCKET, `${STATE_FILE}.new`, STATE_FILE]) tryUnlinkat(fd, name, 0);
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
function heirOf(rootfs: string, except: string): string | undefined {
  const wanted = tryStat(rootfs);
  const all = except.slice(0, except.lastIndexOf("/"));
  for (const name of withFd(open(all, O.O_DIRECTORY), listDirectory)) {
    const path = `${all}/${name}`;
    if (path === except || !wanted) continue;
    const fd = tryOpenDirectory(path);
    if (fd >= 0 && withFd(fd, () => usesRootfs(fd, wanted))) return path;
  }
  return undefined;
}

function usesRootfs(fd: number, rootfs: NonNullable<ReturnType<typeof tryStat>>): boolean {
  const state = readState(fd);
  if (!state || !isSame(rootfs, tryStat(state.spec.root.path))) return false;
  return state.owner === "supervisor" ? isLocked(fd) : isRunning(state.pid, state.startTime);
}
