// Owns the parent's part in a user namespace: its mappings, and the container's first process inside it
// (user_namespaces(7)). The process that makes the namespace is child/userns.ts.

import { planDelegated } from "../cgroup/delegated.ts";
import { planCgroup } from "../cgroup/index.ts";
import { RunError } from "../errors.ts";
import type { Spec } from "../spec/types.ts";
import { withUserNamespace } from "../spec/userns.ts";
import { type FromChild, read, readPid, send } from "../sync.ts";
import { SysError } from "../sys/errno.ts";
import { close } from "../sys/file.ts";
import { pidfdOpen, pidOf, wait } from "../sys/process.ts";
import { openDescriptors } from "./handover.ts";
import { readMaps, writeMaps } from "./id-maps.ts";
import { chooseIds, noIdsLeft } from "./ids.ts";
import type { Callbacks, EnteredNamespace, Entrant, UserNamespacePlan, UserNamespaceWork } from "./types.ts";

/** What the parent does for a container with this user namespace. */
export const userNamespaceWork = (plan: UserNamespacePlan): UserNamespaceWork => ({
  plan,
  chooseIds: (held, rootfs) => chooseIds(plan, held, rootfs),
  noIdsLeft: () => noIdsLeft(plan),
  enter: (child, spec, rootfs, callbacks) => enter(child, plan, spec, rootfs, callbacks),
  planCgroup: plan.rootless ? planDelegated : planCgroup,
  // The root of a rootless container is the caller, who may open no more than the child.
  openDescriptors: plan.rootless ? () => ({}) : openDescriptors,
});

function enter(
  child: Entrant,
  plan: UserNamespacePlan,
  spec: Spec,
  rootfs: number,
  { warn, trace }: Callbacks,
): EnteredNamespace {
  for (const note of plan.notes) warn(note);
  const reopened = new Map<number, number>();
  let entered: EnteredNamespace = { spec, keepGroups: plan.keepGroups, reopened };
  for (;;) {
    const received = read<FromChild>(child.socket);
    if (!received) throw ended(child);
    const { message } = received;
    const fd = received.fds[0];
    if (message.type === "map") {
      const maps = plan.joins ? readMaps(child.pid) : writeMaps(child.pid, plan, warn);
      // before the child goes on: a user that has no mapping ends the run
      entered = { spec: withUserNamespace(spec, maps), keepGroups: maps.keepGroups, reopened };
      send(child.socket, { type: "mapped" }, ...(plan.rootless ? [rootfs] : []));
    } else if (message.type === "rootfs" && fd !== undefined) {
      close(rootfs);
      entered.rootfs = fd;
    } else if (message.type === "error")
      throw new SysError(message.call, message.args, message.errno, message.step);
    else if (message.type === "reopened" && fd !== undefined) reopened.set(message.fd, fd);
    else if (message.type === "refused") throw new RunError(message.message);
    else if (message.type === "spawned") {
      const pid = readPid(child.socket);
      if (pid === undefined) throw ended(child);
      adopt(child, { pid, pidfd: pidfdOpen(pid) });
      return entered;
    } else if (message.type === "kept" && fd !== undefined) {
      adopt(child, { pid: pidOf(fd), pidfd: fd, keeper: message.keeper });
      return entered;
    } else trace(message);
  }
}

/** The process that made the namespace ends, and the one that it started takes its place. */
function adopt(child: Entrant, started: Pick<Entrant, "pid" | "pidfd" | "keeper">): void {
  wait(child.pid);
  close(child.pidfd);
  Object.assign(child, started);
}

/** The status of the process that makes the namespace is the error number of its last call, which starts the child. */
function ended(child: Entrant): Error {
  child.exit = wait(child.pid)?.exit ?? { status: 125, signal: 0 };
  const { status } = child.exit;
  if (status === 0 || status >= 125)
    return new RunError("the process that makes the user namespace ended before it could");
  return new SysError("posix_spawn", ["/proc/self/exe"], status, "spawn /proc/self/exe child");
}
