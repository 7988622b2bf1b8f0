// Owns the parent's part in a user namespace: its mappings, the container's first process inside it, and what only
// the host's root can open for it (user_namespaces(7)). The process that makes the namespace is child/userns.ts.

import { openDelegated } from "../cgroup/delegated.ts";
import { openCgroup } from "../cgroup/index.ts";
import type { RunRequest, UserNamespaceWork } from "../container/run.ts";
import { bury, type Child } from "../container/spawn.ts";
import { RunError } from "../errors.ts";
import type { Spec } from "../spec/types.ts";
import { reaches, withUserNamespace } from "../spec/userns.ts";
import { type FromChild, type HandedOver, read, send } from "../sync.ts";
import { AT, AT_FDCWD, MOUNT_ATTR, MS, O } from "../sys/constants.ts";
import { EINVAL, EOPNOTSUPP, EPERM, isErrno, SysError } from "../sys/errno.ts";
import { close, open, tryStat, withFd } from "../sys/file.ts";
import { step } from "../sys/libc.ts";
import { openTree, setMountAttributes } from "../sys/mount.ts";
import { pidfdOpen, wait } from "../sys/process.ts";
import { openTied, type Tie, tieOf, whyNotTied } from "../sys/propagation.ts";
import { type UserNamespace, writeMaps } from "./id-maps.ts";

/**
 * Turns the process that makes the namespace into the container's first one, which it starts in there.
 * @throws SysError, RunError
 */
function enterUserNamespace(
  child: Child,
  namespace: UserNamespace,
  { spec, warn, onTrace }: RunRequest,
): void {
  for (;;) {
    const message = read<FromChild>(child.socket)?.message;
    if (!message) throw ended(bury(child).status);
    if (message.type === "map") {
      writeMaps(child.pid, namespace, warn);
      // what could be mapped is known now
      withUserNamespace(spec, namespace.uid, namespace.gid);
      send(child.socket, { type: "mapped" });
    } else if (message.type === "error")
      throw new SysError(message.call, message.args, message.errno, message.phase);
    else if (message.type === "refused") throw new RunError(message.message);
    else if (message.type === "spawned") {
      wait(child.pid);
      close(child.pidfd);
      child.pid = message.pid;
      child.pidfd = pidfdOpen(message.pid);
      return;
    } else onTrace(message);
  }
}

/** Its status is the error number of its last call, which starts the child. */
function ended(status: number): Error {
  if (status === 0 || status >= 125)
    return new RunError("the process that makes the user namespace ended before it could");
  return new SysError("posix_spawn", ["/proc/self/exe"], status, "spawn /proc/self/exe child");
}

/** What the child is to be handed; undefined where it may open everything itself, being the caller. */
export interface Handing {
  announced: HandedOver;
  /** sends them after the request, and keeps none */
  send(): void;
}

/**
 * Opens, as the host's root, what the container's root has no right to: its root, the sources of its binds, and the
 * files to join its cgroup. @throws SysError
 */
function openForUserNamespace(
  child: Child,
  namespace: UserNamespace,
  spec: Spec,
  cgroupFiles: readonly string[],
  warn: (message: string) => void,
): Handing | undefined {
  if (namespace.rootless) return undefined;
  const binds: number[] = [];
  const descriptors = [openRoot(child.pid, namespace, spec.root.path, warn)];
  try {
    for (const [i, entry] of (spec.mounts ?? []).entries()) {
      const { type, source = "", options = [] } = entry;
      if (type !== "bind" && !options.includes("bind") && !options.includes("rbind")) continue;
      step(`open the source of a bind, ${source}`, "with the rights of the host's root, not the container's");
      descriptors.push(copyMount(source, options.includes("rbind") ? AT.AT_RECURSIVE : 0, tieOf(entry)));
      binds.push(i);
    }
    for (const file of cgroupFiles) descriptors.push(open(file, O.O_WRONLY));
  } catch (error) {
    for (const fd of descriptors) close(fd);
    throw error;
  }
  return {
    announced: { binds, cgroupFiles: cgroupFiles.length },
    send: () => handOver(child, descriptors),
  };
}

function handOver(child: Child, descriptors: readonly number[]): void {
  for (const fd of descriptors) {
    send(child.socket, { type: "descriptor" }, fd);
    close(fd);
  }
}

/** A detached copy of a mount. Its original's propagation would carry the container's mounts to the host. */
function copyMount(path: string, flags: number, tie?: Tie): number {
  if (tie) {
    const reason = whyNotTied(path, tie, true);
    if (reason !== undefined) throw new RunError(reason);
    return openTied(path, flags, tie);
  }
  const tree = openTree(AT_FDCWD, path, flags);
  setMountAttributes(tree, { propagation: MS.MS_PRIVATE, recursive: true });
  return tree;
}

/**
 * A detached copy of the rootfs's mount. Where the rootfs belongs to the host's ids, through an id-mapped mount: what
 * root owns on disk, root of the container owns inside.
 */
function openRoot(
  pid: number,
  namespace: UserNamespace,
  path: string,
  warn: (message: string) => void,
): number {
  step(`open ${path}`, "as a mount of its own");
  const tree = copyMount(path, AT.AT_RECURSIVE);
  const owner = tryStat(path)?.uid ?? 0;
  if (reaches(namespace.uid, owner)) return tree;
  try {
    withFd(open(`/proc/${pid}/ns/user`, 0), (userns) => {
      step(
        "map the ids of the rootfs",
        "mount_setattr(2): its files are the container's own, on disk they stay as they are",
      );
      setMountAttributes(tree, { set: MOUNT_ATTR.MOUNT_ATTR_IDMAP, userns });
    });
  } catch (error) {
    if (!isErrno(error, EINVAL, EPERM, EOPNOTSUPP)) throw error;
    warn(
      `the file system of ${path} allows no id-mapped mount: its files belong to ids outside of the container, which can only read them`,
    );
  }
  return tree;
}

/** The parent's work for one run. */
export function userNamespaceWork(namespace: UserNamespace, request: RunRequest): UserNamespaceWork {
  const { id, spec, warn } = request;
  return {
    enter: (child) => enterUserNamespace(child, namespace, request),
    openCgroup: () => (namespace.rootless ? openDelegated(id, spec.linux) : openCgroup(id, spec.linux)),
    open: (child, cgroupFiles) => openForUserNamespace(child, namespace, spec, cgroupFiles, warn),
    keepGroups: () => namespace.keepGroups,
  };
}
