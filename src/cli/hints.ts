// Owns the table of hints: which call failed with which errno, and what to look at then.

import type { SysError } from "../sys/errno.ts";
import { geteuid } from "../sys/process.ts";
import { namespaceHint, userNamespaceSetting } from "./namespace-hints.ts";

interface Hint {
  call: string;
  codes: readonly string[];
  say(error: SysError): string | undefined;
}

const HINTS: readonly Hint[] = [
  {
    call: "unshare",
    codes: ["EPERM", "EACCES", "ENOSPC", "EUSERS"],
    say: () => namespaceHint(geteuid() === 0),
  },
  {
    call: "mount",
    codes: ["EPERM", "EACCES"],
    say: ({ phase }) =>
      phase.startsWith("mount proc")
        ? "the kernel refuses a fresh /proc where the one we see is partly covered, as inside many containers: run on the host, or give that container an unmasked /proc (docker: --security-opt systempaths=unconfined)"
        : (userNamespaceSetting(geteuid() === 0) ??
          "mounting needs CAP_SYS_ADMIN in the current user namespace, and no security module against it"),
  },
  {
    call: "mount",
    codes: ["EINVAL"],
    say: ({ phase }) =>
      phase === "make every mount private"
        ? "the / that minibox sees is no mount point, as in a plain chroot: bind the directory onto itself first (mount --bind DIR DIR)"
        : "the file system does not know one of the options, or its value: dmesg may say which",
  },
  {
    call: "mount",
    codes: ["ENODEV"],
    say: () => "this kernel has no such file system: see /proc/filesystems",
  },
  {
    call: "mkdirat",
    codes: ["EROFS"],
    say: () => "the rootfs is on a read-only file system: make the directory in the rootfs, or use --overlay",
  },
  {
    call: "open_tree",
    codes: ["ENOENT"],
    say: () => "the source of a volume must exist: create it first",
  },
  {
    call: "open_tree",
    codes: ["ENOSYS"],
    say: () => "minibox needs Linux 5.12 or newer",
  },
  {
    call: "mount_setattr",
    codes: ["ENOSYS"],
    say: () => "minibox needs Linux 5.12 or newer",
  },
  {
    call: "setgroups",
    codes: ["EPERM"],
    say: () =>
      "the user namespace that minibox was started in keeps its groups (/proc/self/setgroups: deny): leave that namespace, minibox makes its own",
  },
  {
    call: "posix_spawn",
    codes: ["EACCES"],
    say: () => "the container's root must be allowed to execute minibox itself: chmod a+rx it",
  },
  {
    call: "prlimit64",
    codes: ["EPERM"],
    say: () =>
      "a hard limit can be raised only with CAP_SYS_RESOURCE: ask for at most the caller's own (ulimit -H)",
  },
  {
    call: "write",
    codes: ["ENOENT"],
    say: ({ phase }) =>
      phase.startsWith("set the AppArmor profile")
        ? "no profile of that name is loaded: aa-status lists those that are, apparmor_parser FILE loads one"
        : undefined,
  },
  {
    call: "execve",
    codes: ["E2BIG"],
    say: () => "arguments and environment are limited together, see ulimit -s",
  },
];

/** What to do about a failed call, where we know. */
export function hintFor(error: SysError): string | undefined {
  return HINTS.find(({ call, codes }) => call === error.syscall && codes.includes(error.code))?.say(error);
}
