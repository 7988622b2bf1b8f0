// Owns the spec's mounts. Each is attached to a descriptor of its destination (move_mount(2)), so that no symbolic link
// or exchanged directory of the rootfs leads it elsewhere.

import type { MountOperation } from "../spec/mount-operations.ts";
import type { ChildRequest, Descriptors } from "../sync.ts";
import { AT, AT_FDCWD, MOUNT_ATTR, MS, O, RESOLVE, S_IFDIR, S_IFMT } from "../sys/constants.ts";
import { EINVAL } from "../sys/errno.ts";
import { close, open, openInRoot, tryOpenat2, withFd } from "../sys/file.ts";
import { failed, step } from "../sys/libc.ts";
import { fdPath, moveMount, openTree, setMountAttributes, tryMount } from "../sys/mount.ts";
import { copyMount, propagationOf as tiedBy, whyNotTied } from "../sys/propagation.ts";
import { statx } from "../sys/stat.ts";
import { mountHierarchies } from "./cgroup.ts";
import { createDevices } from "./devices.ts";
import { openDestination } from "./mount-points.ts";
import { hasUserNamespace } from "./namespaces.ts";
import { Refusal } from "./refusal.ts";

/**
 * Copies the sources of binds that stay tied to the host's mounts (propagation shared or slave) and adds the copies to
 * `descriptors`. Must be called before all mounts are made private. @throws SysError, Refusal
 */
export function openTiedSources(request: ChildRequest, descriptors: Descriptors): void {
  const { mounts } = request;
  for (let i = 0; i < mounts.length; i++)
    if (mounts[i]!.tie && descriptors[bindName(i)] === undefined)
      descriptors[bindName(i)] = copyTied(mounts[i]!, hasUserNamespace(request.spec));
}

function bindName(i: number): string {
  return `bind ${i}`;
}

function copyTied({ source = "", flags, tie }: MountOperation, userNamespace: boolean): number {
  step(
    `open the source of a bind, ${source}`,
    "while it is still tied to the host's mounts: they are made private next",
  );
  return withFd(open(source, O.O_PATH), (fd) => {
    const reason = whyNotTied(fd, source, tie!, userNamespace);
    if (reason !== undefined) throw new Refusal(reason);
    return copyMount(fd, flags & MS.MS_REC ? AT.AT_RECURSIVE : 0, tiedBy(tie!));
  });
}

/**
 * Mounts what the spec lists, in its order, except binds that are shared with the host (mountShared()), and fills the
 * container's own /dev once that is mounted. `descriptors` has the sources of binds that are open already.
 * @throws SysError, Refusal
 */
export function mountAll(root: number, request: ChildRequest, descriptors: Descriptors): void {
  const { mounts } = request;
  for (let i = 0; i < mounts.length; i++) {
    const operation = mounts[i]!;
    const { type, isBind, tie, destination } = operation;
    if (type === "cgroup") mountCgroup(root, operation, request);
    else if (!isBind) mountFileSystem(root, operation);
    else if (tie !== "shared") mountBind(root, operation, descriptors[bindName(i)]);
    if (type === "tmpfs" && destination === "/dev") createDevices(root, request);
  }
}

/**
 * True for what shows the kernel's state, and for the places where minibox relies on it. No symbolic link in the rootfs
 * may redirect these.
 */
function isVital({ type, destination }: MountOperation): boolean {
  return (
    type === "proc" ||
    type === "sysfs" ||
    type === "cgroup" ||
    type === "cgroup2" ||
    destination === "/proc" ||
    destination === "/sys" ||
    destination === "/dev"
  );
}

/** Mounts the control groups. OCI's mount type "cgroup" stands for the version that the host has. */
function mountCgroup(root: number, operation: MountOperation, request: ChildRequest): void {
  const { spec, host } = request;
  const { view } = host.cgroup;
  if (view?.version === 2) mountFileSystem(root, { ...operation, type: "cgroup2" });
  if (view?.version !== 1) return;
  const { destination, shown } = operation;
  step(`mount the control groups on ${destination}${shown}`, "with the container's own cgroup as the top");
  const place = openDestination(root, destination, "directory", true);
  mountHierarchies(place, view.hierarchies, operation, spec.linux.mountLabel);
  close(place);
}

function mountFileSystem(root: number, operation: MountOperation): void {
  const { type, source, destination, flags, shown } = operation;
  step(`mount ${type} on ${destination}${shown}`);
  let { data } = operation;
  if (type === "tmpfs" && !data.includes("mode=")) data = `${likeCovered(root, destination)}${data}`;
  const place = openDestination(root, destination, "directory", isVital(operation));
  const target = fdPath(place);
  const result = tryMount(source ?? type ?? "none", target, type ?? null, flags, data || null);
  if (result < 0) mountWithoutGroup(target, operation, data, result);
  close(place);
  if (operation.propagation) setPropagation(openInRoot(root, destination, O.O_PATH), operation);
}

