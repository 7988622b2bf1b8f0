// Owns the files and directories that minibox made in a rootfs as mount points and as a working directory. They are
// noted in the state directory of the container that needed them, and removed with it, unless somebody else uses them.

import { encode, unescapeOctal } from "../sys/bytes.ts";
import { AT, AT_FDCWD, O, RESOLVE, S_IFDIR, S_IFMT, S_IFREG } from "../sys/constants.ts";
import { listDirectory, tryReadlinkat, tryUnlinkat, unlink } from "../sys/directory.ts";
import {
  open,
  type Stat,
  statx,
  tryOpen,
  tryOpenat2,
  tryReadFile,
  tryStat,
  withFd,
  writeAll,
} from "../sys/file.ts";

/** What tells a file from every other, whatever path leads to it. */
export type Identity = Pick<Stat, "major" | "minor" | "inode">;

export const identityOf = ({ major, minor, inode }: Stat): Identity => ({ major, minor, inode });

export interface Made {
  /** the rootfs: its path may lead elsewhere by the time of removal, so it is told by its identity */
  root: string;
  rootIdentity: Identity;
  /** of the file or directory, inside the rootfs and without symbolic links */
  path: string;
  inode: number;
}

/** Adds a line to the notes for each thing that was made. @throws SysError */
export function noteMade(stateDirectory: string, made: readonly Made[]): void {
  const flags = O.O_WRONLY | O.O_CREAT | O.O_APPEND | O.O_NOFOLLOW;
  withFd(open(`${stateDirectory}/made`, flags, 0o600), (fd) =>
    writeAll(fd, encode(made.map((entry) => `${JSON.stringify(entry)}\n`).join(""))),
  );
}

/**
 * Removes the notes, and what is noted where it is still as it was made. `heirTo` returns the state directory of
 * another container on the same rootfs, if any. Removing a directory would end that container's mounts on it, so that
 * container gets the notes and nothing else is removed. @throws SysError
 */
export function settleMade(stateDirectory: string, heirTo: (rootfs: Identity) => string | undefined): void {
  const path = `${stateDirectory}/made`;
  const made = parse(tryReadFile(path) ?? "");
  const [first] = made;
  if (first) {
    const heir = heirTo(first.rootIdentity);
    if (heir !== undefined) noteMade(heir, made);
    else removeAll(first, made);
  }
  unlink(path);
}

/** Reads the notes. The last line is left out where a kill cut it short. */
function parse(text: string): Made[] {
  const made: Made[] = [];
  for (const line of text.split("\n")) {
    try {
      made.push(JSON.parse(line) as Made);
    } catch {}
  }
  return made;
}

const depth = ({ path }: Made): number => path.split("/").length;

function removeAll({ root: path, rootIdentity }: Made, made: readonly Made[]): void {
  const root = tryOpen(path, O.O_PATH | O.O_DIRECTORY);
  if (root < 0) return;
  withFd(root, () => {
    if (!isSame(rootIdentity, statx(root))) return;
    const inUse = placesInUse(rootIdentity);
    for (const entry of made.toSorted((a, b) => depth(b) - depth(a)))
      if (inUse && !inUse.has(entry.path)) remove(root, entry);
  });
}

/** True where both are the same file. */
export const isSame = (a: Identity, b: Identity | undefined): boolean =>
  a.inode === b?.inode && a.major === b.major && a.minor === b.minor;

/**
 * In bytes, for the mount tables of all those processes together. A container may mount as often and at as long paths
 * as it likes, in as many mount namespaces.
 */
const MOST_MOUNTINFO = 16 << 20;

/**
 * Returns the mount points and working directories of every process that has this directory as its root. They may
 * belong to another user's container, or to one of another state root, and removing a mount point would end its mount.
 * Undefined where there are too many to read: each may be in use then.
 */
function placesInUse(rootfs: Identity): Set<string> | undefined {
  const places = new Set<string>();
  const read = new Set<string | number>();
  let left = MOST_MOUNTINFO;
  for (const name of withFd(open("/proc", O.O_DIRECTORY), listDirectory)) {
    if (!/^\d+$/.test(name) || !isSame(rootfs, tryStat(`/proc/${name}/root`))) continue;
    places.add(String(tryReadlinkat(AT_FDCWD, `/proc/${name}/cwd`)));
    // with the same root, all processes in a mount namespace see the same mounts
    const namespace = tryReadlinkat(AT_FDCWD, `/proc/${name}/ns/mnt`);
    if (read.has(namespace)) continue;
    const mountinfo = mountinfoOf(name, left);
    if (mountinfo === "too large") return undefined;
    if (mountinfo === undefined) continue; // that process has ended; another may be in its namespace
    read.add(namespace);
    left -= mountinfo.length;
    // a line reads ID PARENT MAJOR:MINOR ROOT MOUNTPOINT …, with paths as the process sees them (proc_pid_mountinfo(5))
    for (const line of mountinfo.split("\n")) places.add(unescapeOctal(line.split(" ", 5)[4] ?? ""));
  }
  return places;
}

function mountinfoOf(pid: string, limit: number): string | "too large" | undefined {
  try {
    return tryReadFile(`/proc/${pid}/mountinfo`, limit);
  } catch {
    return "too large";
  }
}

/** Removes one file or directory, by descriptor: another process may exchange names in the rootfs at any time. */
function remove(root: number, { path, inode }: Made): void {
  const slash = path.lastIndexOf("/");
  const name = path.slice(slash + 1);
  const own = RESOLVE.RESOLVE_IN_ROOT | RESOLVE.RESOLVE_NO_SYMLINKS | RESOLVE.RESOLVE_NO_XDEV;
  const parent = tryOpenat2(root, path.slice(0, slash) || "/", O.O_PATH | O.O_DIRECTORY, own);
  if (parent < 0) return;
  withFd(parent, () => {
    const fd = tryOpenat2(parent, name, O.O_PATH | O.O_NOFOLLOW, own);
    if (fd < 0) return;
    const stat = withFd(fd, statx);
    const type = stat.mode & S_IFMT;
    if (stat.inode !== inode) return;
    // the kernel refuses to remove a directory that is not empty
    if (type === S_IFDIR) tryUnlinkat(parent, name, AT.AT_REMOVEDIR);
    else if (type === S_IFREG && stat.size === 0) tryUnlinkat(parent, name, 0);
  });
}
