// Owns the table of hints: which call failed with which errno, and what to look at then.

import type { SysError } from "../sys/errno.ts";
import { tryReadFile } from "../sys/file.ts";
import { geteuid } from "../sys/process.ts";

interface Hint {
  call: string;
  codes: readonly string[];
  say(error: SysError): string | undefined;
}

const HINTS: readonly Hint[] = [
  { call: "unshare", codes: ["EPERM", "ENOSPC", "EUSERS"], say: () => namespaceHint() },
  {
    call: "mount",
    codes: ["EPERM", "EACCES"],
    say: ({ phase }) =>
      phase.startsWith("mount proc")
        ? "the kernel refuses a fresh /proc where the one we see is partly covered, as inside many containers: run on the host, or give that container an unmasked /proc (docker: --security-opt systempaths=unconfined)"
        : "mounting needs CAP_SYS_ADMIN in the current user namespace, and no security module against it",
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
    call: "prlimit64",
    codes: ["EPERM"],
    say: () =>
      "a hard limit can be raised only with CAP_SYS_RESOURCE: ask for at most the caller's own (ulimit -H)",
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

/** Which setting keeps us from making namespaces. */
function namespaceHint(): string {
  if (geteuid() !== 0) return "run it as root (sudo minibox run …)";
  const max = tryReadFile("/proc/sys/user/max_pid_namespaces")?.trim();
  if (max === "0") return "the sysctl user.max_pid_namespaces is 0: no namespace may be made";
  return "even root needs CAP_SYS_ADMIN for namespaces: inside a container, start that one with --privileged (or --cap-add SYS_ADMIN and no seccomp filter)";
}
