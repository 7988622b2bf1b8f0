// Owns reading back from the kernel what is in force for a container right before execve(2): not what the spec asked
// for, but what /proc and the cgroup's files say of its first process (proc(5), cgroups(7)).

import type { CapabilitySet, IdMapping } from "../spec/types.ts";
import type { Labels } from "../sync.ts";
import { unescapeOctal } from "../sys/bytes.ts";
import { readlink } from "../sys/directory.ts";
import { readFile, tryReadFile } from "../sys/file.ts";
import { CAPABILITIES } from "../sys/names.ts";
import { tryStat } from "../sys/stat.ts";

/** What is in force for a container, by OCI's names where OCI has one. */
export interface Attestation {
  pid: number;
  /** each namespace's inode; `own` is true where minibox itself is in another namespace of that type */
  namespaces: Record<string, { inode: number; own: boolean }>;
  uidMappings: IdMapping[];
  gidMappings: IdMapping[];
  user: { uid: number; gid: number; additionalGids: number[]; umask: number };
  capabilities: Record<CapabilitySet, string[]>;
  noNewPrivileges: boolean;
  seccomp: { mode: "disabled" | "strict" | "filter"; filters: number };
  /**
   * in AppArmor's and SELinux's own form ("NAME (enforce)", "unconfined"); undefined where the kernel does not have it
   */
  apparmorProfile?: string | undefined;
  selinuxLabel?: string | undefined;
  root: { readonly: boolean; options: string[] };
  /** every mount below the root, in the kernel's order */
  mounts: { destination: string; type: string; options: string[] }[];
  /** the paths of /proc and /sys that an empty file or directory covers, and those that are read-only */
  maskedPaths: string[];
  readonlyPaths: string[];
  /** the contents of the cgroup's files of limits, by file name */
  cgroup: Record<string, string>;
  rlimits: Record<string, { soft: string; hard: string }>;
  oomScoreAdj: number;
}

const NAMESPACES = ["cgroup", "ipc", "mnt", "net", "pid", "time", "user", "uts"];

/**
 * Reads what is in force for a process that waits before execve(2). `cgroups` are the directories of its cgroup,
 * `noted` are the labels that it gets in execve itself. @throws SysError
 */
export function attest(pid: number, cgroups: readonly string[], noted: Labels): Attestation {
  const status = statusOf(pid);
  const mounts = mountsOf(pid);
  const root = mounts.find(({ destination }) => destination === "/");
  return {
    pid,
    namespaces: Object.fromEntries(NAMESPACES.map((name) => [name, namespaceOf(pid, name)])),
    uidMappings: mappings(readFile(`/proc/${pid}/uid_map`)),
    gidMappings: mappings(readFile(`/proc/${pid}/gid_map`)),
    user: {
      uid: numbers(status("Uid"))[1]!,
      gid: numbers(status("Gid"))[1]!,
      additionalGids: numbers(status("Groups")),
      umask: Number.parseInt(status("Umask"), 8),
    },
    capabilities: {
      bounding: names(status("CapBnd")),
      effective: names(status("CapEff")),
      inheritable: names(status("CapInh")),
      permitted: names(status("CapPrm")),
      ambient: names(status("CapAmb")),
    },
    noNewPrivileges: status("NoNewPrivs") === "1",
    seccomp: {
      mode: (["disabled", "strict", "filter"] as const)[Number(status("Seccomp"))] ?? "disabled",
      filters: Number(status("Seccomp_filters") || "0"),
    },
    ...labelsOf(pid, noted),
    root: { readonly: root?.options.includes("ro") ?? false, options: root?.options ?? [] },
    mounts: mounts.map(({ destination, type, options }) => ({ destination, type, options })),
    ...kernelPaths(mounts),
    cgroup: limitsOf(cgroups),
    rlimits: rlimitsOf(readFile(`/proc/${pid}/limits`)),
    oomScoreAdj: Number(readFile(`/proc/${pid}/oom_score_adj`)),
  };
}

/** Returns the labels after execve: those that are noted for it, else the ones that the process has now. */
function labelsOf(pid: number, noted: Labels): Labels {
  const hasSelinux = tryStat("/sys/fs/selinux/enforce") !== undefined;
  const apparmor = noted.apparmorProfile ?? tryReadFile(`/proc/${pid}/attr/apparmor/current`);
  const selinux = noted.selinuxLabel ?? (hasSelinux ? tryReadFile(`/proc/${pid}/attr/current`) : undefined);
  const labels: Labels = {};
  if (apparmor) labels.apparmorProfile = apparmor.trim();
  if (selinux) labels.selinuxLabel = selinux.replace("\0", "").trim();
  return labels;
}

/** Reads /proc/PID/status; returns a function that looks up a field, "" for one that this kernel does not have. */
function statusOf(pid: number): (field: string) => string {
  const lines = readFile(`/proc/${pid}/status`).split("\n");
  const fields = new Map(
    lines.map((line) => [line.slice(0, line.indexOf(":")), line.slice(line.indexOf(":") + 1).trim()]),
  );
  return (field) => fields.get(field) ?? "";
}

