// Owns where the states of all containers are: one directory, whose owner alone may write it.

import { RunError } from "../errors.ts";
import { AT_FDCWD, O } from "../sys/constants.ts";
import { tryMkdirat } from "../sys/directory.ts";
import { EACCES, EEXIST, ENOENT, EROFS, SysError } from "../sys/errno.ts";
import { close, readFile, statx, tryOpen, tryStat } from "../sys/file.ts";
import { geteuid } from "../sys/process.ts";

let chosenRoot: string | undefined;

/** Keeps all states in this directory instead, an absolute path without a slash at its end. */
export function useStateRoot(path: string): void {
  chosenRoot = path;
}

/** The directory of all states: the chosen one, else /run/minibox for root, or in a user's own runtime directory. */
export function stateRoot(): string {
  if (chosenRoot !== undefined) return chosenRoot;
  const uid = geteuid();
  return uid === 0 ? "/run/minibox" : ownRoot(uid, uid);
}

/** `hostUid` names it: root of a user namespace is somebody else for the others who use /tmp. */
function ownRoot(uid: number, hostUid: number): string {
  const own = process.env.XDG_RUNTIME_DIR;
  // su keeps the variable of the user before: that directory is closed to us
  return own?.startsWith("/") && tryStat(own)?.uid === uid ? `${own}/minibox` : `/tmp/minibox-${hostUid}`;
}

/** Opens the root of all states, making it where missing; another user's directory in its place is refused. */
export function openRoot(): { path: string; fd: number } {
  const path = stateRoot();
  const fd = openOrMake(path);
  if (fd >= 0) return checkOwner(path, fd);
  if (chosenRoot !== undefined || geteuid() !== 0 || (fd !== -EACCES && fd !== -EROFS && fd !== -ENOENT))
    throw new SysError("openat", [path], -fd, `open the state directory ${path}`);
  // root of a user namespace, to whom the host's /run is closed
  const [, outside] = readFile("/proc/self/uid_map").trim().split(/\s+/);
  const instead = ownRoot(0, Number(outside));
  const other = openOrMake(instead);
  if (other < 0) throw new SysError("openat", [instead], -other, `open the state directory ${instead}`);
  return checkOwner(instead, other);
}

/** The descriptor, or -errno. */
function openOrMake(path: string): number {
  const flags = O.O_DIRECTORY | O.O_NOFOLLOW;
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

/** A directory that the caller chose may hold more than states. */
export const isForeign = (path: string): boolean =>
  chosenRoot !== undefined && !["state.json", "made"].some((name) => tryStat(`${path}/${name}`, false));
