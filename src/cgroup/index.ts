// Owns choosing a container's cgroup (cgroups(7)), of version 1 or 2, and finding it again.

import { RunError } from "../errors.ts";
import type { Linux } from "../spec/types.ts";
import { isVersion1, readHierarchies, type View } from "./hierarchies.ts";
import { placeOfRoot } from "./place.ts";
import { believed } from "./record.ts";
import { limitsIn } from "./settings.ts";
import type { Cgroup, CgroupRecord, NewCgroup } from "./types.ts";
import { planV1, V1Cgroup } from "./v1.ts";
import { planV2, V2Cgroup } from "./v2.ts";

/** True where the kernel is asked to hold the container to something, or to have it in a place. */
export const needsCgroup = ({ resources = {}, cgroupsPath }: Linux): boolean =>
  cgroupsPath !== undefined || limitsIn(resources).length > 0;

/**
 * The cgroup of root's new container, of which nothing is made yet; undefined where the host has none.
 * @throws RunError where the container needs one, or asks for what this host's version does not have
 */
export function planCgroup(id: string, linux: Linux): NewCgroup | undefined {
  const hierarchies = readHierarchies();
  if (isVersion1(hierarchies.v1)) return new V1Cgroup(planV1(hierarchies, id, linux), hierarchies.view);
  const { v2 } = hierarchies;
  if (v2 !== undefined && !v2.foreign)
    return new V2Cgroup(planV2(v2.point, placeOfRoot(v2, id, linux.cgroupsPath), linux));
  if (!needsCgroup(linux)) return undefined;
  if (v2 === undefined) throw new RunError("limits cannot be enforced: this host has no cgroups mounted");
  throw new RunError(...foreignMount(v2.point));
}

/** A container's cgroup from what its state keeps, as far as that is believed; undefined where nothing of it is. */
export function openCgroup(record: CgroupRecord | undefined): Cgroup | undefined {
  const own = record && believed(record);
  if (!own) return undefined;
  return own.version === 1 ? new V1Cgroup(own) : new V2Cgroup(own);
}

/** Returns what a container without a cgroup of its own sees of control groups: the caller's. */
export const callersView = (): View | undefined => readHierarchies().view;

/** The error for cgroups that are mounted and belong to another cgroup namespace. */
export const foreignMount = (mount: string): [message: string, status: number, hint: string] => [
  `limits cannot be enforced: what is mounted on ${mount} belongs to another cgroup namespace, whose nsdelegate keeps processes of this one out`,
  125,
  `mount this one's, in a mount namespace of your own: unshare -m sh -c 'umount ${mount} && mount -t cgroup2 cgroup2 ${mount} && exec minibox run …'`,
];
