// Owns the kernel's numbers that we use, each group under the header that defines it. Flags that decode in a trace
// or in a mount option keep their C names as members of an enum: the bundler writes a member's number where it is read, and a
// start then builds no table. A table of the names is had from names-of.ts.

/** linux/sched.h */
export enum CLONE {
  CLONE_VM = 0x100,
  CLONE_FILES = 0x400,
  CLONE_VFORK = 0x4000,
  CLONE_PARENT = 0x8000,
  CLONE_THREAD = 0x10000,
  CLONE_CHILD_CLEARTID = 0x200000,
  CLONE_NEWTIME = 0x80,
  CLONE_NEWNS = 0x20000,
  CLONE_NEWCGROUP = 0x2000000,
  CLONE_NEWUTS = 0x4000000,
  CLONE_NEWIPC = 0x8000000,
  CLONE_NEWUSER = 0x10000000,
  CLONE_NEWPID = 0x20000000,
  CLONE_NEWNET = 0x40000000,
  CLONE_PIDFD = 0x1000,
}

/** linux/mount.h */
export enum MS {
  MS_RDONLY = 1,
  MS_NOSUID = 2,
  MS_NODEV = 4,
  MS_NOEXEC = 8,
  MS_SYNCHRONOUS = 16,
  MS_REMOUNT = 32,
  MS_MANDLOCK = 64,
  MS_DIRSYNC = 128,
  MS_NOSYMFOLLOW = 256,
  MS_NOATIME = 1024,
  MS_NODIRATIME = 2048,
  MS_BIND = 4096,
  MS_MOVE = 8192,
  MS_REC = 16384,
  MS_SILENT = 32768,
  MS_UNBINDABLE = 1 << 17,
  MS_PRIVATE = 1 << 18,
  MS_SLAVE = 1 << 19,
  MS_SHARED = 1 << 20,
  MS_RELATIME = 1 << 21,
  MS_STRICTATIME = 1 << 24,
  MS_LAZYTIME = 1 << 25,
}

/** linux/fs.h: umount2(2) */
export enum UMOUNT {
  MNT_FORCE = 1,
  MNT_DETACH = 2,
  MNT_EXPIRE = 4,
  UMOUNT_NOFOLLOW = 8,
}

/** linux/mount.h: open_tree(2), move_mount(2), fsopen(2), fsmount(2), fsconfig(2), mount_setattr(2) */
export enum OPEN_TREE {
  OPEN_TREE_CLONE = 1,
  OPEN_TREE_CLOEXEC = 0o2000000,
}
export enum MOVE_MOUNT {
  MOVE_MOUNT_F_EMPTY_PATH = 4,
  MOVE_MOUNT_T_EMPTY_PATH = 0x40,
}
export const FSOPEN_CLOEXEC = 1;
export const FSMOUNT_CLOEXEC = 1;
export enum FSCONFIG {
  FSCONFIG_SET_FLAG = 0,
  FSCONFIG_SET_STRING = 1,
  FSCONFIG_CMD_CREATE = 6,
}
export enum MOUNT_ATTR {
  MOUNT_ATTR_RDONLY = 1,
  MOUNT_ATTR_NOSUID = 2,
  MOUNT_ATTR_NODEV = 4,
  MOUNT_ATTR_NOEXEC = 8,
  MOUNT_ATTR__ATIME = 0x70,
  MOUNT_ATTR_NOATIME = 0x10,
  MOUNT_ATTR_STRICTATIME = 0x20,
  MOUNT_ATTR_NODIRATIME = 0x80,
  MOUNT_ATTR_IDMAP = 0x100000,
  MOUNT_ATTR_NOSYMFOLLOW = 0x200000,
}

/** unistd.h: faccessat(2) */
export const X_OK = 1;
export const W_OK = 2;

/** asm-generic/fcntl.h; O_DIRECTORY and O_NOFOLLOW differ on arm64. */
export enum O {
  O_WRONLY = 1,
  O_RDWR = 2,
  O_CREAT = 0o100,
  O_EXCL = 0o200,
  O_NOCTTY = 0o400,
  O_TRUNC = 0o1000,
  O_APPEND = 0o2000,
  O_NONBLOCK = 0o4000,
  // biome-ignore-start lint/style/useLiteralEnumMembers: the build knows the machine
  O_DIRECT = process.arch === "arm64" ? 0o200000 : 0o40000,
  O_DIRECTORY = process.arch === "arm64" ? 0o40000 : 0o200000,
  O_NOFOLLOW = process.arch === "arm64" ? 0o100000 : 0o400000,
  // biome-ignore-end lint/style/useLiteralEnumMembers: the build knows the machine
  O_CLOEXEC = 0o2000000,
  O_PATH = 0o10000000,
}
/** The two bits that say how a file was opened: 0 for reading alone. */
export const O_ACCMODE = 3;
export const O_RDONLY = 0;