const numbers = (text: string): number[] => text.split(/\s+/).filter(Boolean).map(Number);

/** Returns the names of the capabilities in a hexadecimal mask, or the number of one that minibox does not know. */
function names(hex: string): string[] {
  const mask = BigInt(`0x${hex || "0"}`);
  const bits = Array.from({ length: 64 }, (_, bit) => bit).filter((bit) => (mask >> BigInt(bit)) & 1n);
  return bits.map((bit) => CAPABILITIES[bit] ?? String(bit));
}

function namespaceOf(pid: number, name: string): { inode: number; own: boolean } {
  const link = readlink(`/proc/${pid}/ns/${name}`);
  return { inode: Number(/\[(\d+)\]/.exec(link)?.[1]), own: link !== readlink(`/proc/self/ns/${name}`) };
}

function mappings(text: string): IdMapping[] {
  const rows = text.split("\n").map(numbers);
  return rows
    .filter((row) => row.length === 3)
    .map(([containerID, hostID, size]) => ({ containerID: containerID!, hostID: hostID!, size: size! }));
}

interface MountLine {
  /** the file that is mounted, below the root of its file system */
  root: string;
  destination: string;
  type: string;
  source: string;
  options: string[];
}

/** Reads the container's mounts (proc_pid_mountinfo(5)). */
function mountsOf(pid: number): MountLine[] {
  const lines = readFile(`/proc/${pid}/mountinfo`).split("\n").filter(Boolean);
  return lines.map((line) => {
    const [before, after] = line.split(" - ") as [string, string];
    const [, , , root, destination, options] = before.split(" ");
    const [type, source] = after.split(" ");
    return {
      root: unescapeOctal(root!),
      destination: unescapeOctal(destination!),
      type: type!,
      source: source!,
      options: options!.split(","),
    };
  });
}

/**
 * Finds the paths below /proc and /sys that are masked: /dev/null or an empty read-only tmpfs is mounted on them; and
 * those that are read-only: the same path is mounted on itself, read-only.
 */
function kernelPaths(mounts: readonly MountLine[]): { maskedPaths: string[]; readonlyPaths: string[] } {
  const below = mounts.filter(({ destination }) => /^\/(proc|sys)\/./.test(destination));
  const isItself = ({ type }: MountLine) => type === "proc" || type === "sysfs";
  // the tmpfs of the control groups is not empty: the hierarchies are mounted in it
  const isEmpty = ({ destination }: MountLine) =>
    !below.some((mount) => mount.destination.startsWith(`${destination}/`));
  const isMask = (mount: MountLine) =>
    !isItself(mount) &&
    isEmpty(mount) &&
    (mount.root.endsWith("/null") || mount.options.includes("ro")) &&
    mount.type.includes("tmpfs");
  return {
    maskedPaths: below.filter(isMask).map(({ destination }) => destination),
    readonlyPaths: below
      .filter((mount) => isItself(mount) && mount.options.includes("ro"))
      .map(({ destination }) => destination),
  };
}

/** The files of limits, of version 1 and 2. */
const LIMIT_FILES = [
  "memory.max",
  "memory.swap.max",
  "memory.limit_in_bytes",
  "memory.memsw.limit_in_bytes",
  "cpu.max",
  "cpu.cfs_quota_us",
  "cpu.cfs_period_us",
  "cpuset.cpus",
  "cpuset.mems",
  "pids.max",
  "devices.list",
];

function limitsOf(cgroups: readonly string[]): Record<string, string> {
  const found: Record<string, string> = {};
  for (const directory of cgroups)
    for (const file of LIMIT_FILES) {
      const text = tryReadFile(`${directory}/${file}`);
      if (text !== undefined) found[file] = text.trim();
    }
  return found;
}

/** OCI's names for the limits as /proc/PID/limits calls them, behind its "Max " ("Max open files"). */
const RLIMIT_NAMES: Record<string, string> = {
  "cpu time": "RLIMIT_CPU",
  "file size": "RLIMIT_FSIZE",
  "data size": "RLIMIT_DATA",
  "stack size": "RLIMIT_STACK",
  "core file size": "RLIMIT_CORE",
  "resident set": "RLIMIT_RSS",
  processes: "RLIMIT_NPROC",
  "open files": "RLIMIT_NOFILE",
  "locked memory": "RLIMIT_MEMLOCK",
  "address space": "RLIMIT_AS",
  "file locks": "RLIMIT_LOCKS",
  "pending signals": "RLIMIT_SIGPENDING",
  "msgqueue size": "RLIMIT_MSGQUEUE",
  "nice priority": "RLIMIT_NICE",
  "realtime priority": "RLIMIT_RTPRIO",
  "realtime timeout": "RLIMIT_RTTIME",
};

function rlimitsOf(text: string): Record<string, { soft: string; hard: string }> {
  const rows = [...text.matchAll(/^Max (.+?) {2,}(\S+) +(\S+)/gm)];
  return Object.fromEntries(
    rows.map(([, name, soft, hard]) => [RLIMIT_NAMES[name!] ?? name!, { soft: soft!, hard: hard! }]),
  );
}
