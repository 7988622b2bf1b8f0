// Owns the state root: the one directory that holds every container's state directory. Only its owner may write it.

import { RunError } from "../errors.ts";
import { AT_FDCWD, O } from "../sys/constants.ts";
import { tryMkdirat } from "../sys/directory.ts";
import { EACCES, EEXIST, ENOENT, EROFS, SysError } from "../sys/errno.ts";
import { close, readFile, statx, tryOpen, tryStat } from "../sys/file.ts";
import { geteuid } from "../sys/process.ts";

let chosenRoot: string | undefined;

/** Chooses the state root (--root): an absolute path without a slash at its end. */
export function useStateRoot(path: string): void {
  chosenRoot = path;
}

/**
 * Returns the path of the state root: the chosen one, else /run/minibox for root, else one in the user's runtime
 * directory.
 */
export function stateRoot(): string {
  if (chosenRoot !== undefined) return chosenRoot;
  const uid = geteuid();
  return uid === 0 ? "/run/minibox" : ownRoot(uid, uid);
}

/**
 * `hostUid` is the user's id on the host. It names the directory in /tmp, where root of a user namespace is not id 0.
 */
function ownRoot(uid: number, hostUid: number): string {
  const own = process.env.XDG_RUNTIME_DIR;
  // su(1) keeps the variable of the user who called it: that directory belongs to another user
  return own?.startsWith("/") && tryStat(own)?.uid === uid ? `${own}/minibox` : `/tmp/minibox-${hostUid}`;
}

/**
 * Opens the state root, and makes it where it is missing. @throws RunError where it belongs to another user or others
 * may write it, SysError
 */
export function openRoot(): { path: string; fd: number } {
  const path = stateRoot();
  const fd = openOrMake(path);
  if (fd >= 0) return checkOwner(path, fd);
  if (chosenRoot !== undefined || geteuid() !== 0 || (fd !== -EACCES && fd !== -EROFS && fd !== -ENOENT))
    throw new SysError("openat", [path], -fd, `open the state directory ${path}`);
  // this process is root of a user namespace, which may not write the host's /run
  const [, outside] = readFile("/proc/self/uid_map").trim().split(/\s+/);
  const instead = ownRoot(0, Number(outside));
  const other = openOrMake(instead);
  if (other < 0) throw new SysError("openat", [instead], -other, `open the state directory ${instead}`);
  return checkOwner(instead, other);
}

/** Opens a directory, and makes it where it is missing. Returns the descriptor, or -errno. */
function openOrMake(path: string): number {
  // A link is followed only where the caller chose the path: in /tmp any user could have made the link.
  const flags = O.O_DIRECTORY | (path === chosenRoot ? 0 : O.O_NOFOLLOW);
  const fd = tryOpen(path, flags);
  if (fd !== -ENOENT) return fd;
  makeAbove(path);
  const made = tryMkdirat(AT_FDCWD, path, 0o700);
  return made < 0 && made !== -EEXIST ? made : tryOpen(path, flags);
}

/** Makes the directories that lead to a path, as far as they are missing. */
function makeAbove(path: string): void {
  const above = path.slice(0, path.lastIndexOf("/"));
  if (above === "" || tryStat(above) !== undefined) return;
  makeAbove(above);
  tryMkdirat(AT_FDCWD, above, 0o755);
}

function checkOwner(path: string, fd: number): { path: string; fd: number } {
  const { uid, mode } = statx(fd);
  if (uid === geteuid() && (mode & 0o022) === 0) return { path, fd };
  close(fd);
  throw new RunError(
    `${path} belongs to somebody else or is writable for others: remove it, or use another (--root)`,
  );
}

/**
 * The mode of a container's state directory. The sticky bit, which has no meaning there, tells it from what else a state
 * root may hold, also where minibox was killed before it had written a file.
 */
export const STATE_DIRECTORY_MODE = 0o1700;

/** True where a directory is not a container's. Only a state root that the caller chose may hold such directories. */
export const isForeign = (path: string): boolean =>
  chosenRoot !== undefined && ((tryStat(path, false)?.mode ?? 0) & 0o1777) !== STATE_DIRECTORY_MODE;
