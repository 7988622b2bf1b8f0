// Owns the default profile: what a container may ask of the kernel, with docker's meaning. differences.ts lists where
// it departs from docker's and podman's; the tests compare them name by name.
//
// The profile is a list of what is allowed. A call that it does not name fails with EPERM, as in docker: programs take
// that for a missing permission. A call that is younger than the youngest name here fails with ENOSYS (compile.ts):
// programs then fall back to an older call. clone3 gets ENOSYS as well: its flags are behind a pointer, where a filter
// cannot see CLONE_NEWUSER, and libc then uses clone.
//
// These calls are left out on purpose: io_uring (no filter sees its requests), keyctl, add_key and request_key (keyrings
// have no namespaces), userfaultfd (it opens races in the kernel), kexec, swapon, the mount calls without CAP_SYS_ADMIN,
// bpf, perf_event_open, and calls that the kernel no longer has.

import type { Seccomp, SeccompArch, SeccompArg, SeccompSyscall } from "../spec/types.ts";
import { ENOSYS } from "../sys/errno.ts";
import type { Machine } from "./abi.ts";

const FILES =
  "open openat openat2 creat close close_range read write readv writev pread64 pwrite64 preadv pwritev preadv2 " +
  "pwritev2 lseek _llseek dup dup2 dup3 fcntl fcntl64 ioctl flock fsync fdatasync sync syncfs sync_file_range " +
  "truncate truncate64 ftruncate ftruncate64 fallocate fadvise64 fadvise64_64 readahead copy_file_range sendfile " +
  "sendfile64 splice tee vmsplice cachestat name_to_handle_at " +
  "stat stat64 lstat lstat64 fstat fstat64 newfstatat fstatat64 statx statfs statfs64 fstatfs fstatfs64 " +
  "access faccessat faccessat2 chmod fchmod fchmodat fchmodat2 umask " +
  "chown chown32 lchown lchown32 fchown fchown32 fchownat utime utimes futimesat utimensat utimensat_time64 " +
  "chdir fchdir getcwd mkdir mkdirat rmdir mknod mknodat link linkat symlink symlinkat readlink readlinkat " +
  "unlink unlinkat rename renameat renameat2 getdents getdents64 " +
  "getxattr lgetxattr fgetxattr getxattrat setxattr lsetxattr fsetxattr setxattrat " +
  "listxattr llistxattr flistxattr listxattrat removexattr lremovexattr fremovexattr removexattrat " +
  "inotify_init inotify_init1 inotify_add_watch inotify_rm_watch fanotify_mark " +
  "statmount listmount";

const WAITING =
  "select _newselect pselect6 pselect6_time64 poll ppoll ppoll_time64 " +
  "epoll_create epoll_create1 epoll_ctl epoll_ctl_old epoll_wait epoll_wait_old epoll_pwait epoll_pwait2 " +
  "eventfd eventfd2 signalfd signalfd4 pipe pipe2 " +
  "io_setup io_destroy io_submit io_cancel io_getevents io_pgetevents io_pgetevents_time64";

const MEMORY =
  "brk mmap mmap2 munmap mremap mprotect madvise mincore msync mlock mlock2 mlockall munlock munlockall mseal " +
  "remap_file_pages memfd_create memfd_secret membarrier map_shadow_stack pkey_alloc pkey_free pkey_mprotect";

const PROCESSES =
  "fork vfork execve execveat exit exit_group wait4 waitid waitpid restart_syscall " +
  "getpid getppid gettid getpgid getpgrp setpgid getsid setsid " +
  "getuid getuid32 geteuid geteuid32 getgid getgid32 getegid getegid32 getgroups getgroups32 " +
  "getresuid getresuid32 getresgid getresgid32 setuid setuid32 setgid setgid32 setgroups setgroups32 " +
  "setreuid setreuid32 setregid setregid32 setresuid setresuid32 setresgid setresgid32 " +
  "setfsuid setfsuid32 setfsgid setfsgid32 capget capset prctl seccomp " +
  "landlock_create_ruleset landlock_add_rule landlock_restrict_self " +
  "getrlimit ugetrlimit setrlimit prlimit64 getrusage times sysinfo uname " +
  "getpriority setpriority ioprio_get ioprio_set getcpu " +
  "sched_yield sched_get_priority_max sched_get_priority_min sched_getparam sched_setparam sched_getscheduler " +
  "sched_setscheduler sched_getattr sched_setattr sched_getaffinity sched_setaffinity sched_rr_get_interval " +
  "sched_rr_get_interval_time64 " +
  "set_tid_address get_thread_area set_thread_area get_robust_list set_robust_list rseq " +
  "futex futex_time64 futex_waitv futex_wait futex_wake futex_requeue getrandom " +
  "pidfd_open pidfd_send_signal process_mrelease";

