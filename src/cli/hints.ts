// Owns the table of hints: for a kernel call that failed with some errno, what the person can do about it.

import { FILTERED_WAIT } from "../container/failure.ts";
import { stateRoot } from "../container/state-root.ts";
import type { SysError } from "../sys/errno.ts";
import { RLIMITS } from "../sys/names.ts";
import { geteuid, getRlimit } from "../sys/process.ts";
import { readOnlyCgroups, tooManyCgroups } from "./cgroup-hints.ts";
import {
  containerOptions,
  filterHint,
  isFiltered,
  namespaceHint,
  namespaceLimit,
  userNamespaceSetting,
} from "./namespace-hints.ts";

/** The name of the step that makes a container's cgroup. */
const CGROUP = "create the cgroup";

interface Hint {
  /** the calls that failed; without this, any call */
  calls?: readonly string[];
  codes: readonly string[];
  /** the hint; undefined where it does not fit this error, and a later entry may */
  say(error: SysError): string | undefined;
}

/** RLIM_INFINITY */
const UNLIMITED = 0xffffffffffffffffn;
/** The name of the step in container/claim.ts that makes the state directory. */
const RECORD = "record the container's state";

/** The soft limit of minibox itself, in the unit of the shell's ulimit (`unit` bytes, for those of bytes). */
function limit(type: (typeof RLIMITS)[number], unit = 1n): string {
  const soft = getRlimit(0, RLIMITS.indexOf(type))?.soft;
  return soft === undefined || soft === UNLIMITED ? "unlimited" : `${soft / unit}`;
}

const isRoot = (): boolean => geteuid() === 0;

/** The hint, for an error in a step whose name begins with `start`. */
const during =
  (start: string, hint: string) =>
  ({ step }: SysError): string | undefined =>
    step.startsWith(start) ? hint : undefined;

const missingPlace =
  (why: string, overlayHelps: (path: string) => boolean) =>
  ({ step }: SysError): string | undefined => {
    const [, what, path = ""] = /^create (the mount point|the working directory) (.*)$/s.exec(step) ?? [];
    const overlay = overlayHelps(path) ? ", or use --overlay" : "";
    return what && `the rootfs ${why}: make ${what} in the rootfs${overlay}`;
  };

/** Whether a path is directly in /. An overlay's / belongs to the container; directories below keep their owner. */
const isInRoot = (path: string): boolean => path.lastIndexOf("/") === 0;

