// Owns removing the containers of supervisors that ended without removing them. A caller's container is never touched. What
// others have put into the state root delays a run at most, and never ends it.

import { listDirectory, rmdir } from "../sys/directory.ts";
import { withFd } from "../sys/file.ts";
import { tryLockFor, unlock } from "../sys/lock.ts";
import { removeCgroup, removeDirectory, removeFiles } from "./delete.ts";
import { endProcess } from "./kill.ts";
import { hasState, isLocked, isName, readState } from "./state.ts";
import { tryOpenDirectory } from "./state-file.ts";
import { lockDirectory } from "./state-lock.ts";
import { isForeign, MOST_ENTRIES, openRoot } from "./state-root.ts";

/** How long, in milliseconds, a command waits for a killed process of another container that does not end (state D). */
const PATIENCE = 100;

/**
 * How long, in milliseconds, a run looks after others. Its own command may run by then, and nobody passes signals on to it or
 * ends it after its time. What is left is removed by the next run.
 */
const LOOK_AFTER = 300;

/** Removes the containers of dead supervisors, as far as that is possible; `own` is the caller's, which is none of them. */
export function prune(own: string): void {
  try {
    const root = openRoot();
    withFd(root.fd, (fd) => {
      const started = performance.now();
      for (const id of listDirectory(fd, MOST_ENTRIES)) {
        if (id === own || !mayBeDead(root.path, id)) continue;
        const left = LOOK_AFTER - (performance.now() - started);
        if (left < 0 || !tryLockFor(fd, left)) return;
        removeDead(root.path, id);
        unlock(fd);
      }
    });
  } catch {
    // the run that prunes does not need it; whatever is in the way will be in the way of those whose containers these are
  }
}

/** Does the same for a caller that holds the lock of the state root, open as `fd`. @throws SysError */
export function removeAllDead(root: string, fd: number): void {
  for (const id of listDirectory(fd, MOST_ENTRIES)) if (mayBeDead(root, id)) removeDead(root, id);
}

/**
 * False for what is no container's, and where a supervisor holds the lock, or a caller owns the container. True also for one
 * that is not locked yet.
 */
function mayBeDead(root: string, id: string): boolean {
  const path = `${root}/${id}`;
  if (isForeign(path)) return false;
  const directory = tryOpenDirectory(path);
  return directory >= 0 && withFd(directory, (fd) => !isLocked(fd) && readState(fd, id)?.owner !== "caller");
}

/**
 * Ends and removes a dead supervisor's container. The caller holds the lock of the state root. True where it is gone.
 */
export function removeDead(root: string, id: string): boolean {
  const path = `${root}/${id}`;
  const directory = tryOpenDirectory(path);
  if (directory < 0) return false;
  return withFd(directory, (fd) => {
    if (isLocked(fd)) return false;
    const state = readState(fd, id);
    // a state that cannot be read is left alone: another version of minibox may have written it
    if (state ? state.owner === "caller" : hasState(fd)) return false;
    if (state) {
      endProcess(state); // one without a keeper (sys/keeper.ts) can outlive its supervisor
      if (removeCgroup(state, PATIENCE).length > 0) return false;
    }
    return removeWhole(path, fd, state?.spec.root.path);
  });
}

function removeWhole(path: string, fd: number, rootfs: string | undefined): boolean {
  removeFiles({ fd });
  return rmdir(path) === 0 || removeDirectory({ path, fd }, rootfs);
}

/** Removes what a maker that was killed early left of a container: a directory without a state. @throws RunError, SysError */
export function removeStateless(id: string): void {
  const root = openRoot();
  withFd(root.fd, (fd) => {
    lockDirectory(fd, root.path);
    if (isName(id)) removeDead(root.path, id);
  });
}

/**
 * Removes a container whose state cannot be read, unless its supervisor still runs. Nothing is known of such a container
 * but its notes. False where there is none, or it could not be removed. @throws RunError, SysError
 */
export function removeUnreadable(id: string): boolean {
  if (!isName(id)) return false;
  const root = openRoot();
  const path = `${root.path}/${id}`;
  return withFd(root.fd, (rootFd) => {
    const directory = tryOpenDirectory(path);
    if (directory < 0) return false;
    return withFd(directory, (fd) => {
      if (readState(fd, id) || !hasState(fd) || isForeign(path)) return false;
      lockDirectory(rootFd, root.path);
      return !isLocked(fd) && !readState(fd, id) && removeWhole(path, fd, undefined);
    });
  });
}
