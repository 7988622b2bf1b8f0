// Owns the flags of `run`: one table, from which the command line is cut and the help rendered.

import type { Flags } from "./argv.ts";

/** Made when it is asked for: a run without flags does not need it. */
export const runFlags = () =>
  ({
    hostname: { type: "string", valueHint: "name", description: "host name inside (default: container)" },
    env: {
      type: "string",
      alias: "e",
      many: true,
      valueHint: "K=V|K",
      description: "set a variable; K alone takes the caller's value",
    },
    "env-file": {
      type: "string",
      many: true,
      valueHint: "file",
      description: "read variables from a file, one K=V or K a line (docker's format: quotes stay)",
    },
    workdir: {
      type: "string",
      alias: "w",
      valueHint: "dir",
      description: "directory to start in, made where missing (default: /)",
    },
    user: {
      type: "string",
      alias: "u",
      valueHint: "user[:group]",
      description: "ids, or names of the rootfs's /etc/passwd and group",
    },
    volume: {
      type: "string",
      alias: "v",
      many: true,
      valueHint: "src:dst[:ro,…]",
      description: "bind a file or directory of the host's (rslave, rshared: mounts made in it later, too)",
    },
    mount: {
      type: "string",
      many: true,
      valueHint: "type=…,dst=…",
      description: "type=bind,src=…,dst=…[,ro] or type=tmpfs,dst=…[,tmpfs-size=…]",
    },
    tmpfs: {
      type: "string",
      many: true,
      valueHint: "dst[:opts]",
      description: "mount an empty file system in memory",
    },
    "read-only": { type: "boolean", description: "make the root read-only" },
    overlay: { type: "boolean", description: "writes go to a throw-away layer; the rootfs stays untouched" },
    memory: { type: "string", alias: "m", valueHint: "size", description: "limit of memory (64m, 2g)" },
    "memory-swap": {
      type: "string",
      valueHint: "size",
      description: "limit of memory plus swap; -1 for unlimited swap",
    },
    cpus: { type: "string", valueHint: "number", description: "CPU time per second, in CPUs (0.5, 2)" },
    "cpuset-cpus": { type: "string", valueHint: "list", description: "CPUs to run on (0-2,7)" },
    "pids-limit": {
      type: "string",
      valueHint: "number",
      description: "most processes at once; -1 for unlimited",
    },
    "cgroup-parent": {
      type: "string",
      valueHint: "path",
      description: "make its cgroup below this one, made where missing (default: where minibox may)",
    },
    ulimit: {
      type: "string",
      many: true,
      valueHint: "name=soft[:hard]",
      description: "resource limit of the process (nofile=1024:2048)",
    },
    network: {
      type: "string",
      valueHint: "none|host",
      description: "none: loopback only (default); host: the host's",
    },
    "cap-add": {
      type: "string",
      many: true,
      valueHint: "capability",
      description: "give a capability beyond the default ones (NET_ADMIN); ALL for every one there is",
    },
    "cap-drop": {
      type: "string",
      many: true,
      valueHint: "capability",
      description: "take a default capability away; ALL for every one",
    },
    "security-opt": {
      type: "string",
      many: true,
      valueHint: "option",
      description:
        "seccomp=FILE|unconfined, no-new-privileges=false, apparmor=PROFILE, label=type:TYPE, systempaths=unconfined",
    },
    userns: {
      type: "string",
      valueHint: "host|auto|uid:gid:size",
      description:
        "map its ids to others of the host's: auto takes some of /etc/subuid for it alone (default: host)",
    },
    uidmap: {
      type: "string",
      many: true,
      valueHint: "id:host-id:size",
      description: "map these user ids; may be repeated",
    },
    gidmap: {
      type: "string",
      many: true,
      valueHint: "id:host-id:size",
      description: "map these group ids (default: as --uidmap)",
    },
    tty: {
      type: "boolean",
      alias: "t",
      description:
        "put stdin, stdout and stderr on a terminal (default: those that are one here, the others as they are)",
    },
    "no-tty": { type: "boolean", description: "pass the caller's descriptors through, also on a terminal" },
    interactive: { type: "boolean", alias: "i", description: "accepted: stdin is always passed" },
    init: { type: "boolean", description: "keep minibox as PID 1, to pass signals on and reap orphans" },
    rm: { type: "boolean", description: "accepted: nothing of a container stays" },
    name: { type: "string", valueHint: "name", description: "name of the container (default: random)" },
    timeout: {
      type: "string",
      valueHint: "duration",
      description: "end it after this time: TERM, then KILL; exit code 124",
    },
    "stop-timeout": {
      type: "string",
      valueHint: "duration",
      description: "time between TERM and KILL (default: 10s)",
    },
    chroot: {
      type: "boolean",
      description: "chroot instead of pivot_root (chosen by itself on an initramfs)",
    },
    trace: { type: "boolean", description: "print every kernel call made for the container" },
    attest: {
      type: "string",
      valueHint: "file|-",
      description: "write as JSON what the kernel says is in force, read back just before the command starts",
    },
    quiet: { type: "boolean", alias: "q", description: "no notes and warnings, only errors" },
    help: { type: "boolean", alias: "h", description: "print this help" },
  }) as const satisfies Flags;

export type RunFlag = keyof ReturnType<typeof runFlags>;
