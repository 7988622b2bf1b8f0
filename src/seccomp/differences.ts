// Owns the lists of where the default profile differs from docker's and podman's, and why. The tests compare all three
// profiles: a difference that is not listed fails them, and so does a listed one that does not exist.

/** For each call the reason why it is answered differently. */
export type Differences = Readonly<Record<string, string>>;

/** There is no difference: docker allows the same calls on the same conditions. */
export const FROM_DOCKER: Differences = {};

const NAMESPACES =
  "docker's rule: in a user namespace any program reaches kernel code that is root's alone otherwise";
const MOUNTS =
  "docker's rule: without CAP_SYS_ADMIN the kernel refuses it anyway, outside of user namespaces";
const MEMORY = "docker's rule: where memory lies is CAP_SYS_NICE's to decide";

/** Calls that podman lets through, and that the default profile lets through only with a capability or never. */
export const FROM_PODMAN: Differences = {
  clone: NAMESPACES,
  clone3: "docker's rule: its flags are behind a pointer, where no filter sees CLONE_NEWUSER",
  setns: NAMESPACES,
  unshare: NAMESPACES,
  fsconfig: MOUNTS,
  fsmount: MOUNTS,
  fsopen: MOUNTS,
  fspick: MOUNTS,
  mount: MOUNTS,
  mount_setattr: MOUNTS,
  move_mount: MOUNTS,
  open_tree: MOUNTS,
  pivot_root: "docker's rule: a container's root is changed before it starts",
  umount: MOUNTS,
  umount2: MOUNTS,
  get_mempolicy: MEMORY,
  mbind: MEMORY,
  set_mempolicy: MEMORY,
  fanotify_init: "docker's rule: without CAP_SYS_ADMIN it does what inotify does",
  keyctl: "docker's rule: keyrings belong to a user id, not to a namespace",
  pidfd_getfd: "docker's rule: another process's descriptors are CAP_SYS_PTRACE's to take",
  reboot: "docker's rule: the kernel refuses it without CAP_SYS_BOOT",
  socket: "docker's rule: only families that a kernel of today implements and a container has a use for",
  syslog: "docker's rule: the kernel's log is the host's, and kernel.dmesg_restrict may be off",
  query_module: "no kernel has it since 2.6",
  signal: "docker's rule: i386 alone has it, and C libraries have called sigaction since",
};
