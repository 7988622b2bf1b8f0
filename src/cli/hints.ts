// Owns the table of hints: which call failed with which errno, and what to look at then.

import { stateRoot } from "../container/state.ts";
import { RLIMITS } from "../sys/constants.ts";
import type { SysError } from "../sys/errno.ts";
import { geteuid, getRlimit } from "../sys/process.ts";
import { namespaceHint, namespaceLimit, userNamespaceSetting } from "./namespace-hints.ts";

interface Hint {
  /** any, where none is named */
  calls?: readonly string[];
  codes: readonly string[];
  say(error: SysError): string | undefined;
}

/** RLIM_INFINITY */
const UNLIMITED = 0xffffffffffffffffn;
/** container/state.ts */
const RECORD = "record the container's state";

/** A soft limit of ours, in the unit of the shell's ulimit. */
function limit(type: (typeof RLIMITS)[number], unit = 1n): string {
  const soft = getRlimit(0, RLIMITS.indexOf(type))?.soft;
  return soft === undefined || soft === UNLIMITED ? "unlimited" : `${soft / unit}`;
}

const HINTS: readonly Hint[] = [
  {
    calls: ["unshare"],
    codes: ["EPERM", "EACCES"],
    say: () => namespaceHint(geteuid() === 0),
  },
  {
    calls: ["unshare"],
    codes: ["ENOSPC", "EUSERS"],
    say: () => namespaceLimit(),
  },
  {
    calls: ["mount"],
    codes: ["EPERM", "EACCES"],
    say: ({ phase }) =>
      phase.startsWith("mount proc")
        ? "the kernel refuses a fresh /proc where the one we see is partly covered, as inside many containers: run on the host, or give that container an unmasked /proc (docker: --security-opt systempaths=unconfined)"
        : (userNamespaceSetting(geteuid() === 0) ??
          "mounting needs CAP_SYS_ADMIN in the current user namespace, and no security module against it"),
  },
  {
    calls: ["mount"],
    codes: ["EINVAL"],
    say: ({ phase }) =>
      phase === "make every mount private"
        ? "the / that minibox sees is no mount point, as in a plain chroot: bind the directory onto itself first (mount --bind DIR DIR)"
        : "the file system does not know one of the options, or its value: dmesg may say which",
  },
  {
    calls: ["mount"],
    codes: ["ENODEV"],
    say: () => "this kernel has no such file system: see /proc/filesystems",
  },
  {
    calls: ["mkdirat", "openat"],
    codes: ["EROFS"],
    say: ({ phase }) =>
      phase.startsWith(`create ${stateRoot()}/`) || phase.startsWith("open the state directory")
        ? `some hundred bytes are written for each container: mount a tmpfs on ${stateRoot()}`
        : "the rootfs is on a read-only file system: make the directory in the rootfs, or use --overlay",
  },
  {
    calls: ["open_tree"],
    codes: ["ENOENT"],
    say: () => "the source of a volume must exist: create it first",
  },
  {
    calls: ["open_tree", "mount_setattr"],
    codes: ["ENOSYS"],
    say: () => "minibox needs Linux 5.12 or newer",
  },
  {
    calls: ["setgroups"],
    codes: ["EPERM"],
    say: () =>
      "the user namespace that minibox was started in keeps its groups (/proc/self/setgroups: deny): leave that namespace, minibox makes its own",
  },
  {
    calls: ["posix_spawn"],
    codes: ["EACCES"],
    say: () => "the container's root must be allowed to execute minibox itself: chmod a+rx it",
  },
  {
    calls: ["posix_spawn"],
    codes: ["EAGAIN"],
    say: () =>
      `no process more is allowed: see pids.max of the cgroup that minibox is in, ulimit -u (${limit("RLIMIT_NPROC")}), and the sysctls kernel.pid_max and kernel.threads-max`,
  },
  {
    calls: ["keyctl"],
    codes: ["EDQUOT"],
    say: () =>
      "each container has a keyring of its own, and the sysctls kernel.keys.maxkeys and kernel.keys.maxbytes say how many a user may have: raise them, or give the containers different users",
  },
  {
    calls: ["mount", "move_mount"],
    codes: ["ENOSPC"],
    say: () => "the sysctl fs.mount-max says how many mounts a container may have",
  },
  {
    codes: ["EMFILE"],
    say: () =>
      `minibox may not open as many files as it needs: raise ulimit -n, which is ${limit("RLIMIT_NOFILE")}, or limit the container alone with --ulimit nofile=NUMBER`,
  },
  {
    codes: ["EFBIG"],
    say: ({ phase }) =>
      phase === RECORD
        ? `some hundred bytes are written for each container: raise ulimit -f, which is ${limit("RLIMIT_FSIZE", 1024n)}, or limit the container alone with --ulimit fsize=BYTES`
        : undefined,
  },
  {
    calls: ["mkdirat", "openat", "write"],
    codes: ["ENOSPC", "EDQUOT"],
    say: ({ phase }) =>
      phase.startsWith(RECORD) || phase.startsWith(`create ${stateRoot()}/`)
        ? `some hundred bytes are written for each container: make room in ${stateRoot()}`
        : undefined,
  },
  {
    calls: ["prlimit64"],
    codes: ["EPERM"],
    say: ({ phase }) =>
      phase.startsWith("set RLIMIT_NOFILE")
        ? "a hard limit can be raised only with CAP_SYS_RESOURCE, and this one never above the sysctl fs.nr_open"
        : "a hard limit can be raised only with CAP_SYS_RESOURCE: ask for at most the caller's own (ulimit -H)",
  },
  {
    calls: ["write"],
    codes: ["ENOENT"],
    say: ({ phase }) =>
      phase.startsWith("set the AppArmor profile")
        ? "no profile of that name is loaded: aa-status lists those that are, apparmor_parser FILE loads one"
        : undefined,
  },
  {
    calls: ["execve"],
    codes: ["E2BIG"],
    say: () => "arguments and environment are limited together, see ulimit -s",
  },
];

/** What to do about a failed call, where we know. */
export function hintFor(error: SysError): string | undefined {
  return HINTS.find(
    ({ calls, codes }) => (calls?.includes(error.syscall) ?? true) && codes.includes(error.code),
  )?.say(error);
}
