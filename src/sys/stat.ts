// Owns what the kernel says of a file: its kind, owner, size and identity (statx(2)).

import { AT, AT_FDCWD } from "./constants.ts";
import { attempt, call } from "./libc.ts";

export interface Stat {
  /** type and permission bits, st_mode */
  mode: number;
  uid: number;
  gid: number;
  size: number;
  /** st_dev's and st_rdev's parts */
  major: number;
  minor: number;
  rdevMajor: number;
  rdevMinor: number;
  inode: number;
  /** seconds since the epoch */
  mtime: number;
}

// struct statx (linux/stat.h) is the same on every architecture, and 256 bytes long.
const statxHalves = new Uint16Array(128);
const statxWords = new Uint32Array(statxHalves.buffer);
const statxBytes = new Uint8Array(statxHalves.buffer);

/** A 64-bit field. The fields that are read here stay below 2^53. */
function long(index: number): number {
  return statxWords[index]! + statxWords[index + 1]! * 2 ** 32;
}

function parseStatx(): Stat {
  return {
    mode: statxHalves[14]!,
    uid: statxWords[5]!,
    gid: statxWords[6]!,
    size: long(10),
    inode: long(8),
    mtime: long(28),
    rdevMajor: statxWords[32]!,
    rdevMinor: statxWords[33]!,
    major: statxWords[34]!,
    minor: statxWords[35]!,
  };
}

/** What tells a file from every other, whatever path leads to it. */
export type Identity = Pick<Stat, "major" | "minor" | "inode">;

export function identityOf({ major, minor, inode }: Stat): Identity {
  return { major, minor, inode };
}

/** True where both are the same file. */
export function isSame(a: Identity, b: Identity | undefined): boolean {
  return a.inode === b?.inode && a.major === b.major && a.minor === b.minor;
}

const STATX_BASIC_STATS = 0x7ff;

/**
 * int statx(int fd, "", AT_EMPTY_PATH, unsigned mask, struct statx *buf): what a descriptor is open on.
 * @throws SysError
 */
export function statx(fd: number): Stat {
  call("statx", fd, "", AT.AT_EMPTY_PATH, STATX_BASIC_STATS, statxBytes);
  return parseStatx();
}

/**
 * statx(2) of a path; undefined where it fails. `follow` is about a symlink at the end of the path. Without `sync` the
 * kernel answers from what it knows: a file system in user space (FUSE) might never answer.
 */
export function tryStat(path: string, follow = true, sync = true): Stat | undefined {
  const flags = (follow ? 0 : AT.AT_SYMLINK_NOFOLLOW) | (sync ? 0 : AT.AT_STATX_DONT_SYNC);
  return attempt("statx", AT_FDCWD, path, flags, STATX_BASIC_STATS, statxBytes) < 0
    ? undefined
    : parseStatx();
}
