// Owns what a container's user namespace will be: whether there must be one, and which of the host's ids are mapped into
// it (user_namespaces(7)).

import { findProgram } from "../rootfs/name-services.ts";
import type { IdMapping } from "../spec/types.ts";
import type { UserNamespaceWish } from "../spec/userns.ts";
import { CLONE } from "../sys/constants.ts";
import { open, withFd } from "../sys/file.ts";
import { trySetns } from "../sys/namespace.ts";
import { getegid, geteuid } from "../sys/process.ts";
import { isSetgroupsDenied, readMappings } from "./id-maps.ts";
import { noteRoot, poolOfRoot, refused } from "./ids.ts";
import { laidOut, subordinateIds, userName } from "./subids.ts";
import type { HostIds, UserNamespacePlan } from "./types.ts";

/**
 * The user namespace that follows from the wish and the caller's rights; undefined for none. An ordinary user's
 * container must have one, and so must that of a root who does not own the pid namespace, as after `unshare --user`.
 * `path` is the caller's PATH, along which newuidmap(1) is looked for. @throws RunError, SysError
 */
export function planUserNamespace(
  wish: UserNamespaceWish | undefined,
  path: string | undefined,
): UserNamespacePlan | undefined {
  const isOrdinary = geteuid() !== 0;
  const rootless = isOrdinary || !ownsPidNamespace();
  if (wish?.kind === "joined") return { ...planOf(rootless), joins: true };
  if (isOrdinary) return planOrdinary(wish, geteuid(), getegid(), path);
  if (!rootless && (wish === undefined || wish.kind === "host")) return undefined;
  if (wish?.kind === "host")
    throw refused(
      "root of this user namespace may make no other namespace, so each container has to have a user namespace of its own",
    );
  const plan: UserNamespacePlan = { ...planOf(rootless), keepGroups: isSetgroupsDenied("self") };
  if (wish?.kind === "mapped") {
    map(plan, wish.uidMappings, wish.gidMappings);
    noteRoot(plan);
  } else if (rootless) map(plan, ownIds("uid"), ownIds("gid"));
  else plan.pool = poolOfRoot(path);
  return plan;
}

const planOf = (rootless: boolean): UserNamespacePlan => ({
  rootless,
  joins: false,
  uidMappings: [],
  gidMappings: [],
  keepGroups: false,
  tools: undefined,
  notes: [],
});

const map = (plan: UserNamespacePlan, uid: readonly IdMapping[], gid: readonly IdMapping[]): void => {
  plan.uidMappings.push(...uid);
  plan.gidMappings.push(...gid);
};

/** setns(2) to the pid namespace that we are in takes CAP_SYS_ADMIN in the user namespace that owns it. */
const ownsPidNamespace = (): boolean =>
  withFd(open("/proc/self/ns/pid", 0), (own) => trySetns(own, CLONE.CLONE_NEWPID) === 0);

/** Every id that our own user namespace has, mapped to itself. */
function ownIds(kind: "uid" | "gid"): IdMapping[] {
  const maps: IdMapping[] = [];
  for (const { containerID, size } of readMappings("self", kind))
    maps.push({ containerID, hostID: containerID, size });
  return maps;
}

/** Root inside is the caller. The other ids inside are the caller's subordinate ids, where it has some. @throws RunError */
function planOrdinary(
  wish: UserNamespaceWish | undefined,
  uid: number,
  gid: number,
  path: string | undefined,
): UserNamespacePlan {
  const plan = { ...planOf(true), keepGroups: true };
  if (wish?.kind === "mapped" && isAlone(wish.uidMappings, uid) && isAlone(wish.gidMappings, gid)) {
    map(plan, wish.uidMappings, wish.gidMappings);
    return plan;
  }
  if (wish !== undefined && wish.kind !== "auto")
    throw refused(
      "an ordinary user's container has one mapping: its root is the caller, further ids are the caller's of /etc/subuid",
    );
  map(plan, [{ containerID: 0, hostID: uid, size: 1 }], [{ containerID: 0, hostID: gid, size: 1 }]);
  const reason = addSubordinateIds(plan, uid, path);
  if (reason !== undefined)
    plan.notes.push(`the container has one user id and one group id, the caller's: ${reason}`);
  return plan;
}

const isAlone = (maps: readonly IdMapping[], id: number): boolean =>
  maps.length === 1 && maps[0]!.size === 1 && maps[0]!.hostID === id;

/** Adds the user's subordinate ids to the plan; returns the reason where there are none to add. */
function addSubordinateIds(
  plan: UserNamespacePlan,
  uid: number,
  path: string | undefined,
): string | undefined {
  const newuidmap = findProgram("newuidmap", path);
  const newgidmap = findProgram("newgidmap", path);
  if (!newuidmap || !newgidmap) return "newuidmap and newgidmap are missing, which map more (package uidmap)";
  const name = userName(uid, path);
  const ranges = subordinateIds(name === undefined ? [String(uid)] : [name, String(uid)], path);
  if (ranges.uid.length === 0 || ranges.gid.length === 0) return whyAlone(name, uid, ranges);
  map(plan, laidOut(ranges.uid, 1), laidOut(ranges.gid, 1));
  plan.keepGroups = false;
  plan.tools = { uid: newuidmap, gid: newgidmap };
  return undefined;
}

/** As many ids as any distribution's /etc/passwd uses: 0 to 65535. */
const USUAL_SIZE = 65_536;

/** The first id of a range for a user: above the ranges that useradd(8) gives, and different for each user. */
const freeRange = (uid: number): number => 2 ** 31 + (uid % 32_000) * USUAL_SIZE;

function whyAlone(name: string | undefined, uid: number, ranges: HostIds): string {
  if (name === undefined)
    return `no user has the id ${uid} (getent passwd ${uid}), and newuidmap maps more only for those with a name`;
  const files: string[] = [];
  for (const kind of ["uid", "gid"] as const) if (ranges[kind].length === 0) files.push(`/etc/sub${kind}`);
  const row = `${name}:${freeRange(uid)}:${USUAL_SIZE}`;
  return `the user ${name} has no range in ${files.join(" and ")} (root adds one: echo ${row} | tee -a ${files.join(" ")})`;
}
