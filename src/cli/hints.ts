// Owns the table of hints: which call failed with which errno, and what to look at then.

import type { SysError } from "../sys/errno.ts";
import { geteuid } from "../sys/process.ts";
import { namespaceHint, namespaceLimit, userNamespaceSetting } from "./namespace-hints.ts";

interface Hint {
  /** any, where none is named */
  calls?: readonly string[];
  codes: readonly string[];
  say(error: SysError): string | undefined;
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
    calls: ["mkdirat"],
    codes: ["EROFS"],
    say: () => "the rootfs is on a read-only file system: make the directory in the rootfs, or use --overlay",
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
      "no process more is allowed: see pids.max of the cgroup that minibox is in, ulimit -u, and the sysctls kernel.pid_max and kernel.threads-max",
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
    say: () => "minibox may not open as many files as it needs: raise ulimit -n",
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
