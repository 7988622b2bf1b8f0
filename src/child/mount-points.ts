// Owns finding mount points and the working directory inside the root, and making them where they are missing. Symbolic
// links are resolved as if the root were / (openat2(2), RESOLVE_IN_ROOT), so none leads out of it, not even one that
// somebody swaps in at that moment.

import { MAXSYMLINKS, O, RESOLVE, S_IFDIR, S_IFMT } from "../sys/constants.ts";
import { tryMkdirat, tryReadlinkat } from "../sys/directory.ts";
import { EEXIST, EINVAL, ELOOP, ENOENT, ENOTDIR, EXDEV, SysError } from "../sys/errno.ts";
import { close, tryOpenat, tryOpenat2, withFd } from "../sys/file.ts";
import { statx } from "../sys/stat.ts";
import { fileSystemType, mountFlags, PROC_SUPER_MAGIC, ST_RDONLY, SYSFS_MAGIC } from "../sys/statfs.ts";
import { Refusal } from "./refusal.ts";

export type Kind = "directory" | "file";

/** Called for each file and directory made in the rootfs itself, with its path without symbolic links and its inode. */
let tell: ((path: string, inode: number) => void) | undefined;

/** Sets the function that is called, from now on, for whatever is made in the rootfs. */
export function reportMade(made: typeof tell): void {
  tell = made;
}

/**
 * Opens a mount's destination inside the root, and makes it where it is missing. Returns an O_PATH descriptor. In the
 * path of a `vital` destination no symbolic link is followed. @throws SysError, Refusal
 */
export function openDestination(root: number, path: string, kind: Kind, vital: boolean): number {
  const resolve =
    RESOLVE.RESOLVE_IN_ROOT | RESOLVE.RESOLVE_NO_MAGICLINKS | (vital ? RESOLVE.RESOLVE_NO_SYMLINKS : 0);
  const flags = kind === "directory" ? O.O_PATH | O.O_DIRECTORY : O.O_PATH;
  let fd = tryOpenat2(root, path, flags, resolve);
  if (fd === -ENOENT) {
    makePlace(root, path, kind, vital, `the mount point ${path}`);
    fd = tryOpenat2(root, path, flags, resolve);
  }
  if (fd < 0) throw unopened(root, path, resolve, -fd, vital);
  if (kind === "directory" || (statx(fd).mode & S_IFMT) !== S_IFDIR) return fd;
  throw new Refusal(`${path} in the rootfs is a directory: a file cannot be mounted on it`);
}

/** The error for a destination that cannot be opened. */
function unopened(root: number, path: string, resolve: number, errno: number, vital: boolean): Error {
  if (errno === ELOOP)
    return new Refusal(
      vital
        ? `${path} in the rootfs is a symbolic link: it must be a directory`
        : `${path} cannot be reached: symbolic links of the rootfs lead in a circle, or through one of /proc`,
    );
  // ENOTDIR is also the answer for a part of the path before the last one
  if (errno === ENOTDIR && tryOpenat2(root, path, O.O_PATH, resolve) >= 0)
    return new Refusal(`${path} in the rootfs is not a directory: nothing can be mounted there`);
  return new SysError("openat2", [root, path, O.O_PATH], errno, `open the mount point ${path}`);
}

/**
 * Makes the parts of a path that are missing. Where a symbolic link leads to nothing, the target is made, inside the
 * root. `what` names the path in an error. @throws SysError, Refusal
 */
export function makePlace(root: number, path: string, kind: Kind, vital: boolean, what: string): void {
  /** the parts that are left to walk, the next one last */
  const rest = partsOf(path).reverse();
  /** the parts walked so far, without symbolic links */
  const at: string[] = [];
  for (let links = 0; rest.length > 0; ) {
    const name = rest.pop()!;
    if (name === "..") {
      at.pop();
      continue;
    }
    const target = withFd(openParent(root, `/${at.join("/")}`, what), (parent) => {
      const link = tryReadlinkat(parent, name);
      if (link === -ENOENT) make(root, parent, at, name, rest.length === 0 ? kind : "directory", what);
      else if (typeof link === "number" && link !== -EINVAL)
        throw new SysError("readlinkat", [name], -link, `create ${what}`);
      return typeof link === "string" ? link : undefined;
    });
    if (target === undefined) {
      at.push(name);
      continue;
    }
    // the caller opens the path afterwards, and reports the link or the circle of links
    if (vital || ++links > MAXSYMLINKS) return;
    if (target.startsWith("/")) at.length = 0;
    rest.push(...partsOf(target).reverse());
  }
}

function partsOf(path: string): string[] {
  return path.split("/").filter((part) => part !== "" && part !== ".");
}

const NO_LINKS = RESOLVE.RESOLVE_IN_ROOT | RESOLVE.RESOLVE_NO_SYMLINKS;

function openParent(root: number, parent: string, what: string): number {
  const fd = tryOpenat2(root, parent, O.O_PATH | O.O_DIRECTORY, NO_LINKS);
  if (fd === -ENOTDIR)
    throw new Refusal(`${what} cannot be made: ${parent} in the rootfs is not a directory`);
  if (fd < 0) throw new SysError("openat2", [root, parent, O.O_PATH], -fd, `create ${what}`);
  return fd;
}

function make(
  root: number,
  parent: number,
  at: readonly string[],
  name: string,
  kind: Kind,
  what: string,
): void {
  const result =
    kind === "directory"
      ? tryMkdirat(parent, name, 0o755)
      : tryOpenat(parent, name, O.O_CREAT | O.O_EXCL | O.O_NOFOLLOW, 0o644);
  if (result === -EEXIST) return;
  if (result < 0) {
    refuseElsewhere(root, parent, at, what);
    throw new SysError(kind === "directory" ? "mkdirat" : "openat", [name], -result, `create ${what}`);
  }
  if (kind === "file") close(result);
  if (tell) tellOwn(root, parent, at, name, tell);
}

/**
 * Refuses with a clearer reason than the errno where the parent is in /proc, /sys or a read-only mount. @throws Refusal
 */
function refuseElsewhere(root: number, parent: number, at: readonly string[], what: string): void {
  const path = `/${at.join("/")}`;
  const type = fileSystemType(parent);
  if (type === PROC_SUPER_MAGIC || type === SYSFS_MAGIC)
    throw new Refusal(`${what} cannot be made: in ${path} there is only what the kernel shows`);
  const own = tryOpenat2(root, path, O.O_PATH, NO_LINKS | RESOLVE.RESOLVE_NO_XDEV);
  if (own >= 0) close(own);
  else if (own === -EXDEV && mountFlags(parent) & ST_RDONLY)
    throw new Refusal(
      `${what} cannot be made: what is mounted on the way there is read-only, so it must exist in it`,
    );
}

/** Tells of what was made, unless it is in another mount than the rootfs (a volume): nothing is removed from those. */
function tellOwn(
  root: number,
  parent: number,
  at: readonly string[],
  name: string,
  made: NonNullable<typeof tell>,
): void {
  const flags = O.O_PATH | O.O_NOFOLLOW;
  const path = `/${[...at, name].join("/")}`;
  const fd = tryOpenat2(root, path, flags, NO_LINKS | RESOLVE.RESOLVE_NO_XDEV);
  if (fd < 0) return;
  const inode = withFd(fd, (found) => statx(found).inode);
  const own = tryOpenat2(parent, name, flags, 0);
  if (own >= 0 && withFd(own, (found) => statx(found).inode) === inode) made(path, inode);
}