const HINTS: readonly Hint[] = [
  {
    calls: ["unshare", "clone"],
    codes: ["EPERM", "EACCES"],
    say: () => namespaceHint(isRoot()),
  },
  {
    calls: ["unshare", "clone"],
    codes: ["ENOSPC", "EUSERS"],
    say: ({ args }) => namespaceLimit(Number(args[0])),
  },
  {
    calls: ["ioctl"],
    codes: ["EPERM"],
    say: during(
      "make a network namespace",
      "its loopback interface is brought up with CAP_NET_ADMIN: give minibox that (in a container: --cap-add NET_ADMIN), or run with --network host",
    ),
  },
  {
    calls: ["accept4", "read"],
    codes: ["EPERM", "EACCES", "ENOSYS"],
    say: during("wait to be started", FILTERED_WAIT),
  },
  {
    calls: ["pivot_root"],
    codes: ["EPERM"],
    say: () =>
      isFiltered()
        ? "the seccomp filter of a container around minibox forbids it: run with --chroot, or start that container with --security-opt seccomp=unconfined"
        : undefined,
  },
  {
    calls: ["mount"],
    codes: ["EPERM", "EACCES"],
    say: ({ step }) =>
      /^mount (proc|sysfs) /.test(step)
        ? `where the /proc or /sys that minibox sees is partly covered, as inside many containers, the kernel refuses a fresh one: run on the host, or start that container with ${containerOptions()}`
        : (userNamespaceSetting(isRoot()) ??
          filterHint() ??
          "mounting needs CAP_SYS_ADMIN in the current user namespace, and no security module against it"),
  },
  {
    calls: ["mount"],
    codes: ["EINVAL"],
    say: ({ step }) =>
      step === "make every mount private"
        ? "the / that minibox sees is not a mount point, as in a plain chroot: bind the directory onto itself (mount --bind DIR DIR) before the chroot"
        : "the file system does not know one of the options, or its value: dmesg may say which",
  },
  {
    calls: ["mount"],
    codes: ["ENODEV"],
    say: () => "this kernel has no such file system: /proc/filesystems lists those that it has",
  },
  {
    calls: ["fsconfig", "fsmount"],
    codes: ["EINVAL"],
    say: during(
      "mount a throw-away layer",
      "the kernel puts no overlay on this file system: dmesg may say why",
    ),
  },
  {
    calls: ["mkdirat", "openat"],
    codes: ["EROFS"],
    say: ({ step }) =>
      step.startsWith(`create ${stateRoot()}/`) || step.startsWith("open the state directory")
        ? `some hundred bytes are written for each container: mount a tmpfs on ${stateRoot()}`
        : undefined,
  },
  {
    calls: ["mkdirat", "openat"],
    codes: ["EROFS"],
    say: missingPlace("is on a read-only file system", () => true),
  },
  {
    calls: ["mkdirat", "openat"],
    codes: ["EACCES"],
    say: missingPlace("belongs to another user", isInRoot),
  },
  {
    calls: ["mkdirat"],
    codes: ["EROFS"],
    say: ({ step, args }) => (step.startsWith(CGROUP) ? readOnlyCgroups(String(args[0])) : undefined),
  },
  {
    calls: ["mkdirat"],
    codes: ["EAGAIN"],
    say: ({ step, args }) => (step.startsWith(CGROUP) ? tooManyCgroups(String(args[0])) : undefined),
  },
  {
    calls: ["open_tree"],
    codes: ["ENOENT"],
    say: ({ step }) =>
      /^(mount bind|open the source of a bind)/.test(step)
        ? "the source of a volume must exist: create it first"
        : undefined,
  },
  {
    calls: ["open_tree"],
    codes: ["EINVAL"],
    say: ({ step }) =>
      /^(attach|copy the mount of|mount bind|open the source of a bind)/.test(step)
        ? "its mount cannot be copied: it belongs to another mount namespace, or is unbindable (mount --make-private undoes that)"
        : undefined,
  },
  {
    calls: ["open_tree", "mount_setattr", "move_mount", "openat2"],
    codes: ["ENOSYS"],
    say: () =>
      isFiltered()
        ? `an older seccomp filter of a container around minibox hides this call: start that one with ${containerOptions()}`
        : "minibox needs Linux 5.12 or newer",
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
    calls: ["posix_spawn", "clone"],
    codes: ["EAGAIN"],
    say: () =>
      `no further process is allowed: see pids.max of the cgroup that minibox is in, ulimit -u (${limit("RLIMIT_NPROC")}), and the sysctls kernel.pid_max and kernel.threads-max`,
  },
  {
    calls: ["keyctl"],
    codes: ["EDQUOT"],
    say: () =>
      "each container has a keyring of its own, of which a user may have as many as the sysctls kernel.keys.maxkeys and kernel.keys.maxbytes say (kernel.keys.root_maxkeys and kernel.keys.root_maxbytes for root without a user namespace): raise them, or give the container other ids with --userns",
  },
  {
    calls: ["mount", "move_mount"],
    codes: ["ENOSPC"],
    say: () => "the sysctl fs.mount-max says how many mounts a mount namespace may have: raise it",
  },
  {
    codes: ["EMFILE"],
    say: () =>
      `minibox may not open as many files as it needs: raise ulimit -n, which is ${limit("RLIMIT_NOFILE")}, or limit the container alone with --ulimit nofile=NUMBER`,
  },
  {
    codes: ["EFBIG"],
    say: ({ step }) =>
      step === RECORD
        ? `some hundred bytes are written for each container: raise ulimit -f, which is ${limit("RLIMIT_FSIZE", 1024n)}, or limit the container alone with --ulimit fsize=BYTES`
        : undefined,
  },
  {
    calls: ["mkdirat", "openat", "write"],
    codes: ["ENOSPC", "EDQUOT"],
    say: ({ step }) =>
      step.startsWith(RECORD) || step.startsWith(`create ${stateRoot()}/`)
        ? `some hundred bytes are written for each container: make room in ${stateRoot()}`
        : undefined,
  },
  {
    calls: ["prlimit64"],
    codes: ["EPERM"],
    say: () =>
      "only CAP_SYS_RESOURCE raises a hard limit, and none raises nofile above the sysctl fs.nr_open: ask for at most the caller's own (ulimit -Ha)",
  },
  {
    calls: ["write"],
    codes: ["ENOENT"],
    say: during(
      "set the AppArmor profile",
      "no profile of that name is loaded: aa-status lists those that are, apparmor_parser FILE loads one",
    ),
  },
  {
    codes: ["EPERM"],
    say: () => filterHint(),
  },
];

/** What the person can do about a failed call; undefined where nothing is known. */
export function hintFor(error: SysError): string | undefined {
  for (const { calls, codes, say } of HINTS) {
    if (!(calls?.includes(error.syscall) ?? true) || !codes.includes(error.code)) continue;
    const hint = say(error);
    if (hint !== undefined) return hint;
  }
  return undefined;
}
