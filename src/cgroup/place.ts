// Owns where on version 2 a container's cgroup goes: into the part of the tree that was delegated to the caller, and so
// under the limits that the caller is under; else below the mount; or where it was told to.

import { tryFaccessat } from "../sys/access.ts";
import { AT_FDCWD, W_OK, X_OK } from "../sys/constants.ts";
import { tryStat } from "../sys/file.ts";
import { tryGetxattr } from "../sys/xattr.ts";
import { ownDirectory, type V2Mount } from "./hierarchies.ts";
import { LEAF } from "./leaf.ts";

export interface Place {
  /** the container's own cgroup */
  path: string;
  /** the outermost directory that may be asked to hand controllers down */
  top: string;
  /** processes that live in `top` may be moved into a leaf of it, so that it can */
  makesRoom: boolean;
}

export const parentOf = (path: string): string => path.slice(0, path.lastIndexOf("/"));

/** Where root's container goes. */
export function placeOfRoot(v2: V2Mount, id: string): Place {
  const mount = v2.point;
  const own = withoutLeaf(ownDirectory(v2));
  const top = (own && delegatedTo(0, "trusted.delegate", own, mount)) ?? mount;
  return { path: `${top}/minibox/${id}`, top, makesRoom: top !== mount || own === mount };
}

/** A process that was moved into the leaf of a cgroup still stands for that cgroup. */
export const withoutLeaf = (own: string | undefined): string | undefined =>
  own?.endsWith(`/${LEAF}`) ? parentOf(own) : own;

/** At the path of the OCI object, which begins where the hierarchy is mounted. */
export const placeAt = ({ point }: V2Mount, cgroupsPath: string): Place => ({
  path: `${point}${cgroupsPath}`,
  top: point,
  makesRoom: false,
});

/**
 * The nearest directory, from `own` up, that systemd has delegated: it marks each with an extended attribute, trusted
 * for root to read, and user for everybody (systemd.resource-control(5), Delegate=). What belongs to another user was
 * delegated to that one.
 */
export function delegatedTo(uid: number, mark: string, own: string, mount: string): string | undefined {
  const value = new Uint8Array(1);
  for (let directory = own; directory.length > mount.length; directory = parentOf(directory))
    if (tryGetxattr(directory, mark, value) > 0 && tryStat(directory)?.uid === uid) return directory;
  return undefined;
}

const may = (path: string, mode: number): boolean => tryFaccessat(AT_FDCWD, path, mode) === 0;

/** True where we may make cgroups, move processes and hand controllers down. */
export const isOurs = (directory: string): boolean =>
  may(directory, W_OK | X_OK) &&
  may(`${directory}/cgroup.procs`, W_OK) &&
  may(`${directory}/cgroup.subtree_control`, W_OK);
