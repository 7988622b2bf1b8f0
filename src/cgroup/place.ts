// Owns where a container's cgroup goes: where linux.cgroupsPath says; on version 2 otherwise into the part of the tree
// that was delegated to the caller, and so under the limits that the caller is under.

import { RunError } from "../errors.ts";
import { tryFaccessat } from "../sys/access.ts";
import { AT_FDCWD, W_OK, X_OK } from "../sys/constants.ts";
import { tryStat } from "../sys/stat.ts";
import { tryGetxattr } from "../sys/xattr.ts";
import { parentOf } from "./directory.ts";
import { ownDirectory, type V2Mount } from "./hierarchies.ts";

/** A place on version 2. */
export interface Place {
  /** the container's own cgroup */
  path: string;
  /** the outermost directory that may be asked to hand controllers down */
  top: string;
  /** processes that live in `top` may be moved into a leaf of it, so that it can hand controllers down */
  makesRoom: boolean;
}

/** The directory below which containers go whose linux.cgroupsPath is not absolute, or missing. */
export const COMMON = "minibox";

/** The directory that takes in the processes of a cgroup that is to hand controllers down (leaf.ts). */
export const LEAF = "minibox-supervisor";

/**
 * A container's path below the place that is chosen for it: linux.cgroupsPath, or its id. An absolute path begins at the
 * mount instead. @throws RunError for a path that leads upwards
 */
export function pathBelow(id: string, cgroupsPath: string | undefined): { path: string; absolute: boolean } {
  return cgroupsPath === undefined ? { path: `/${COMMON}/${id}`, absolute: false } : givenPath(cgroupsPath);
}

function givenPath(cgroupsPath: string): { path: string; absolute: boolean } {
  const names = cgroupsPath.split("/").filter((name) => name !== "" && name !== ".");
  const refuse = (problem: string): never => {
    throw new RunError(`: "${cgroupsPath}" ${problem}`, 125, undefined, "linux.cgroupsPath");
  };
  if (names.includes("..")) refuse("must not lead upwards (..)");
  if (names.length === 0) refuse("is the top of the tree, and no place for a container");
  const path = `/${names.join("/")}`;
  return cgroupsPath.startsWith("/")
    ? { path, absolute: true }
    : { path: `/${COMMON}${path}`, absolute: false };
}

/** Where root's container goes on version 2. @throws RunError */
export function placeOfRoot(v2: V2Mount, id: string, cgroupsPath: string | undefined): Place {
  const mount = v2.point;
  const { path, absolute } = pathBelow(id, cgroupsPath);
  if (absolute) return { path: `${mount}${path}`, top: mount, makesRoom: false };
  const own = withoutLeaf(ownDirectory(v2));
  const top = (own && delegatedTo(0, "trusted.delegate", own, mount)) ?? mount;
  return { path: `${top}${path}`, top, makesRoom: top !== mount || own === mount };
}

/** A process that was moved into the leaf of a cgroup still stands for that cgroup. */
export const withoutLeaf = (own: string | undefined): string | undefined =>
  own?.endsWith(`/${LEAF}`) ? parentOf(own) : own;

/**
 * The nearest directory, from `own` up, that systemd has delegated: it marks each with an extended attribute, trusted
 * for root to read, and user for everybody (systemd.resource-control(5), Delegate=). A directory that belongs to
 * another user was delegated to that user.
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