const SIGNALS =
  "kill tkill tgkill pause alarm sigaltstack sigprocmask sigreturn " +
  "rt_sigaction rt_sigpending rt_sigprocmask rt_sigqueueinfo rt_sigreturn rt_sigsuspend rt_sigtimedwait " +
  "rt_sigtimedwait_time64 rt_tgsigqueueinfo uretprobe";

// adjtimex and clock_adjtime only read without CAP_SYS_TIME: the kernel sees to that.
const TIME =
  "time gettimeofday nanosleep getitimer setitimer adjtimex " +
  "clock_gettime clock_gettime64 clock_getres clock_getres_time64 clock_nanosleep clock_nanosleep_time64 " +
  "clock_adjtime clock_adjtime64 " +
  "timer_create timer_delete timer_getoverrun timer_gettime timer_gettime64 timer_settime timer_settime64 " +
  "timerfd_create timerfd_gettime timerfd_gettime64 timerfd_settime timerfd_settime64";

// socket(2) has rules of its own below. Old 32-bit programs use socketcall for all of these. It cannot be filtered by
// family, since its arguments are behind a pointer; docker allows it, too.
const SOCKETS =
  "socketpair bind connect listen accept accept4 shutdown getsockname getpeername getsockopt setsockopt " +
  "send sendto sendmsg sendmmsg recv recvfrom recvmsg recvmmsg recvmmsg_time64 socketcall";

const IPC =
  "ipc msgctl msgget msgrcv msgsnd semctl semget semop semtimedop semtimedop_time64 shmat shmctl shmdt shmget " +
  "mq_open mq_unlink mq_notify mq_getsetattr mq_timedreceive mq_timedreceive_time64 mq_timedsend " +
  "mq_timedsend_time64";

// Since Linux 4.8 the filter is asked again after a tracer has changed a call, so ptrace is no way around it. minibox
// needs a younger kernel anyway, so the rule has no condition.
const TRACING = "ptrace process_vm_readv process_vm_writev";

/** The calls that each capability allows. Without the capability the filter answers EPERM. */
const BY_CAPABILITY: Record<string, string> = {
  CAP_BPF: "bpf",
  CAP_DAC_READ_SEARCH: "open_by_handle_at",
  CAP_PERFMON: "perf_event_open",
  CAP_SYS_ADMIN:
    "clone clone3 unshare setns mount umount umount2 mount_setattr move_mount open_tree fsopen fsconfig fsmount " +
    "fspick sethostname setdomainname quotactl quotactl_fd syslog bpf perf_event_open fanotify_init " +
    "lookup_dcookie lsm_get_self_attr lsm_set_self_attr lsm_list_modules",
  CAP_SYS_BOOT: "reboot",
  CAP_SYS_CHROOT: "chroot",
  CAP_SYS_MODULE: "init_module finit_module delete_module",
  CAP_SYS_NICE: "get_mempolicy set_mempolicy set_mempolicy_home_node mbind",
  CAP_SYS_PACCT: "acct",
  CAP_SYS_PTRACE: "kcmp pidfd_getfd process_madvise ptrace process_vm_readv process_vm_writev",
  CAP_SYS_RAWIO: "ioperm iopl",
  CAP_SYS_TIME: "settimeofday stime clock_settime clock_settime64",
  CAP_SYS_TTY_CONFIG: "vhangup",
  CAP_SYSLOG: "syslog",
};

