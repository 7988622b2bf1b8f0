// Owns control groups of an ordinary user: a subtree of v2 that was delegated to it (cgroups(7), "Delegation").

import { RunError } from "../errors.ts";
import type { Linux, Resources } from "../spec/types.ts";
import { readFile, tryStat } from "../sys/file.ts";
import { geteuid } from "../sys/process.ts";
import { adviceFor, handDownAdvice } from "./advice.ts";
import { isVersion1, ownDirectory, readHierarchies } from "./hierarchies.ts";
import { type Cgroup, foreignMount, needsCgroup } from "./index.ts";
import { delegatedTo, isOurs, type Place, parentOf, placeAt, withoutLeaf } from "./place.ts";
import { V2Cgroup } from "./v2.ts";

/**
 * A cgroup for the container: below our own, else in what was delegated to the user, else beside our own; undefined
 * where none of them is ours and none is needed. @throws RunError where it is needed, SysError
 */
export function openDelegated(id: string, linux: Linux): Cgroup | undefined {
  const hierarchies = readHierarchies();
  const { v2 } = hierarchies;
  const isNeeded = needsCgroup(linux);
  const refused = (reason: string, advice: string): undefined => {
    if (isNeeded) throw new RunError(`${nameOf(linux)} cannot be enforced: ${reason}`, 125, advice);
  };
  if (v2 === undefined || isVersion1(hierarchies.v1))
    return refused(
      "this host has no cgroup v2, the only one that can be delegated to an ordinary user",
      "run it as root, for whom limits work with cgroup v1 too",
    );
  const mount = v2.point;
  if (v2.foreign) {
    if (isNeeded) throw new RunError(...foreignMount(mount));
    return undefined;
  }
  const wanted = controllersFor(linux.resources ?? {});
  if (linux.cgroupsPath !== undefined) return openAt(placeAt(v2, linux.cgroupsPath), mount, wanted);
  const own = withoutLeaf(ownDirectory(v2));
  if (own === undefined)
    return refused(
      `the mount on ${mount} does not show the cgroup that minibox is in`,
      adviceFor(mount, wanted),
    );
  const top = candidates(own, mount).find(
    (directory) => isOurs(directory) && lacks(directory, wanted).length === 0,
  );
  if (top !== undefined) return new V2Cgroup(mount, { path: `${top}/minibox/${id}`, top, makesRoom: true });
  if (!isOurs(own)) return refused(`the cgroup ${own} is not yours to write`, adviceFor(mount, wanted));
  const lacking = lacks(own, wanted).join(", ");
  return refused(
    `the cgroup ${own} was given to you without the controllers ${lacking}`,
    handDownAdvice(own),
  );
}

function candidates(own: string, mount: string): string[] {
  const found = [own];
  const delegated = delegatedTo(geteuid(), "user.delegate", own, mount);
  if (delegated !== undefined) found.push(delegated);
  if (own !== mount) found.push(parentOf(own));
  return found;
}

/** Where --cgroup-parent says; what is not there yet has to be made in a directory of ours. */
function openAt(place: Place, mount: string, wanted: readonly string[]): Cgroup {
  let there = parentOf(parentOf(place.path));
  while (there.length > mount.length && tryStat(there) === undefined) there = parentOf(there);
  if (!isOurs(there)) throw new RunError(`--cgroup-parent: the cgroup ${there} is not yours to write`);
  const lacking = lacks(there, wanted).join(", ");
  if (lacking !== "")
    throw new RunError(
      `--cgroup-parent: the cgroup ${there} was given to you without the controllers ${lacking}`,
      125,
      handDownAdvice(there),
    );
  return new V2Cgroup(mount, { ...place, top: there });
}

function controllersFor({ memory, cpu, pids }: Resources): string[] {
  const wanted: string[] = [];
  if (memory) wanted.push("memory");
  if (cpu?.quota !== undefined || cpu?.shares !== undefined) wanted.push("cpu");
  if (cpu?.cpus !== undefined || cpu?.mems !== undefined) wanted.push("cpuset");
  if (pids) wanted.push("pids");
  return wanted;
}

/** Those controllers that nobody above has handed down to it. */
export function lacks(directory: string, wanted: readonly string[]): string[] {
  const there = readFile(`${directory}/cgroup.controllers`).trim().split(" ");
  return wanted.filter((controller) => !there.includes(controller));
}

/** The flags that ask for a cgroup. */
function nameOf({ resources = {}, cgroupsPath }: Linux): string {
  const flags: string[] = [];
  if (resources.memory) flags.push("--memory");
  if (resources.cpu?.quota !== undefined) flags.push("--cpus");
  if (resources.cpu?.cpus !== undefined) flags.push("--cpuset-cpus");
  if (resources.pids) flags.push("--pids-limit");
  if (cgroupsPath !== undefined) flags.push("--cgroup-parent");
  return flags.join(", ");
}
