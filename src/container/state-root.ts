// Owns the state root: the one directory that holds every container's state directory. Only its owner may write it.

import { RunError } from "../errors.ts";
import { AT_FDCWD, O, S_IFDIR, S_IFMT, S_ISVTX } from "../sys/constants.ts";
import { tryMkdirat } from "../sys/directory.ts";
import { EACCES, EEXIST, ENOENT, EROFS, SysError } from "../sys/errno.ts";
import { close, readFile, tryOpen } from "../sys/file.ts";
import { isInitialUserNamespace } from "../sys/namespace.ts";
import { geteuid } from "../sys/process.ts";
import { statx, tryStat } from "../sys/stat.ts";
import { isOurs } from "./state-file.ts";
import { type Place, placeInTmp } from "./tmp-root.ts";

let chosenRoot: string | undefined;
/** where openRoot() found it, or should have found it */
let foundRoot: string | undefined;

/** Chooses the state root (--root): an absolute path without a slash at its end. */
export function useStateRoot(path: string): void {
  chosenRoot = path;
}

/** Where root's containers are. Root never has them in $XDG_RUNTIME_DIR, which sudo(8) may have kept from the caller. */
const ROOTS_OWN = "/run/minibox";

/** Returns the path of the state root, for a message. */
export const stateRoot = (): string => chosenRoot ?? foundRoot ?? ROOTS_OWN;

/** So many entries of a state root are looked at. More are not minibox's doing, and nobody waits for them. */
export const MOST_ENTRIES = 10_000;

/**
 * Opens the state root, and makes it where it is missing: the chosen one, else /run/minibox for root, else one of the
 * user's. @throws RunError where it belongs to another user or others may write it, SysError
 */
export function openRoot(): Place {
  const known = chosenRoot ?? foundRoot;
  const root = known === undefined ? findRoot() : checkOwner(known, openOrMake(known));
  foundRoot = root.path;
  return root;
}

function findRoot(): Place {
  const uid = geteuid();
  if (uid !== 0) return openOwn(uid, uid);
  const fd = openOrMake(ROOTS_OWN);
  if (isRefused(fd)) {
    if (fd >= 0) close(fd);
    // this process is root of a user namespace, whose id on the host is another
    const [, outside] = readFile("/proc/self/uid_map").trim().split(/\s+/);
    return openOwn(0, Number(outside));
  }
  return checkOwner(ROOTS_OWN, fd);
}

/** True where this root may not write the host's /run, or where the host's root has its own containers there. */
const isRefused = (fd: number): boolean =>
  fd >= 0 ? !isOurs(statx(fd)) && !isInitialUserNamespace() : [-EACCES, -EROFS, -ENOENT].includes(fd);

/** Opens the user's own state root. `hostUid` is the user's id on the host: root of a user namespace is not id 0 there. */
function openOwn(uid: number, hostUid: number): Place {
  const runtime = runtimeDirectory(uid, hostUid);
  if (runtime === undefined) return placeInTmp(hostUid);
  const path = `${runtime}/minibox`;
  return checkOwner(path, openOrMake(path));
}

/**
 * The user's runtime directory: one that nobody else may write. su(1) keeps $XDG_RUNTIME_DIR of the user who called it; and
 * where the variable is not set, as for cron(8), the same directory is found as where it is.
 */
function runtimeDirectory(uid: number, hostUid: number): string | undefined {
  if (hostUid === 0) return undefined;
  return [process.env.XDG_RUNTIME_DIR, `/run/user/${hostUid}`].find((path) => {
    const stat = path?.startsWith("/") ? tryStat(path) : undefined;
    return stat && (stat.mode & S_IFMT) === S_IFDIR && stat.uid === uid && (stat.mode & 0o022) === 0;
  });
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

function checkOwner(path: string, fd: number): Place {
  foundRoot = path;
  if (fd < 0) throw new SysError("openat", [path], -fd, `open the state directory ${path}`);
  if (isOurs(statx(fd))) return { path, fd };
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
  chosenRoot !== undefined &&
  ((tryStat(path, false)?.mode ?? 0) & (S_ISVTX | 0o777)) !== STATE_DIRECTORY_MODE;
