// Owns the host's ids of root's containers: the pool that --userns auto takes them from, and the choice for a container.

import { RunError } from "../errors.ts";
import type { IdMapping } from "../spec/types.ts";
import { rootWarning } from "../spec/userns.ts";
import { tryReadFile } from "../sys/file.ts";
import { isInitialUserNamespace } from "../sys/namespace.ts";
import { statx } from "../sys/stat.ts";
import { chooseShare, shareOf, sharesIn } from "./pool.ts";
import { rangesOf, subordinateIds } from "./subids.ts";
import type { HostIds, Range, UserNamespacePlan } from "./types.ts";

/** Whose ids root's containers get: those of the first of them that has any. */
const OWNERS = ["root", "0", "containers", "minibox"];

/** Above the ranges that useradd(8) gives. */
const FREE = 2 ** 31;
/** So many ids that each container gets 65536. */
const PLENTY = 16 * 65_536;

export const refused = (problem: string, hint?: string): RunError =>
  new RunError(`: ${problem}`, 125, hint, "linux.uidMappings");

/** Ids that /etc/subuid and /etc/subgid set aside for containers. @throws RunError where there are none */
export function poolOfRoot(path: string | undefined): HostIds {
  const pool = subordinateIds(OWNERS, path);
  if (pool.uid.length > 0 && pool.gid.length > 0) return pool;
  throw refused(
    `/etc/${pool.uid.length === 0 ? "subuid" : "subgid"} has no range for root, containers or minibox`,
    `add one that nobody has (echo "minibox:${FREE}:${PLENTY}" >> /etc/subuid, and the same to /etc/subgid), or choose the ids with linux.uidMappings`,
  );
}

/** Adds a note to the plan where the host's root is among the ids. */
export function noteRoot(plan: UserNamespacePlan): void {
  // Where only the ids of our own user namespace can be mapped, there is no better choice to advise.
  const warning = isInitialUserNamespace() ? rootWarning(plan.uidMappings, plan.gidMappings) : undefined;
  if (warning !== undefined) plan.notes.push(warning);
}

/** Chooses the mappings of a plan that has a pool; returns the ids of a plan (types.ts, UserNamespaceWork). */
export function chooseIds(plan: UserNamespacePlan, held: () => HostIds, rootfs: number): HostIds | undefined {
  if (plan.rootless) return { uid: [], gid: [] };
  if (plan.pool) {
    const chosen = chooseShare(plan.pool, held(), statx(rootfs).uid);
    if (!chosen) return undefined;
    Object.assign(plan, chosen);
    noteRoot(plan);
  }
  return { uid: hostRanges(plan.uidMappings), gid: hostRanges(plan.gidMappings) };
}

const hostRanges = (maps: readonly IdMapping[]): Range[] =>
  maps.map(({ hostID, size }) => ({ start: hostID, size }));

/** The error where other containers hold every share of the pool. */
export function noIdsLeft({ pool = { uid: [], gid: [] } }: UserNamespacePlan): RunError {
  const ends = [...pool.uid, ...pool.gid].map(({ start, size }) => start + size);
  const rows = (["uid", "gid"] as const).map((kind) => {
    const table = tryReadFile(`/etc/sub${kind}`) ?? "";
    const owner = OWNERS.find((name) => rangesOf(table, [name]).length > 0) ?? OWNERS[0];
    return `echo "${owner}:${Math.max(FREE, ...ends)}:${PLENTY}" >> /etc/sub${kind}`;
  });
  const count = sharesIn(pool);
  return refused(
    `no ids are left: those in /etc/subuid and /etc/subgid are enough for ${count} container${count === 1 ? "" : "s"} at a time, with ${shareOf(pool)} ids each`,
    `end or delete a container, add a range that nobody has (${rows.join("; ")}), or choose the ids with linux.uidMappings`,
  );
}
