// Owns removing the containers of supervisors that ended without removing them. A caller's container is never touched.

import { O } from "../sys/constants.ts";
import { listDirectory, rmdir } from "../sys/directory.ts";
import { open, withFd } from "../sys/file.ts";
import { lock, unlock } from "../sys/lock.ts";
import { removeCgroup, removeDirectory, removeFiles } from "./delete.ts";
import { endProcess } from "./kill.ts";
import { hasState, isLocked, isName, readState, tryOpenDirectory } from "./state.ts";
import { isForeign, openRoot } from "./state-root.ts";

/** How long, in milliseconds, a command waits for a killed process of another container that does not end (state D). */
const PATIENCE = 100;

/** Removes the containers of dead supervisors. @throws SysError */
export function prune(): void {
  const root = openRoot();
  withFd(root.fd, (fd) => {
    for (const path of perhapsDead(root.path)) {
      lock(fd);
      removeDead(path);
      unlock(fd);
    }
  });
}

/** Does the same for a caller that holds the lock of the state root. @throws SysError */
export function removeAllDead(root: string): void {
  for (const path of perhapsDead(root)) removeDead(path);
}

const perhapsDead = (root: string): string[] =>
  withFd(open(root, O.O_DIRECTORY), listDirectory)
    .map((name) => `${root}/${name}`)
    .filter((path) => !isForeign(path) && mayBeDead(path));

/**
 * False where a supervisor holds the lock, or a caller owns the container. True also for one that is not locked yet.
 */
function mayBeDead(path: string): boolean {
  const directory = tryOpenDirectory(path);
  return directory >= 0 && withFd(directory, (fd) => !isLocked(fd) && readState(fd)?.owner !== "caller");
}

/**
 * Ends and removes a dead supervisor's container. The caller holds the lock of the state root. True where it is gone.
 */
export function removeDead(path: string): boolean {
  const directory = tryOpenDirectory(path);
  if (directory < 0) return false;
  return withFd(directory, (fd) => {
    if (isLocked(fd)) return false;
    const state = readState(fd);
    // a state that cannot be read is left alone: another version of minibox may have written it
    if (state ? state.owner === "caller" : hasState(fd)) return false;
    if (state) {
      const directory = { path, fd, state };
      endProcess(state); // one without a keeper (sys/keeper.ts) can outlive its supervisor
      if (removeCgroup(directory, PATIENCE).length > 0) return false;
    }
    removeFiles({ fd });
    return rmdir(path) === 0 || removeDirectory({ path });
  });
}

/** Removes what a maker that was killed early left of a container: a directory without a state. @throws SysError */
export function removeStateless(id: string): void {
  const root = openRoot();
  withFd(root.fd, (fd) => {
    lock(fd);
    if (isName(id)) removeDead(`${root.path}/${id}`);
  });
}