/** The capabilities that change the profile; any other leaves it as it is. */
export const PROFILE_CAPABILITIES: readonly string[] = Object.keys(BY_CAPABILITY);

/** For each machine the ABIs of its programs, and the calls that only its kernel has. */
const BY_MACHINE: Record<Machine, { architectures: readonly SeccompArch[]; names: string }> = {
  x86_64: {
    architectures: ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"],
    names: "arch_prctl modify_ldt",
  },
  aarch64: {
    architectures: ["SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM"],
    names: "arm_fadvise64_64 arm_sync_file_range sync_file_range2 breakpoint cacheflush set_tls",
  },
};

// CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID and NEWNET, linux/sched.h.
const CLONE_NAMESPACES =
  0x00020000 | 0x02000000 | 0x04000000 | 0x08000000 | 0x10000000 | 0x20000000 | 0x40000000;

// PER_LINUX and PER_LINUX32, each with and without UNAME26 (linux/personality.h). 0xffffffff only asks what is set.
const PERSONALITIES = [0x0, 0x8, 0x20000, 0x20008, 0xffffffff];

// The allowed socket families are listed. The kernel looks at the low 32 bits of the family only, so a test for "not
// AF_VSOCK" could be passed with a high bit set. Allowed are the families below 12, and those that a kernel still
// implements. AF_ALG (38) is attack surface that containers have no need of, and AF_VSOCK (40) reaches the hypervisor
// and virtual machines past the network namespace.
const FAMILIES_BELOW = 12;
const FAMILIES = [
  13, 14, 15, 16, 17, 18, 21, 22, 24, 26, 27, 28, 29, 30, 31, 32, 33, 35, 36, 39, 41, 42, 43, 44, 45,
];

/**
 * The default profile for a machine and a bounding set, as OCI's linux.seccomp. Every start has one, but only some read
 * its rules, which are therefore made at the first look.
 */
export function defaultProfile(machine: Machine, capabilities: readonly string[]): Seccomp {
  let syscalls: SeccompSyscall[] | undefined;
  return {
    defaultAction: "SCMP_ACT_ERRNO",
    defaultErrnoRet: 1, // EPERM
    architectures: BY_MACHINE[machine].architectures,
    get syscalls() {
      syscalls ??= rules(machine, capabilities);
      return syscalls;
    },
  };
}

/** Plain loops: the first use of a built-in iteration takes a tenth of a millisecond in a process without the JIT. */
function rules(machine: Machine, capabilities: readonly string[]): SeccompSyscall[] {
  const out = [
    allow([FILES, WAITING, MEMORY, PROCESSES, SIGNALS, TIME, SOCKETS, IPC, TRACING].join(" ")),
    allowFirst("socket", { index: 0, value: FAMILIES_BELOW, op: "SCMP_CMP_LT" }),
  ];
  // a call is allowed where one of the rules with its name holds
  for (const value of FAMILIES) out.push(allowFirst("socket", { index: 0, value, op: "SCMP_CMP_EQ" }));
  for (const value of PERSONALITIES)
    out.push(allowFirst("personality", { index: 0, value, op: "SCMP_CMP_EQ" }));
  out.push(allow(BY_MACHINE[machine].names));
  for (const name of PROFILE_CAPABILITIES)
    if (capabilities.includes(name)) out.push(allow(BY_CAPABILITY[name]!));
  if (!capabilities.includes("CAP_SYS_ADMIN"))
    out.push(
      allowFirst("clone", { index: 0, value: CLONE_NAMESPACES, valueTwo: 0, op: "SCMP_CMP_MASKED_EQ" }),
      { names: ["clone3"], action: "SCMP_ACT_ERRNO", errnoRet: ENOSYS },
    );
  return out;
}

const allow = (names: string): SeccompSyscall => ({ names: names.split(" "), action: "SCMP_ACT_ALLOW" });

const allowFirst = (name: string, arg: SeccompArg): SeccompSyscall => ({
  names: [name],
  action: "SCMP_ACT_ALLOW",
  args: [arg],
});
