// Owns the tie between a bind mount and the host's mount that it copies. What the host mounts there later appears in a
// slave; with a shared bind, what the container mounts appears on the host as well (mount_namespaces(7)).

import { AT, MS } from "./constants.ts";
import { openTree, setMountAttributes } from "./mount.ts";
import { mountId, mountInfo } from "./statfs.ts";

export type Tie = "slave" | "shared";

/** The reason why a bind of `fd`, opened at `path`, cannot have this tie; undefined where it can. @throws SysError */
export function whyNotTied(fd: number, path: string, tie: Tie, userNamespace: boolean): string | undefined {
  if (tie === "shared" && userNamespace)
    return `${path} cannot be shared with a user namespace: rslave shows what the host mounts there, the other way there is none`;
  const id = mountId(fd);
  for (const line of mountInfo()) {
    // ID PARENT DEVICE ROOT PLACE OPTIONS [shared:N] [master:N] - TYPE SOURCE OPTIONS
    const fields = line.split(" ");
    if (fields[0] !== id) continue;
    const ties = fields.slice(6, fields.indexOf("-"));
    if (ties.some((field) => field.startsWith("shared:") || (tie === "slave" && field.startsWith("master:"))))
      return undefined;
    return `${path} is on the mount ${fields[4]}, which is private, so it cannot be ${tie}: mount --make-shared ${fields[4]} on the host`;
  }
  return undefined;
}

export function propagationOf(tie: Tie): number {
  return tie === "slave" ? MS.MS_SLAVE : MS.MS_SHARED;
}

/**
 * A detached copy of the mount that a descriptor is open on, with this propagation (MS_*). A copy that is to be tied
 * must be made before the mount itself is made private. @throws SysError
 */
export function copyMount(fd: number, flags: number, propagation: number): number {
  const tree = openTree(fd, "", AT.AT_EMPTY_PATH | flags);
  setMountAttributes(tree, { propagation, recursive: true });
  return tree;
}
