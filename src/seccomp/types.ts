// The OCI runtime-spec's linux.seccomp, names and values verbatim (config-linux.md, section Seccomp).

export type LinuxSeccompAction =
  | "SCMP_ACT_KILL"
  | "SCMP_ACT_KILL_PROCESS"
  | "SCMP_ACT_KILL_THREAD"
  | "SCMP_ACT_TRAP"
  | "SCMP_ACT_ERRNO"
  | "SCMP_ACT_TRACE"
  | "SCMP_ACT_ALLOW"
  | "SCMP_ACT_LOG"
  | "SCMP_ACT_NOTIFY";

export type LinuxSeccompOperator =
  | "SCMP_CMP_NE"
  | "SCMP_CMP_LT"
  | "SCMP_CMP_LE"
  | "SCMP_CMP_EQ"
  | "SCMP_CMP_GE"
  | "SCMP_CMP_GT"
  | "SCMP_CMP_MASKED_EQ";

export type LinuxSeccompFlag =
  | "SECCOMP_FILTER_FLAG_TSYNC"
  | "SECCOMP_FILTER_FLAG_LOG"
  | "SECCOMP_FILTER_FLAG_SPEC_ALLOW"
  | "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV";

/** SCMP_ARCH_X86_64 and so on; those of other machines than this one are accepted and have no effect. */
export type Arch = `SCMP_ARCH_${string}`;

/** uint64 in the specification: a number only up to 2^53, beyond that a bigint (see parseProfile). */
export type Uint64 = number | bigint;

export interface LinuxSeccompArg {
  index: number;
  value: Uint64;
  valueTwo?: Uint64;
  op: LinuxSeccompOperator;
}

export interface LinuxSyscall {
  names: readonly string[];
  action: LinuxSeccompAction;
  errnoRet?: number;
  args?: readonly LinuxSeccompArg[];
}

export interface LinuxSeccomp {
  defaultAction: LinuxSeccompAction;
  defaultErrnoRet?: number;
  architectures?: readonly Arch[];
  flags?: readonly LinuxSeccompFlag[];
  listenerPath?: string;
  listenerMetadata?: string;
  syscalls?: readonly LinuxSyscall[];
}

/** The machine whose kernel will run the filter. */
export type Machine = "x86_64" | "aarch64";
