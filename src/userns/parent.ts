// Owns the parent's part in a user namespace: its mappings, and the container's first process inside it
// (user_namespaces(7)). The process that makes the namespace is child/userns.ts.

import { openDelegated } from "../cgroup/delegated.ts";
import { openCgroup } from "../cgroup/index.ts";
import type { RunRequest, UserNamespaceWork } from "../container/run.ts";
import { bury, type Child } from "../container/spawn.ts";
import { RunError } from "../errors.ts";
import { withUserNamespace } from "../spec/userns.ts";
import { type FromChild, read, send } from "../sync.ts";
import { SysError } from "../sys/errno.ts";
import { close } from "../sys/file.ts";
import { pidfdOpen, wait } from "../sys/process.ts";
import { openDescriptors } from "./handover.ts";
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

/** The parent's work for one run. */
export function userNamespaceWork(namespace: UserNamespace, request: RunRequest): UserNamespaceWork {
  const { id, spec, warn } = request;
  return {
    enter: (child) => enterUserNamespace(child, namespace, request),
    openCgroup: () => (namespace.rootless ? openDelegated(id, spec.linux) : openCgroup(id, spec.linux)),
    open: (child, cgroupFiles) =>
      // without the host's root, the caller has no right that the container's root has not
      namespace.rootless ? new Map() : openDescriptors(child.pid, spec, cgroupFiles, warn),
    keepGroups: () => namespace.keepGroups,
  };
}
