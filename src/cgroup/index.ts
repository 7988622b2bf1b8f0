// Owns choosing a container's control group (cgroups(7)): of v1, v2, or both at once ("hybrid").

import { RunError } from "../errors.ts";
import type { Linux, Resources } from "../spec/types.ts";
import { isVersion1, readHierarchies, type View } from "./hierarchies.ts";
import { placeAt, placeOfRoot } from "./place.ts";
import { V1Cgroup } from "./v1.ts";
import { V2Cgroup } from "./v2.ts";

/** One container's control group. Made and removed by the parent; the child only joins it. */
export interface Cgroup {
  /** directories, outermost first: recorded before they are made, so that anyone can remove them */
  readonly directories: readonly string[];
  readonly view: View | undefined;
  /** Makes the directories. @throws SysError, RunError where no process could be in them */
  create(): void;
  /** Puts limits in force. @throws SysError, RunError where one cannot be enforced */
  apply(resources: Resources): void;
  /** Holds the container to these devices, and always to those that hold no state of the host's; false where it cannot. */
  limitDevices(rules: Resources["devices"]): boolean;
  /** the files a process writes "0" into to join; the first `required` of them must let it in */
  readonly joinFiles: readonly string[];
  readonly required: number;
  /** Makes joining faster, where there is a way; called while the child starts. */
  hasten?(): void;
  /** Who was killed for want of memory. */
  oomKills(): OomKills;
  /** Undoes what was done around the directories, once they are removed. */
  leave?(): void;
}

export interface OomKills {
  count: number;
  /** the container's own limit was reached */
  own: boolean;
  /** else the cgroup whose was, where one is seen */
  above?: { path: string; limit: string } | undefined;
}

/** True where the kernel is asked to hold the container to something, or to have it in a place. */
export const needsCgroup = ({ resources = {}, cgroupsPath }: Linux): boolean =>
  (resources.memory ?? resources.cpu ?? resources.pids ?? cgroupsPath) !== undefined;

/** The control group of root's new container; undefined where the host has none. @throws RunError where it needs one */
export function openCgroup(id: string, linux: Linux): Cgroup | undefined {
  const hierarchies = readHierarchies();
  if (isVersion1(hierarchies.v1)) return new V1Cgroup(hierarchies, id, linux);
  const { v2 } = hierarchies;
  if (v2 !== undefined && !v2.foreign)
    return new V2Cgroup(
      v2.point,
      linux.cgroupsPath === undefined ? placeOfRoot(v2, id) : placeAt(v2, linux.cgroupsPath),
    );
  if (!needsCgroup(linux)) return undefined;
  if (v2 === undefined) throw new RunError("limits cannot be enforced: this host has no cgroups mounted");
  throw new RunError(...foreignMount(v2.point));
}

/** What a container sees that has no control group of its own. */
export const callersView = (): View | undefined => readHierarchies().view;

/** What to say where the kernel keeps us from the cgroups that are mounted. */
export const foreignMount = (mount: string): [message: string, status: number, hint: string] => [
  `limits cannot be enforced: what is mounted on ${mount} belongs to another cgroup namespace, whose nsdelegate keeps processes of this one out`,
  125,
  `mount this one's, in a mount namespace of your own: unshare -m sh -c 'umount ${mount} && mount -t cgroup2 cgroup2 ${mount} && exec minibox run …'`,
];
