// Owns the defaults of a container: docker's defaults, as an OCI object.

import type { Capabilities, Mount, Namespace, Spec } from "./types.ts";

export const DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

export const HOSTNAME = "container";

/** Mounts that programs expect to find, in mounting order. */
export const DEFAULT_MOUNTS: readonly Mount[] = [
  { destination: "/proc", type: "proc", source: "proc", options: ["nosuid", "nodev", "noexec"] },
  {
    destination: "/dev",
    type: "tmpfs",
    source: "tmpfs",
    options: ["nosuid", "noexec", "strictatime", "mode=755", "size=65536k"],
  },
  {
    destination: "/dev/pts",
    type: "devpts",
    source: "devpts",
    options: ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"],
  },
  {
    destination: "/dev/shm",
    type: "tmpfs",
    source: "shm",
    options: ["nosuid", "noexec", "nodev", "mode=1777", "size=65536k"],
  },
  { destination: "/dev/mqueue", type: "mqueue", source: "mqueue", options: ["nosuid", "noexec", "nodev"] },
  { destination: "/sys", type: "sysfs", source: "sysfs", options: ["nosuid", "noexec", "nodev", "ro"] },
  {
    destination: "/sys/fs/cgroup",
    type: "cgroup",
    source: "cgroup",
    options: ["nosuid", "noexec", "nodev", "ro"],
  },
];

/** Every namespace but user and time. */
export const DEFAULT_NAMESPACES: readonly Namespace[] = [
  { type: "pid" },
  { type: "mount" },
  { type: "uts" },
  { type: "ipc" },
  { type: "network" },
  { type: "cgroup" },
];

/** docker's list: files that show keys, memory, timing or power of the host (runtime-spec "Masked Paths"). */
export const MASKED_PATHS: readonly string[] = [
  "/proc/acpi",
  "/proc/asound",
  "/proc/interrupts",
  "/proc/kcore",
  "/proc/keys",
  "/proc/latency_stats",
  "/proc/sched_debug",
  "/proc/scsi",
  "/proc/timer_list",
  "/proc/timer_stats",
  "/sys/devices/virtual/powercap",
  "/sys/firmware",
];

/** docker's list: a write to these files would change the host, too. */
export const READONLY_PATHS: readonly string[] = [
  "/proc/bus",
  "/proc/fs",
  "/proc/irq",
  "/proc/sys",
  "/proc/sysrq-trigger",
];

/** docker's list: programs of images commonly need these, and none of them reaches beyond the container. */
export const DEFAULT_CAPABILITIES: readonly string[] = [
  "CAP_CHOWN",
  "CAP_DAC_OVERRIDE",
  "CAP_FSETID",
  "CAP_FOWNER",
  "CAP_MKNOD",
  "CAP_NET_RAW",
  "CAP_SETGID",
  "CAP_SETUID",
  "CAP_SETFCAP",
  "CAP_SETPCAP",
  "CAP_NET_BIND_SERVICE",
  "CAP_SYS_CHROOT",
  "CAP_KILL",
  "CAP_AUDIT_WRITE",
];

/** Inheritable and ambient stay empty, so that a program that is not root gains nothing by execve(2) (CVE-2022-24769). */
export const capabilitySets = (names: readonly string[]): Capabilities => ({
  bounding: names,
  effective: names,
  permitted: names,
});

/** The object of a container for which no flag was given. */
export const defaultSpec = (rootfs: string, args: readonly string[]): Spec => ({
  ociVersion: "1.2.0",
  root: { path: rootfs, readonly: false },
  hostname: HOSTNAME,
  process: {
    cwd: "/",
    args,
    env: [],
    user: { uid: 0, gid: 0 },
    capabilities: capabilitySets(DEFAULT_CAPABILITIES),
    noNewPrivileges: true,
  },
  mounts: DEFAULT_MOUNTS,
  linux: {
    namespaces: DEFAULT_NAMESPACES,
    resources: { devices: [{ allow: false, access: "rwm" }] },
    maskedPaths: MASKED_PATHS,
    readonlyPaths: READONLY_PATHS,
  },
});
