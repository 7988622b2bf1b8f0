// Owns what the kernel tells of mounts (statfs(2), proc_pid_mountinfo(5)), and whether a file has capabilities (xattr(7)).

import { readFile, tryReadFile } from "./file.ts";
import { attempt, call } from "./libc.ts";
import { fdPath } from "./mount.ts";
import { tryGetxattr } from "./xattr.ts";

/** linux/statfs.h: bits of f_flags */
export const ST_RDONLY = 1;
export const ST_NOEXEC = 8;
export const ST_NOSYMFOLLOW = 0x2000;

/** linux/magic.h, and the number that procfs and sysfs give their top directory */
export const PROC_SUPER_MAGIC = 0x9fa0;
export const TOP_INODE = 1;
export const OVERLAYFS_SUPER_MAGIC = 0x794c7630;
export const SYSFS_MAGIC = 0x62656572;
export const NSFS_MAGIC = 0x6e736673;
const PIPEFS_MAGIC = 0x50495045;

const typeWords = new Uint32Array(30); // struct statfs: f_type is the first word
const typeBytes = new Uint8Array(typeWords.buffer);

/** int fstatfs(int fd, struct statfs *buf): the magic number of the descriptor's file system. @throws SysError */
export function fileSystemType(fd: number): number {
  call("fstatfs", fd, typeBytes);
  return typeWords[0]!;
}

/** True for a pipe that has no name anywhere (pipe(2)); a FIFO has one. @throws SysError */
export function isPipe(fd: number): boolean {
  return fileSystemType(fd) === PIPEFS_MAGIC;
}

/** int statfs(const char *path, struct statfs *buf): the ST_* flags of a descriptor's mount; 0 where it fails. */
export function mountFlags(fd: number): number {
  const bytes = new Uint8Array(120); // struct statfs: f_flags is the eleventh word
  if (attempt("statfs", fdPath(fd), bytes) < 0) return 0;
  return Number(new DataView(bytes.buffer).getBigUint64(80, true));
}

/** The id of a descriptor's mount, the first field of its line in mountinfo; undefined where it cannot be read. */
export function mountId(fd: number): string | undefined {
  return /^mnt_id:\s*(\d+)$/m.exec(tryReadFile(`/proc/self/fdinfo/${fd}`) ?? "")?.[1];
}

/** A host with very many mounts has a table of many megabytes. */
const LARGEST_TABLE = 1 << 28;

/** The lines of /proc/self/mountinfo, one for each mount that we see (proc_pid_mountinfo(5)). @throws SysError */
export function mountInfo(): string[] {
  return readFile("/proc/self/mountinfo", LARGEST_TABLE).split("\n");
}

/** True for a file with capabilities of its own (setcap(8)). */
export function hasFileCapabilities(fd: number): boolean {
  return tryGetxattr(fdPath(fd), "security.capability", new Uint8Array(0)) > 0;
}