/** linux/fcntl.h */
export const AT_FDCWD = -100;
export enum AT {
  AT_SYMLINK_NOFOLLOW = 0x100,
  AT_REMOVEDIR = 0x200,
  AT_EMPTY_PATH = 0x1000,
  AT_STATX_DONT_SYNC = 0x4000,
  AT_RECURSIVE = 0x8000,
}
export const F_SETFD = 2;
export const F_SETFL = 4;
export const F_GETFL = 3;
export const F_SETPIPE_SZ = 1031;
export const F_ADD_SEALS = 1033;
/** F_SEAL_SEAL|F_SEAL_SHRINK|F_SEAL_GROW|F_SEAL_WRITE */
export const F_SEAL_ALL = 15;
export const FD_CLOEXEC = 1;
export const CLOSE_RANGE_CLOEXEC = 4;
export const MFD_CLOEXEC = 1;
export const MFD_ALLOW_SEALING = 2;

/** linux/openat2.h */
export enum RESOLVE {
  RESOLVE_NO_XDEV = 1,
  RESOLVE_NO_MAGICLINKS = 2,
  RESOLVE_NO_SYMLINKS = 4,
  RESOLVE_BENEATH = 8,
  RESOLVE_IN_ROOT = 16,
}

/** linux/namei.h: so many links the kernel follows on the way to a file (path_resolution(7)). */
export const MAXSYMLINKS = 40;

/** linux/stat.h */
export const S_IFMT = 0o170000;
export const S_IFIFO = 0o010000;
export const S_IFCHR = 0o020000;
export const S_IFDIR = 0o040000;
export const S_IFBLK = 0o060000;
export const S_IFREG = 0o100000;
export const S_IFLNK = 0o120000;
export const S_IFSOCK = 0o140000;
export const S_ISVTX = 0o1000;
export const S_IXUSR = 0o100;

/** asm/signal.h, without SIG */
export enum SIGNALS {
  HUP = 1,
  INT = 2,
  QUIT = 3,
  ILL = 4,
  TRAP = 5,
  ABRT = 6,
  BUS = 7,
  FPE = 8,
  KILL = 9,
  USR1 = 10,
  SEGV = 11,
  USR2 = 12,
  PIPE = 13,
  ALRM = 14,
  TERM = 15,
  STKFLT = 16,
  CHLD = 17,
  CONT = 18,
  STOP = 19,
  TSTP = 20,
  TTIN = 21,
  TTOU = 22,
  URG = 23,
  XCPU = 24,
  XFSZ = 25,
  VTALRM = 26,
  PROF = 27,
  WINCH = 28,
  IO = 29,
  PWR = 30,
  SYS = 31,
}
export const SIG_BLOCK = 0;
export const SIG_UNBLOCK = 1;
export const SIG_SETMASK = 2;
/** siginfo's si_code of a signal that the kernel sent (asm-generic/siginfo.h) */
export const SI_KERNEL = 0x80;
/** linux/signalfd.h */
export const SFD_NONBLOCK = 0o4000;
export const SFD_CLOEXEC = 0o2000000;

/** linux/prctl.h */
export enum PR {
  PR_SET_PDEATHSIG = 1,
  PR_GET_PDEATHSIG = 2,
  PR_SET_DUMPABLE = 4,
  PR_SET_KEEPCAPS = 8,
  PR_SET_NAME = 15,
  PR_CAPBSET_READ = 23,
  PR_CAPBSET_DROP = 24,
  PR_SET_CHILD_SUBREAPER = 36,
  PR_SET_NO_NEW_PRIVS = 38,
  PR_CAP_AMBIENT = 47,
}

/** asm-generic/ioctls.h */
export enum IOCTL {
  TCGETS = 0x5401,
  TCSETS = 0x5402,
  TCSETSW = 0x5403,
  TCSBRK = 0x5409,
  TIOCSCTTY = 0x540e,
  TIOCGPGRP = 0x540f,
  TIOCSTI = 0x5412,
  TIOCGWINSZ = 0x5413,
  TIOCSWINSZ = 0x5414,
  FIONREAD = 0x541b,
  TIOCGPTN = 0x80045430,
  TIOCSPTLCK = 0x40045431,
  TIOCSIG = 0x40045436,
  TIOCGPTPEER = 0x5441,
  SIOCGIFFLAGS = 0x8913,
  SIOCSIFFLAGS = 0x8914,
  NS_GET_NSTYPE = 0xb703,
}

/** asm-generic/mman-common.h: madvise(2) */
export const MADV_DONTNEED = 4;
export const MADV_DONTDUMP = 16;

/** poll(2) */
export const POLLIN = 1;
export const POLLOUT = 4;
export const POLLERR = 8;
export const POLLHUP = 16;

/** linux/socket.h */
export const AF_UNIX = 1;
export const AF_INET = 2;
export const SOCK_STREAM = 1;
export const SOCK_DGRAM = 2;
export const SOCK_CLOEXEC = 0o2000000;
export const MSG_NOSIGNAL = 0x4000;
export const MSG_CMSG_CLOEXEC = 0x40000000;

/** sys/wait.h, sys/file.h */
export const WNOHANG = 1;

export const LOCK_EX = 2;
export const LOCK_NB = 4;
export const LOCK_UN = 8;

/** linux/futex.h */
export const FUTEX_WAIT = 0;
export const FUTEX_WAKE = 1;
