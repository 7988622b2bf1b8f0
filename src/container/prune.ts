// Owns cleaning up after supervisors that ended without doing so themselves. A caller's container is never touched.

import { listDirectory, rmdir } from "../sys/directory.ts";
import { withFd } from "../sys/file.ts";
import { lock, unlock } from "../sys/lock.ts";
import { endProcess, removeCgroup, removeDirectory, removeFiles } from "./delete.ts";
import { hasState, isLocked, readState, tryOpenDirectory } from "./state.ts";
import { isForeign, openRoot } from "./state-root.ts";

/** How long, in milliseconds, a command waits for a process of another container that does not end (in state D). */
const PATIENCE = 100;

/** Removes the containers of dead supervisors. @throws SysError */
export function prune(): void {
  const root = openRoot();
  withFd(root.fd, (fd) => {
    for (const name of listDirectory(fd)) {
      const path = `${root.path}/${name}`;
      if (isForeign(path) || !mayBeDead(path)) continue;
      lock(fd);
      removeDead(path);
      unlock(fd);
    }
  });
}

/** False where the container is somebody's; true may also mean that it is not locked yet. */
function mayBeDead(path: string): boolean {
  const directory = tryOpenDirectory(path);
  return directory >= 0 && withFd(directory, (fd) => !isLocked(fd) && readState(fd)?.owner !== "caller");
}

/** Ends and removes what a dead supervisor left, with the lock of the root held. True when it is gone now. */
export function removeDead(path: string): boolean {
  const directory = tryOpenDirectory(path);
  if (directory < 0) return false;
  return withFd(directory, (fd) => {
    if (isLocked(fd)) return false;
    const state = readState(fd);
    // what cannot be read is not ours to remove: another version of minibox may have written it
    if (state ? state.owner === "caller" : hasState(fd)) return false;
    if (state) {
      const directory = { path, fd, state };
      endProcess(directory); // only one that has cleared its PR_SET_PDEATHSIG has outlived its supervisor
      if (removeCgroup(directory, PATIENCE).length > 0) return false;
    }
    removeFiles({ fd });
    return rmdir(path) === 0 || removeDirectory({ path });
  });
}
