// Owns the state root of a user who has no runtime directory: a directory in /tmp. Any user can make a directory of any
// name there, so the user's own is known by its owner, and has another name where somebody has taken the usual one.

import { RunError } from "../errors.ts";
import { AT_FDCWD, O, S_ISVTX } from "../sys/constants.ts";
import { listDirectory, tryMkdirat } from "../sys/directory.ts";
import { EEXIST, SysError } from "../sys/errno.ts";
import { close, tryOpen, withFd } from "../sys/file.ts";
import { statx, tryStat } from "../sys/stat.ts";
import { isOurs } from "./state-file.ts";

/** A state root, open. */
export interface Place {
  path: string;
  fd: number;
}

const TMP = "/tmp";

/** So many entries of /tmp are looked at. */
const MOST_ENTRIES = 100_000;

/** So many names can be foreseen, by others too. Those after them are random. */
const FIXED_NAMES = 10;
const MOST_NAMES = 20;

/**
 * Opens the directory of the user with this id on the host, and makes it where it is missing. One that was made while
 * somebody had taken the usual name is found also when that is free again. @throws RunError, SysError
 */
export function placeInTmp(hostUid: number): Place {
  const usual = `${TMP}/minibox-${hostUid}`;
  checkSticky(usual);
  const place = tryOpenOwn(usual) ?? tryFind(usual);
  if (place) return place;
  for (let i = 0; i < MOST_NAMES; i++) {
    const path = i === 0 ? usual : `${usual}.${i < FIXED_NAMES ? i : crypto.randomUUID().slice(0, 8)}`;
    const made = tryMkdirat(AT_FDCWD, path, 0o700);
    if (made < 0 && made !== -EEXIST)
      throw new SysError("mkdirat", [path], -made, `open the state directory ${path}`);
    const own = tryOpenOwn(path);
    if (own) return own;
  }
  throw taken(usual);
}

const taken = (usual: string): RunError =>
  new RunError(
    `${usual} is taken by another user, and ${TMP} is too full to find or make another`,
    125,
    "keep the containers' states elsewhere: set XDG_RUNTIME_DIR to a directory of your own, or use --root DIR",
  );

/** Finds the user's directory by its owner. The first name counts, so that all commands find the same one. */
function tryFind(usual: string): Place | undefined {
  const fd = tryOpen(TMP, O.O_DIRECTORY);
  if (fd < 0) return undefined;
  const names = withFd(fd, () => listDirectory(fd, MOST_ENTRIES));
  for (const name of names.toSorted()) {
    const path = `${TMP}/${name}`;
    const place = path.startsWith(`${usual}.`) ? tryOpenOwn(path) : undefined;
    if (place) return place;
  }
  if (names.length >= MOST_ENTRIES) throw taken(usual);
  return undefined;
}

/** Opens a directory of this user's alone; undefined where the path is free, or leads to something else. */
function tryOpenOwn(path: string): Place | undefined {
  const fd = tryOpen(path, O.O_DIRECTORY | O.O_NOFOLLOW);
  if (fd < 0) return undefined;
  if (isOurs(statx(fd))) return { path, fd };
  close(fd);
  return undefined;
}

/** Where /tmp has no sticky bit, others can exchange the directory for one of theirs (inode(7)). @throws RunError */
function checkSticky(usual: string): void {
  const mode = tryStat(TMP)?.mode ?? 0;
  if ((mode & 0o022) === 0 || (mode & S_ISVTX) !== 0) return;
  throw new RunError(
    `${usual} would not be safe: everybody may rename what is in ${TMP}, which has no sticky bit`,
    125,
    `chmod +t ${TMP} as root, or keep the containers' states elsewhere (--root DIR)`,
  );
}
