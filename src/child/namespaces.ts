// Owns entering namespaces (namespaces(7)) and what is named inside them at once.

import type { Namespace, Spec } from "../spec/types.ts";
import { CLONE, O } from "../sys/constants.ts";
import { close, open, withFd } from "../sys/file.ts";
import { step } from "../sys/libc.ts";
import {
  loopbackUp,
  NAMESPACE_FLAGS,
  openToAllUsers,
  setdomainname,
  sethostname,
  setns,
  unshare,
} from "../sys/namespace.ts";
import { setsid } from "../sys/process.ts";

/** The pid namespace is the parent's work: it holds for processes made after it, so it must exist before us. */
const MADE_BY_PARENT = CLONE.CLONE_NEWPID;

const namespaces = (spec: Spec): readonly Namespace[] => spec.linux.namespaces ?? [];

/** True where the container gets a new namespace of this type. */
function isNew(spec: Spec, wanted: Namespace["type"]): boolean {
  for (const { type, path } of namespaces(spec)) if (type === wanted) return path === undefined;
  return false;
}

/** True where the container is in a user namespace other than the host's. */
export function hasUserNamespace(spec: Spec): boolean {
  for (const { type } of namespaces(spec)) if (type === "user") return true;
  return false;
}

/**
 * Joins the namespaces that have a path, and makes the others new; the cgroup one comes later. `network` is one that
 * the parent has made.
 */
export function enterNamespaces(spec: Spec, network: number | undefined): void {
  step("setsid", "a session of its own: no controlling terminal of the host's to push input into");
  setsid();
  for (const { type, path } of namespaces(spec)) {
    if (path === undefined || type === "pid") continue;
    step(`join the ${type} namespace ${path}`);
    withFd(open(path, O.O_NONBLOCK), (fd) => setns(fd, NAMESPACE_FLAGS[type]));
  }
  if (network !== undefined) {
    step("join the network namespace", "made by the parent while this process was starting");
    setns(network, CLONE.CLONE_NEWNET);
    close(network);
  }
  let flags = 0;
  for (const { type, path } of namespaces(spec)) if (path === undefined) flags |= NAMESPACE_FLAGS[type];
  if (network !== undefined) flags &= ~CLONE.CLONE_NEWNET;
  flags &= ~(MADE_BY_PARENT | CLONE.CLONE_NEWCGROUP | CLONE.CLONE_NEWUSER);
  step("unshare namespaces", "own views of mounts, host name, System V IPC and whatever else is new");
  unshare(flags);
}

/** The cgroup namespace's root is the cgroup of the moment: made after the cgroup was joined. */
export function unshareCgroupNamespace(spec: Spec): void {
  if (!isNew(spec, "cgroup")) return;
  step("unshare the cgroup namespace", "its own cgroup is the top of what it sees");
  unshare(CLONE.CLONE_NEWCGROUP);
}

/** Host name, domain name, and loopback, each in a namespace of its own only. */
export function nameHost(spec: Spec, network: number | undefined): void {
  if (spec.hostname !== undefined && isNew(spec, "uts")) {
    step(`set the host name ${spec.hostname}`, "seen in the new UTS namespace only");
    sethostname(spec.hostname);
  }
  if (spec.domainname !== undefined && isNew(spec, "uts")) setdomainname(spec.domainname);
  if (network === undefined && isNew(spec, "network")) {
    step("bring up the loopback interface", "a new network namespace has nothing but lo, and that is down");
    loopbackUp();
    // only groups that have a mapping here are taken
    const groups = spec.linux.gidMappings?.find(({ containerID }) => containerID === 0)?.size ?? 0;
    if (groups > 0) openToAllUsers(groups - 1);
  }
}
