// Owns the files and directories that minibox made in a rootfs as mount points and as a working directory. They are
// noted in the state directory of the container that needed them, and removed with it, unless somebody else uses them.

import { RunError } from "../errors.ts";
import { cleanPath, isObject } from "../spec/check.ts";
import { encode, unescapeOctal } from "../sys/bytes.ts";
import { AT, AT_FDCWD, O, RESOLVE, S_IFDIR, S_IFMT, S_IFREG } from "../sys/constants.ts";
import { listDirectory, tryReadlinkat, tryUnlinkat } from "../sys/directory.ts";
import { open, tryOpen, tryOpenat2, tryReadFile, withFd, writeAll } from "../sys/file.ts";
import { type Identity, isSame, statx, tryStat } from "../sys/stat.ts";
import { tryOpenToAppend, tryReadIn } from "./state-file.ts";

/** The name of the notes in a state directory. */
const NOTES = "made";

export interface Made {
  /** the rootfs: its path may lead elsewhere by the time of removal, so it is told by its identity */
  root: string;
  rootIdentity: Identity;
  /** of the file or directory, inside the rootfs and without symbolic links */
  path: string;
  inode: number;
}

/** In bytes: with more than 100,000 mounts (fs.mount-max in sysctl) no container starts. */
const LARGEST = 16 << 20;

/** Adds a line to the notes for each thing that was made. @throws RunError where they cannot be kept, SysError */
export function noteMade(directory: number, made: readonly Made[]): void {
  if (!tryNote(directory, made))
    throw new RunError(
      `what was made in the rootfs cannot be noted: ${NOTES} in the state directory is no file`,
    );
}

function tryNote(directory: number, made: readonly Made[]): boolean {
  const fd = tryOpenToAppend(directory, NOTES);
  if (fd === undefined) return false;
  withFd(fd, () => writeAll(fd, encode(made.map((entry) => `${JSON.stringify(entry)}\n`).join(""))));
  return true;
}

/** Another container with the same rootfs. */
export interface Heir {
  /** its state directory, open */
  directory: number;
  /** the path by which it knows the rootfs */
  root: string;
}

/**
 * Removes the notes, and what is noted where it is still as it was made. `rootfs` is the one that the state names, where
 * there is a state: notes of another one are not believed. `withHeir` calls a function with another container on the same
 * rootfs, if any, and returns what that returns. Removing a directory would end that container's mounts on it, so that
 * container gets the notes and nothing else is removed. @throws SysError
 */
export function settleMade(
  directory: number,
  rootfs: string | undefined,
  withHeir: (rootfs: Identity, inherit: (heir: Heir) => boolean) => boolean,
): void {
  const notes = parse(tryReadIn(directory, NOTES, LARGEST)?.text ?? "");
  const first = notes.find(({ root }) => rootfs === undefined || root === rootfs);
  if (first) {
    const made = notes.filter(
      ({ root, rootIdentity }) => root === first.root && isSame(first.rootIdentity, rootIdentity),
    );
    const inherit = (heir: Heir): boolean =>
      tryNote(
        heir.directory,
        made.map((entry) => ({ ...entry, root: heir.root })),
      );
    if (!withHeir(first.rootIdentity, inherit)) removeAll(first, made);
  }
  tryUnlinkat(directory, NOTES, 0);
}

/** Reads the notes, without those that minibox would not write. The last line is left out where a kill cut it short. */
function parse(text: string): Made[] {
  const made: Made[] = [];
  for (const line of text.split("\n")) {
    try {
      const entry: unknown = JSON.parse(line);
      if (isMade(entry)) made.push(entry);
    } catch {}
  }
  return made;
}

function isMade(entry: unknown): entry is Made {
  if (!isObject(entry)) return false;
  const { root, rootIdentity, path, inode } = entry;
  if (!isAbsolute(root) || !isAbsolute(path) || cleanPath(path) !== path || !isObject(rootIdentity))
    return false;
  const { major, minor, inode: top } = rootIdentity;
  return [major, minor, top, inode].every(Number.isSafeInteger);
}

const isAbsolute = (value: unknown): value is string =>
  typeof value === "string" && value.startsWith("/") && !value.includes("\0");

const depth = ({ path }: Made): number => path.split("/").length;

function removeAll({ root: path, rootIdentity }: Made, made: readonly Made[]): void {
  const root = tryOpen(path, O.O_PATH | O.O_DIRECTORY);
  if (root < 0) return;
  withFd(root, () => {
    // no container's root is the host's: such a note is forged
    if (!isSame(rootIdentity, statx(root)) || isSame(rootIdentity, tryStat("/"))) return;
    const inUse = placesInUse(rootIdentity);
    for (const entry of made.toSorted((a, b) => depth(b) - depth(a)))
      if (inUse && !inUse.has(entry.path)) remove(root, entry);
  });
}

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
