// Owns removing a container: everything that its state names, whoever made it.

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
 * Ends what still runs of a container and removes it: its cgroup, what was made for it in its rootfs, its directory. The
 * directory's descriptor, and with it the lock, goes last. @throws SysError
 */
export function deleteContainer(directory: StateDirectory, warn: (message: string) => void): void {
  endProcess(directory);
  for (const path of removeCgroup(directory)) warn(`the cgroup ${path} could not be removed`);
  removeFiles(directory);
  if (rmdir(directory.path) < 0)
    withFd(openRoot().fd, (root) => {
      // Whoever starts on the same rootfs either has its state by now, or makes its places itself.
      lock(root);
      removeDirectory(directory);
    });
  close(directory.fd);
}

/** Ends a container whose supervisor is there, or has left it; returns once all of it is removed. @throws SysError */
export function endSupervised(directory: StateDirectory): void {
  endProcess(directory);
  lock(directory.fd); // the supervisor lets the lock go when it has removed everything
  if (readState(directory.fd)) deleteContainer(directory, () => {});
  else close(directory.fd);
}

/** Kills the container's first process, where it is still that one. */
export function endProcess({ state: { pid, startTime } }: StateDirectory): void {
  if (isRunning(pid, startTime)) kill(pid, SIGNALS.KILL);
}

/** Removes the container's cgroup, with what lives in it; returns the directories that are left. */
export const removeCgroup = ({ state: { cgroup } }: StateDirectory, patience?: number): string[] =>
  cgroup ? openCgroup(cgroup).remove(patience) : [];

/** The state's own files. */
export function removeFiles({ fd }: Pick<StateDirectory, "fd">): void {
  for (const name of [START_SOCKET, `${STATE_FILE}.new`, STATE_FILE]) tryUnlinkat(fd, name, 0);
}

/** Removes a directory that may hold notes of what was made in a rootfs, with the lock of the root held. */
export function removeDirectory({ path }: Pick<StateDirectory, "path">): boolean {
  settleMade(path, (rootfs) => heirOf(rootfs, path));
  return rmdir(path) === 0;
}

/** The state directory of another living container that has this rootfs. */
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
