// Owns a tmpfs of which single files are bound into the container: those that cover its masked paths, and its own
// /etc/hosts and the like, which are mounted over the rootfs's files.

import type { ChildRequest, OwnFile } from "../sync.ts";
import { fchmodat, tryFaccessat } from "../sys/access.ts";
import { encode } from "../sys/bytes.ts";
import { AT_FDCWD, MOUNT_ATTR, O, RESOLVE, S_IFMT, S_IFREG, W_OK } from "../sys/constants.ts";
import { mkdirat } from "../sys/directory.ts";
import { ENOENT } from "../sys/errno.ts";
import { close, openat, tryOpenat2, withFd, writeAll } from "../sys/file.ts";
import { step } from "../sys/libc.ts";
import {
  detach,
  fdPath,
  mountDetached,
  moveMount,
  openTree,
  setMountAttributes,
  tryMoveMount,
} from "../sys/mount.ts";
import { statx } from "../sys/stat.ts";
import { openDestination } from "./mount-points.ts";
import { type KernelTrees, protectPaths } from "./paths.ts";

/**
 * Makes the tmpfs with an empty "file" and an empty "directory", protects paths with these, and then mounts the
 * container's own files over the rootfs's. The tmpfs is detached at the end; the binds of what is in it stay, and are
 * read-only like the tmpfs unless that is cleared. @throws SysError, Refusal
 */
export function mountOwnFiles(root: number, request: ChildRequest, trees: KernelTrees): void {
  const { spec, host } = request;
  const { ownFiles, stateDirectory } = host;
  const { mountLabel } = spec.linux;
  const options: [string, string][] = [["size", "64m"]];
  if (mountLabel) options.push(["context", mountLabel]);
  const tmpfs = mountDetached(
    "tmpfs",
    options,
    MOUNT_ATTR.MOUNT_ATTR_NOSUID | MOUNT_ATTR.MOUNT_ATTR_NODEV | MOUNT_ATTR.MOUNT_ATTR_NOEXEC,
  );
  mkdirat(tmpfs, "directory", 0o555);
  close(openat(tmpfs, "file", O.O_CREAT | O.O_EXCL, 0o444));
  const places: number[] = [];
  for (const file of ownFiles) {
    const place = findPlace(root, file, request.options.overlay);
    if (place >= 0) writeOwnFile(tmpfs, nameOf(file), file.text);
    places.push(place);
  }
  setMountAttributes(tmpfs, { set: MOUNT_ATTR.MOUNT_ATTR_RDONLY });
  // Before Linux 6.15 open_tree(2) copies only a mount that is attached. The state directory belongs to the host, so
  // that the tmpfs is gone with the old root. Any user may attach it over "/", but there it has to be detached again.
  const goes = tryMoveMount(tmpfs, AT_FDCWD, stateDirectory) === 0;
  if (!goes) moveMount(tmpfs, AT_FDCWD, "/");
  protectPaths(root, tmpfs, request, trees);
  for (let i = 0; i < places.length; i++)
    if (places[i]! >= 0) mountOwnFile(tmpfs, ownFiles[i]!, places[i]!, spec.root.readonly === true);
  if (!goes) detach(fdPath(tmpfs));
  close(tmpfs);
}

function nameOf({ path }: OwnFile): string {
  return path.replaceAll("/", "-");
}

function writeOwnFile(tmpfs: number, name: string, text: string): void {
  const fd = openat(tmpfs, name, O.O_CREAT | O.O_EXCL | O.O_WRONLY, 0o644);
  writeAll(fd, encode(text));
  fchmodat(tmpfs, name, 0o644); // the umask changes openat's mode
  close(fd);
}

function mountOwnFile(tmpfs: number, file: OwnFile, place: number, readonly: boolean): void {
  step(
    `mount a file of the container's own over ${file.path}`,
    "with its name and addresses; the rootfs's file is not changed",
  );
  const tree = openTree(tmpfs, nameOf(file), 0);
  if (!readonly) setMountAttributes(tree, { clear: MOUNT_ATTR.MOUNT_ATTR_RDONLY });
  moveMount(tree, place);
  close(tree);
  close(place);
}

const INSIDE = RESOLVE.RESOLVE_IN_ROOT | RESOLVE.RESOLVE_NO_MAGICLINKS | RESOLVE.RESOLVE_NO_XDEV;

/**
 * Opens the rootfs's file that one of the container's own is mounted over, and makes it where it is missing and may be
 * made. -1 where there is no regular file, and where the spec mounts something there. @throws SysError, Refusal
 */
function findPlace(root: number, { path, make }: OwnFile, overlay: boolean): number {
  const fd = tryOpenat2(root, path, O.O_PATH, INSIDE);
  if (fd === -ENOENT && (make || overlay) && canBeMade(root, path))
    return openDestination(root, path, "file", false);
  if (fd < 0) return -1;
  if ((statx(fd).mode & S_IFMT) === S_IFREG) return fd;
  close(fd);
  return -1;
}

/**
 * True where a file can be made at this path: the directory exists and can be written, and not even a link is there.
 */
function canBeMade(root: number, path: string): boolean {
  const slash = path.lastIndexOf("/");
  const directory = tryOpenat2(root, path.slice(0, slash), O.O_PATH | O.O_DIRECTORY, INSIDE);
  if (directory < 0) return false;
  return withFd(directory, () => {
    const there = tryOpenat2(directory, path.slice(slash + 1), O.O_PATH | O.O_NOFOLLOW, 0);
    if (there >= 0) close(there);
    return there === -ENOENT && tryFaccessat(directory, ".", W_OK) === 0;
  });
}
