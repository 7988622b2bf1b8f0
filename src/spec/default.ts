// Owns the defaults of a container that nobody asked anything special of: docker's, in OCI's form.

import type { Mount, Namespace, NamespaceType, Spec } from "./types.ts";

export const DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

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
];

/** Every namespace but user and time. */
export const DEFAULT_NAMESPACES: readonly NamespaceType[] = [
  "pid",
  "mount",
  "uts",
  "ipc",
  "network",
  "cgroup",
];

/** A fresh default object; the caller fills in what was asked for. */
export function defaultSpec(rootfs: string, args: string[]): Spec {
  const namespaces: Namespace[] = [];
  for (const type of DEFAULT_NAMESPACES) namespaces.push({ type });
  return {
    ociVersion: "1.2.0",
    root: { path: rootfs, readonly: false },
    hostname: "container",
    process: { cwd: "/", args, env: [], user: { uid: 0, gid: 0 }, noNewPrivileges: true },
    mounts: [...DEFAULT_MOUNTS],
    linux: { namespaces, resources: {} },
  };
}
