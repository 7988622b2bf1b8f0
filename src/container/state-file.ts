// Owns opening what lies in a state root. In /tmp a container that has the host's /tmp may have put it there, so a path
// leads through no symbolic link, no open waits, and what is not a plain file or directory of this user's is not read.

import { decode } from "../sys/bytes.ts";
import { O, S_IFMT, S_IFREG, S_IFSOCK } from "../sys/constants.ts";
import { tryUnlinkat } from "../sys/directory.ts";
import { EACCES, ECONNREFUSED, EEXIST } from "../sys/errno.ts";
import { close, openat, readAll, tryOpen, tryOpenat, withFd } from "../sys/file.ts";
import { fdPath } from "../sys/mount.ts";
import { geteuid } from "../sys/process.ts";
import { tryConnect } from "../sys/socket.ts";
import { type Stat, statx } from "../sys/stat.ts";

let ownUid: number | undefined;

/** True where a file or directory belongs to this user, and nobody else may write it. */
export function isOurs({ uid, mode }: Stat): boolean {
  ownUid ??= geteuid(); // minibox does not change it outside of a container
  return uid === ownUid && (mode & 0o022) === 0;
}

/** Opens a container's directory. Returns the descriptor, or -errno: EACCES where it is not this user's alone. */
export function tryOpenDirectory(path: string): number {
  const fd = tryOpen(path, O.O_DIRECTORY | O.O_NOFOLLOW);
  if (fd < 0 || isOurs(statx(fd))) return fd;
  close(fd);
  return -EACCES;
}

/** In bytes. A larger file is none that minibox wrote: the kernel takes fewer words for a command. */
const LARGEST = 64 << 20;

/** What a file holds, and its mode. */
export interface Contents {
  text: string;
  mode: number;
}

/** Reads a regular file in a container's directory; undefined where there is none that is this user's alone. */
export function tryReadIn(directory: number, name: string, limit = LARGEST): Contents | undefined {
  const fd = tryOpenat(directory, name, O.O_NOFOLLOW | O.O_NONBLOCK);
  if (fd < 0) return undefined;
  return withFd(fd, () => {
    const stat = statx(fd);
    if (!isRegular(stat) || !isOurs(stat) || stat.size > limit) return undefined;
    try {
      return { text: decode(readAll(fd, name, limit)), mode: stat.mode };
    } catch {
      return undefined;
    }
  });
}

const isRegular = ({ mode }: Stat): boolean => (mode & S_IFMT) === S_IFREG;

/** Opens a new file for writing, in place of one that may be there. @throws SysError */
export function openNew(directory: number, name: string): number {
  const flags = O.O_WRONLY | O.O_CREAT | O.O_EXCL;
  const fd = tryOpenat(directory, name, flags, 0o600);
  if (fd !== -EEXIST) return fd >= 0 ? fd : openat(directory, name, flags, 0o600);
  tryUnlinkat(directory, name, 0);
  return openat(directory, name, flags, 0o600);
}

/** Opens a regular file to append to it, and makes it where it is missing; undefined where something else is there. */
export function tryOpenToAppend(directory: number, name: string): number | undefined {
  const flags = O.O_WRONLY | O.O_CREAT | O.O_APPEND | O.O_NOFOLLOW | O.O_NONBLOCK;
  const fd = tryOpenat(directory, name, flags, 0o600);
  if (fd < 0) return undefined;
  if (isRegular(statx(fd))) return fd;
  close(fd);
  return undefined;
}

/** True where a container's directory has an entry of this name, of whatever kind. */
export function hasEntry(directory: number, name: string): boolean {
  const fd = tryOpenat(directory, name, O.O_PATH | O.O_NOFOLLOW);
  if (fd >= 0) close(fd);
  return fd >= 0;
}

/** Connects to a socket in a container's directory. Returns the connection, or -errno, as connect(2) does. */
export function tryConnectIn(directory: number, name: string): number {
  const place = tryOpenat(directory, name, O.O_PATH | O.O_NOFOLLOW);
  if (place < 0) return place;
  return withFd(place, () =>
    (statx(place).mode & S_IFMT) === S_IFSOCK ? tryConnect(fdPath(place)) : -ECONNREFUSED,
  );
}
