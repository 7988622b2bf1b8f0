// Owns the cgroups of an ordinary user: it has a part of version 2's tree that was delegated to it (cgroups(7),
// "Delegation").

import { RunError } from "../errors.ts";
import type { Linux } from "../spec/types.ts";
import { readFile } from "../sys/file.ts";
import { geteuid } from "../sys/process.ts";
import { tryStat } from "../sys/stat.ts";
import { handDownAdvice, ownCgroupAdvice } from "./advice.ts";
import { parentOf } from "./directory.ts";
import { isVersion1, ownDirectory, readHierarchies } from "./hierarchies.ts";
import { foreignMount, needsCgroup } from "./index.ts";
import { delegatedTo, isOurs, type Place, pathBelow, withoutLeaf } from "./place.ts";
import { limitsIn, settingsV2 } from "./settings.ts";
import type { NewCgroup } from "./types.ts";
import { planV2, V2Cgroup } from "./v2.ts";

/**
 * The cgroup of a user's new container, of which nothing is made yet: below our own, else in what was delegated to the
 * user, else beside our own; undefined where none of them is ours and none is needed. @throws RunError where it is
 * needed, SysError
 */
export function planDelegated(id: string, linux: Linux): NewCgroup | undefined {
  const hierarchies = readHierarchies();
  const { v2 } = hierarchies;
  const isNeeded = needsCgroup(linux);
  const refused = (reason: string, advice: string): undefined => {
    const fields = limitsIn(linux.resources ?? {});
    if (linux.cgroupsPath !== undefined) fields.push("linux.cgroupsPath");
    if (isNeeded) throw new RunError(`cannot be enforced: ${reason}`, 125, advice, fields.join(", "));
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
  const wanted = controllersFor(linux);
  const { path, absolute } = pathBelow(id, linux.cgroupsPath);
  if (absolute) return new V2Cgroup(planV2(mount, placeAt(path, mount, wanted), linux));
  const own = withoutLeaf(ownDirectory(v2));
  if (own === undefined)
    return refused(
      `the mount on ${mount} does not show the cgroup that minibox is in`,
      ownCgroupAdvice(mount, wanted),
    );
  const top = candidates(own, mount).find(
    (directory) => isOurs(directory) && lacks(directory, wanted).length === 0,
  );
  if (top !== undefined)
    return new V2Cgroup(planV2(mount, { path: `${top}${path}`, top, makesRoom: true }, linux));
  if (!isOurs(own)) return refused(`the cgroup ${own} is not yours to write`, ownCgroupAdvice(mount, wanted));
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

/** A place below the mount; what is not there yet has to be made in a directory of ours. */
function placeAt(cgroupsPath: string, mount: string, wanted: readonly string[]): Place {
  const path = `${mount}${cgroupsPath}`;
  let top = parentOf(parentOf(path));
  while (top.length > mount.length && tryStat(top) === undefined) top = parentOf(top);
  const refuse = (problem: string, hint?: string): never => {
    throw new RunError(`: the cgroup ${top} ${problem}`, 125, hint, "linux.cgroupsPath");
  };
  if (!isOurs(top)) refuse("is not yours to write");
  const lacking = lacks(top, wanted).join(", ");
  if (lacking !== "") refuse(`was given to you without the controllers ${lacking}`, handDownAdvice(top));
  return { path, top, makesRoom: false };
}

function controllersFor({ resources = {} }: Linux): string[] {
  const wanted = new Set<string>();
  for (const { controller, optional } of settingsV2(resources))
    if (!optional && controller !== "cgroup") wanted.add(controller);
  return [...wanted];
}

/** Those of the controllers that the cgroup does not have, as nobody above has handed them down. */
export function lacks(directory: string, wanted: readonly string[]): string[] {
  const there = readFile(`${directory}/cgroup.controllers`).trim().split(" ");
  return wanted.filter((controller) => !there.includes(controller));
}
