// Owns removing a container: everything that its state records, whichever process made it.

import { openCgroup } from "../cgroup/index.ts";
import type { Cgroup } from "../cgroup/types.ts";
import { O } from "../sys/constants.ts";
import { listDirectory, rmdir, tryUnlinkat } from "../sys/directory.ts";
import { close, open, withFd } from "../sys/file.ts";
import { type Identity, isSame, tryStat } from "../sys/stat.ts";
import { isAlive } from "./first-process.ts";
import { IDS_FILE } from "./ids.ts";
import { endProcess } from "./kill.ts";
import { type Heir, settleMade } from "./made.ts";
import { isLocked, readState, START_SOCKET, STATE_FILE, type State, type StateDirectory } from "./state.ts";
import { tryOpenDirectory } from "./state-file.ts";
import { lockDirectory } from "./state-lock.ts";
import { MOST_ENTRIES, openRoot } from "./state-root.ts";

/**
 * Removes a container whose first process has ended or was killed: its cgroup with the processes that are left there, what
 * was made in its rootfs, and its state directory. Closes the descriptors, the directory's at the end, which releases the
 * lock. `cgroup` is the container's, for who made it and need not ask how far the record of it is believed.
 * @throws SysError
 */
export function deleteContainer(
  directory: StateDirectory,
  warn: (message: string) => void,
  cgroup: Cgroup | undefined = openCgroup(directory.state.cgroup),
): void {
  for (const path of cgroup?.remove() ?? []) warn(`the cgroup ${path} could not be removed`);
  if (directory.file !== undefined) close(directory.file);
  tryUnlinkat(directory.fd, STATE_FILE, 0); // nearly every container has no other file
  if (rmdir(directory.path) < 0) {
    removeFiles(directory);
    if (rmdir(directory.path) < 0) removeWithNotes(directory);
  }
  close(directory.fd);
}

function removeWithNotes(directory: StateDirectory): void {
  const root = openRoot();
  withFd(root.fd, () => {
    // The lock orders this against claim(): a new container on the same rootfs has recorded its state already and
    // inherits the notes, or has to wait, and makes its mount points itself.
    lockDirectory(root.fd, root.path);
    removeDirectory(directory, directory.state.spec.root.path);
  });
}

/**
 * Kills a container and returns once it is removed, even where another process holds its lock. The first process is
 * killed before the lock is taken: the lock's holder may be waiting for it, and a supervisor then removes everything
 * and releases the lock. @throws SysError
 */
export function endContainer(directory: StateDirectory, warn: (message: string) => void): void {
  endProcess(directory.state);
  lockDirectory(directory.fd, directory.path);
  const state = readState(directory.fd, directory.state.id);
  if (state) {
    endProcess(state);
    deleteContainer({ ...directory, state }, warn);
  } else close(directory.fd);
}

/**
 * Kills what is in the container's cgroup and removes it. `patience` is in milliseconds. Returns the paths that are
 * left.
 */
export const removeCgroup = ({ cgroup }: State, patience?: number): string[] =>
  openCgroup(cgroup)?.remove(patience) ?? [];

/** Removes the files that the state consists of. */
export function removeFiles({ fd }: Pick<StateDirectory, "fd">): void {
  for (const name of [START_SOCKET, `${STATE_FILE}.new`, STATE_FILE, IDS_FILE]) tryUnlinkat(fd, name, 0);
}

/**
 * Removes a state directory, and what its notes say was made in the rootfs, whose path the state names. The caller holds
 * the lock of the state root. False where the directory could not be removed.
 */
export function removeDirectory(
  { path, fd }: Pick<StateDirectory, "path" | "fd">,
  rootfs: string | undefined,
): boolean {
  settleMade(fd, rootfs, (root, inherit) => withHeir(root, path, inherit));
  return rmdir(path) === 0;
}

/** Calls `use` with other containers that have this rootfs and are not dead, until it returns true for one. */
function withHeir(rootfs: Identity, except: string, use: (heir: Heir) => boolean): boolean {
  const slash = except.lastIndexOf("/");
  const all = except.slice(0, slash);
  for (const id of withFd(open(all, O.O_DIRECTORY), (fd) => listDirectory(fd, MOST_ENTRIES))) {
    const directory = id === except.slice(slash + 1) ? -1 : tryOpenDirectory(`${all}/${id}`);
    if (directory < 0) continue;
    const isHeir = withFd(directory, () => {
      const root = rootOf(directory, id, rootfs);
      return root !== undefined && use({ directory, root });
    });
    if (isHeir) return true;
  }
  return false;
}

/** The path of a container's rootfs, where it is this one and the container is not dead. */
function rootOf(directory: number, id: string, rootfs: Identity): string | undefined {
  const state = readState(directory, id);
  const path = state?.spec.root.path;
  if (!state || path === undefined || !isSame(rootfs, tryStat(path, true, false))) return undefined;
  return (state.owner === "supervisor" ? isLocked(directory) : isAlive(state)) ? path : undefined;
}
