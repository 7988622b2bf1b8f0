// Owns the spec's mounts. Each is attached to a descriptor of its destination (move_mount(2)), so that no symbolic link
// or exchanged directory of the rootfs leads it elsewhere.

import { type ParsedOptions, parseOptions } from "../spec/mount-options.ts";
import type { Mount, Spec } from "../spec/types.ts";
import type { ChildRequest, Descriptors } from "../sync.ts";
import { AT, AT_FDCWD, MOUNT_ATTR, MS, O, RESOLVE, S_IFDIR, S_IFMT } from "../sys/constants.ts";
import { EINVAL, isErrno } from "../sys/errno.ts";
import { open, openInRoot, statx, tryOpenat2, withFd } from "../sys/file.ts";
import { step } from "../sys/libc.ts";
import { fdPath, mount, moveMount, openTree, setMountAttributes } from "../sys/mount.ts";
import { copyMount, propagationOf as tiedBy, tieOf, whyNotTied } from "../sys/propagation.ts";
import { mountHierarchies } from "./cgroup.ts";
import { openDestination } from "./mount-points.ts";
import { hasUserNamespace } from "./namespaces.ts";
import { Refusal } from "./refusal.ts";

/**
 * Copies the sources of binds that stay tied to the host's mounts (propagation shared or slave) and adds the copies to
 * `descriptors`. Must be called before all mounts are made private. @throws SysError, Refusal
 */
export function openTiedSources({ spec }: ChildRequest, descriptors: Descriptors): void {
  const entries = spec.mounts ?? [];
  for (let i = 0; i < entries.length; i++) {
    const entry = entries[i]!;
    const tie = tieOf(entry);
    if (!tie || descriptors.has(bindName(i))) continue;
    step(
      `open the source of a bind, ${entry.source}`,
      "while it is still tied to the host's mounts: they are made private next",
    );
    const { source = "" } = entry;
    const flags = entry.options?.includes("rbind") ? AT.AT_RECURSIVE : 0;
    const tree = withFd(open(source, O.O_PATH), (fd) => {
      const reason = whyNotTied(fd, source, tie, hasUserNamespace(spec));
      if (reason !== undefined) throw new Refusal(reason);
      return copyMount(fd, flags, tiedBy(tie));
    });
    descriptors.set(bindName(i), tree);
  }
}

const bindName = (i: number): string => `bind ${i}`;

/**
 * Mounts what the spec lists, in its order, except binds that are shared with the host (mountShared()). `descriptors`
 * has the sources of binds that are open already. `onDev` is called when the container's own /dev is mounted.
 * @throws SysError, Refusal
 */
export function mountAll(
  root: number,
  request: ChildRequest,
  descriptors: Descriptors,
  onDev: () => void,
): void {
  const entries = request.spec.mounts ?? [];
  for (let i = 0; i < entries.length; i++) {
    const entry = entries[i]!;
    if (entry.type === "cgroup") mountCgroup(root, entry, request);
    else if (tieOf(entry) !== "shared") mountEntry(root, entry, request, descriptors.get(bindName(i)) ?? -1);
    if (entry.destination === "/dev" && entry.type === "tmpfs") onDev();
  }
}

/** These show the kernel's state, and minibox relies on it. So a symbolic link in the rootfs must not redirect them. */
const NEVER_THROUGH_SYMLINK = new Set(["proc", "sysfs", "cgroup", "cgroup2"]);
const VITAL_PLACES = new Set(["/proc", "/sys", "/dev"]);
const isVital = (entry: Mount): boolean =>
  NEVER_THROUGH_SYMLINK.has(entry.type ?? "") || VITAL_PLACES.has(entry.destination);

/** Mounts the control groups. OCI's mount type "cgroup" stands for the version that the host has. */
function mountCgroup(root: number, entry: Mount, request: ChildRequest): void {
  const { spec, host } = request;
  const { view } = host.cgroup;
  if (view?.version === 2) mountEntry(root, { ...entry, type: "cgroup2" }, request, -1);
  if (view?.version !== 1) return;
  const options = parseOptions(entry.options ?? []);
  step(
    `mount the control groups on ${entry.destination}${shown(entry)}`,
    "with the container's own cgroup as the top",
  );
  withFd(openDestination(root, entry.destination, "directory", true), (place) =>
    mountHierarchies(place, view.hierarchies, options, spec.linux.mountLabel),
  );
}

const shown = ({ options }: Mount): string => (options?.length ? ` (${options.join(",")})` : "");

function mountEntry(root: number, entry: Mount, { spec }: ChildRequest, tree: number): void {
  const options = withLabel(entry, parseOptions(entry.options ?? []), spec.linux.mountLabel);
  const what = entry.type === "bind" || options.flags & MS.MS_BIND ? `bind ${entry.source}` : entry.type;
  step(`mount ${what} on ${entry.destination}${shown(entry)}`);
  if (options.flags & MS.MS_BIND || entry.type === "bind")
    bind(root, entry, options, tree >= 0 ? tree : openSource(entry, options));
  else mountFileSystem(root, entry, options);
}