/** Mounts a devpts where the user namespace has no mapping for the group that terminals belong to. @throws SysError */
function mountWithoutGroup(
  target: string,
  { type, source, flags }: MountOperation,
  data: string,
  result: number,
): void {
  const withoutGroup = data.replace(/(^|,)gid=\d+/, "");
  const args = [source ?? type ?? "none", target, type ?? null, flags] as const;
  if (type !== "devpts" || withoutGroup === data || result !== -EINVAL)
    throw failed("mount", [...args, data || null], result);
  const again = tryMount(...args, withoutGroup || null);
  if (again < 0) throw failed("mount", [...args, withoutGroup || null], again);
}

function setPropagation(fd: number, { propagation }: MountOperation): void {
  setMountAttributes(fd, {
    propagation: propagation & ~MS.MS_REC,
    recursive: (propagation & MS.MS_REC) !== 0,
  });
}

/**
 * Returns mount options that give a tmpfs the mode and owner of the directory that it covers; "" where there is none.
 */
function likeCovered(root: number, destination: string): string {
  const fd = tryOpenat2(root, destination, O.O_PATH, RESOLVE.RESOLVE_IN_ROOT | RESOLVE.RESOLVE_NO_MAGICLINKS);
  if (fd < 0) return "";
  const { mode, uid, gid } = withFd(fd, statx);
  const NOBODY = 65_534; // the kernel also shows this for an id that the user namespace does not map
  const owner = uid === NOBODY || gid === NOBODY ? "" : `uid=${uid},gid=${gid},`;
  return `mode=${(mode & 0o7777).toString(8)},${owner}`;
}

function mountBind(root: number, operation: MountOperation, opened: number | undefined): void {
  const { source = "", destination, flags, shown } = operation;
  step(`mount bind ${source} on ${destination}${shown}`);
  const tree = opened ?? openTree(AT_FDCWD, source, flags & MS.MS_REC ? AT.AT_RECURSIVE : 0);
  attach(tree, openPlaceOf(root, operation, tree));
}

function attach(tree: number, place: number): void {
  moveMount(tree, place);
  close(place);
  close(tree);
}

/** Applies the options to a bind's copied mounts, and opens its destination. */
function openPlaceOf(root: number, operation: MountOperation, tree: number): number {
  const { attrSet, attrClear, propagation } = operation;
  // applied before the mount is attached, so that it is never visible without them, for example writable
  if (attrSet || attrClear) setMountAttributes(tree, { set: attrSet, clear: attrClear, recursive: true });
  if (propagation) setPropagation(tree, operation);
  const kind = (statx(tree).mode & S_IFMT) === S_IFDIR ? "directory" : "file";
  return openDestination(root, operation.destination, kind, isVital(operation));
}

/**
 * Mounts the binds that are shared with the host. What is mounted inside a shared mount appears on the host as well. So
 * these come after all other mounts, and all destinations are opened before the first of them is attached.
 * @throws SysError, Refusal
 */
export function mountShared(root: number, request: ChildRequest, descriptors: Descriptors): void {
  const { mounts } = request;
  const ready: [tree: number, place: number][] = [];
  for (let i = 0; i < mounts.length; i++)
    if (mounts[i]!.tie === "shared") {
      const tree = descriptors[bindName(i)]!;
      ready.push([tree, prepareShared(root, mounts[i]!, request, tree)]);
    }
  for (const [tree, place] of ready) attach(tree, place);
}

function prepareShared(root: number, operation: MountOperation, request: ChildRequest, tree: number): number {
  const { source, destination, shown, attrSet } = operation;
  step(`mount bind ${source} on ${destination}${shown}`);
  checkNothingBelow(destination, request);
  // forbidDeviceNodes() has done this for the other mounts
  const noDevices = request.host.cgroup.limitsDevices ? 0 : MOUNT_ATTR.MOUNT_ATTR_NODEV;
  return openPlaceOf(root, { ...operation, attrSet: attrSet | noDevices }, tree);
}

/** Checks that the container mounts nothing inside a shared bind. @throws Refusal */
function checkNothingBelow(destination: string, { mounts, spec: { linux } }: ChildRequest): void {
  const paths = mounts.map((operation) => operation.destination);
  for (const path of [...paths, ...(linux.maskedPaths ?? []), ...(linux.readonlyPaths ?? [])])
    if (path.startsWith(`${destination}/`))
      throw new Refusal(
        `${destination} cannot be shared with the host: what the container mounts on ${path} would appear there too`,
      );
}
