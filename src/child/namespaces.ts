// Owns entering the container's namespaces (namespaces(7)), and what is set in them at once: host name and loopback.

import type { Namespace, NamespaceType } from "../spec/types.ts";
import type { ChildSpec } from "../sync.ts";
import { CLONE } from "../sys/constants.ts";
import { close, withFd } from "../sys/file.ts";
import { step } from "../sys/libc.ts";
import {
  loopbackUp,
  NAMESPACE_FLAGS,
  openNamespace,
  openToAllUsers,
  setdomainname,
  sethostname,
  setns,
  unshare,
} from "../sys/namespace.ts";
import { setsid } from "../sys/process.ts";
import { Refusal } from "./refusal.ts";

function namespaces(spec: ChildSpec): readonly Namespace[] {
  return spec.linux.namespaces ?? [];
}

/** True where the container gets a new namespace of this type. */
function isNew(spec: ChildSpec, wanted: NamespaceType): boolean {
  for (const { type, path } of namespaces(spec)) if (type === wanted) return path === undefined;
  return false;
}

/**
 * True where the spec has a namespace of this type, a new one or one with a path; else the container is in the host's.
 */
function has(spec: ChildSpec, wanted: NamespaceType): boolean {
  for (const { type } of namespaces(spec)) if (type === wanted) return true;
  return false;
}

export function hasUserNamespace(spec: ChildSpec): boolean {
  return has(spec, "user");
}

/** Opens the path of the namespace at this place of linux.namespaces. @throws Refusal, SysError */
export function openNamespacePath(type: NamespaceType, path: string, place: number): number {
  const field = `linux.namespaces[${place}].path`;
  step(`join the ${type} namespace ${path} (${field})`);
  const fd = openNamespace(path, NAMESPACE_FLAGS[type]);
  if (fd === undefined) throw new Refusal(`${field}: ${path} is no namespace of the type ${type}`);
  return fd;
}

/**
 * The user namespace and the pid namespace are entered before this process starts: the first owns the others, and the
 * second holds only for processes that start after it was entered. The mount namespace comes last, since the paths of
 * the others are looked up in the mount namespace that is left.
 */
const JOINED_IN_ORDER: readonly NamespaceType[] = ["ipc", "uts", "network", "cgroup", "time", "mount"];

function joinPaths(all: readonly Namespace[]): void {
  for (const wanted of JOINED_IN_ORDER)
    for (const [place, { type, path }] of all.entries())
      if (type === wanted && path !== undefined)
        withFd(openNamespacePath(type, path, place), (fd) => setns(fd, NAMESPACE_FLAGS[type]));
}

/**
 * Joins the namespaces that have a path, and makes the others new, all at once; the new cgroup namespace comes later.
 * `network` is the descriptor of a network namespace that the parent made. @throws Refusal, SysError
 */
export function enterNamespaces(spec: ChildSpec, network: number | undefined): void {
  step("setsid", "a new session has no controlling terminal, so nothing can be typed into the host's");
  setsid();
  let flags = 0;
  let joins = false;
  for (const { type, path } of namespaces(spec))
    if (path === undefined) flags |= NAMESPACE_FLAGS[type];
    else joins = true;
  if (joins) joinPaths(namespaces(spec));
  if (network !== undefined) {
    step("join the network namespace", "made by the parent while this process was starting");
    setns(network, CLONE.CLONE_NEWNET);
    close(network);
    flags &= ~CLONE.CLONE_NEWNET;
  }
  flags &= ~(CLONE.CLONE_NEWPID | CLONE.CLONE_NEWUSER | CLONE.CLONE_NEWCGROUP);
  step("unshare namespaces", "the container gets mounts, a host name and System V IPC of its own");
  unshare(flags);
}

/** Makes a cgroup namespace. Its root is the cgroup of the process that makes it, which must have joined before. */
export function unshareCgroupNamespace(spec: ChildSpec): void {
  if (!isNew(spec, "cgroup")) return;
  step("unshare the cgroup namespace", "the container sees its own cgroup as the root");
  unshare(CLONE.CLONE_NEWCGROUP);
}

/**
 * Sets the host name and the domain name, except in the host's own UTS namespace, and brings up a new loopback
 * interface.
 */
export function nameHost(spec: ChildSpec, network: number | undefined): void {
  if (spec.hostname !== undefined && has(spec, "uts")) {
    step(`set the host name ${spec.hostname}`, "seen in this UTS namespace only");
    sethostname(spec.hostname);
  }
  if (spec.domainname !== undefined && has(spec, "uts")) setdomainname(spec.domainname);
  if (network === undefined && isNew(spec, "network")) {
    step("bring up the loopback interface", "a new network namespace has nothing but lo, and that is down");
    loopbackUp();
    // ping_group_range takes only groups that this user namespace maps
    const groups = spec.linux.gidMappings?.find(({ containerID }) => containerID === 0)?.size ?? 0;
    if (groups > 0) openToAllUsers(groups - 1);
  }
}