/** Adds the SELinux label for everything on a file system of the container's own (mount(8), "context="). */
function withLabel(entry: Mount, options: ParsedOptions, label: string | undefined): ParsedOptions {
  if (!label || (entry.type !== "tmpfs" && entry.type !== "devpts")) return options;
  return { ...options, data: `${options.data}${options.data ? "," : ""}context="${label}"` };
}

function mountFileSystem(root: number, entry: Mount, options: ParsedOptions): void {
  const type = entry.type ?? null;
  if (type === "tmpfs" && !options.data.includes("mode="))
    options.data = `${likeCovered(root, entry)}${options.data}`;
  withFd(openDestination(root, entry.destination, "directory", isVital(entry)), (place) => {
    const make = (data: string) =>
      mount(entry.source ?? entry.type ?? "none", fdPath(place), type, options.flags, data || null);
    try {
      make(options.data);
    } catch (error) {
      // EINVAL: the user namespace has no mapping for the group that terminals belong to
      const withoutGroup = options.data.replace(/(^|,)gid=\d+/, "");
      if (type !== "devpts" || withoutGroup === options.data || !isErrno(error, EINVAL)) throw error;
      make(withoutGroup);
    }
  });
  if (options.propagation)
    withFd(openInRoot(root, entry.destination, O.O_PATH), (fd) =>
      setMountAttributes(fd, propagationOf(options)),
    );
}

/**
 * Returns mount options that give a tmpfs the mode and owner of the directory that it covers; "" where there is none.
 */
function likeCovered(root: number, { destination }: Mount): string {
  const fd = tryOpenat2(root, destination, O.O_PATH, RESOLVE.RESOLVE_IN_ROOT | RESOLVE.RESOLVE_NO_MAGICLINKS);
  if (fd < 0) return "";
  const { mode, uid, gid } = withFd(fd, statx);
  const NOBODY = 65_534; // the kernel also shows this for an id that the user namespace does not map
  const owner = uid === NOBODY || gid === NOBODY ? "" : `uid=${uid},gid=${gid},`;
  return `mode=${(mode & 0o7777).toString(8)},${owner}`;
}

const propagationOf = (options: ParsedOptions) => ({
  propagation: options.propagation & ~MS.MS_REC,
  recursive: (options.propagation & MS.MS_REC) !== 0,
});

const openSource = ({ source = "" }: Mount, options: ParsedOptions): number =>
  openTree(AT_FDCWD, source, options.flags & MS.MS_REC ? AT.AT_RECURSIVE : 0);

function bind(root: number, entry: Mount, options: ParsedOptions, source: number): void {
  withFd(source, (tree) =>
    withFd(openPlaceOf(root, entry, options, tree), (place) => moveMount(tree, place)),
  );
}

/** Applies the options to a bind's copied mounts, and opens its destination. */
function openPlaceOf(root: number, entry: Mount, options: ParsedOptions, tree: number): number {
  // applied before the mount is attached, so that it is never visible without them, for example writable
  if (options.attrSet || options.attrClear)
    setMountAttributes(tree, { set: options.attrSet, clear: options.attrClear, recursive: true });
  if (options.propagation) setMountAttributes(tree, propagationOf(options));
  const kind = (statx(tree).mode & S_IFMT) === S_IFDIR ? "directory" : "file";
  return openDestination(root, entry.destination, kind, isVital(entry));
}

/**
 * Mounts the binds that are shared with the host. What is mounted inside a shared mount appears on the host as well. So
 * these come after all other mounts, and all destinations are opened before the first of them is attached.
 * @throws SysError, Refusal
 */
export function mountShared(root: number, request: ChildRequest, descriptors: Descriptors): void {
  if (descriptors.size === 0) return;
  const ready: [tree: number, place: number][] = [];
  for (const [i, entry] of (request.spec.mounts ?? []).entries()) {
    if (tieOf(entry) !== "shared") continue;
    step(`mount bind ${entry.source} on ${entry.destination} (${entry.options?.join(",")})`);
    checkNothingBelow(entry, request.spec);
    const options = parseOptions(entry.options ?? []);
    // forbidDeviceNodes() has done this for the other mounts
    if (!request.host.cgroup.limitsDevices) options.attrSet |= MOUNT_ATTR.MOUNT_ATTR_NODEV;
    const tree = descriptors.get(bindName(i))!;
    ready.push([tree, openPlaceOf(root, entry, options, tree)]);
  }
  for (const [tree, place] of ready) withFd(tree, () => withFd(place, () => moveMount(tree, place)));
}

/** Checks that the container mounts nothing inside a shared bind. @throws Refusal */
function checkNothingBelow({ destination }: Mount, { mounts, linux }: Spec): void {
  const paths = (mounts ?? []).map((entry) => entry.destination);
  for (const path of [...paths, ...(linux.maskedPaths ?? []), ...(linux.readonlyPaths ?? [])])
    if (path.startsWith(`${destination}/`))
      throw new Refusal(
        `${destination} cannot be shared with the host: what the container mounts on ${path} would appear there too`,
      );
}
