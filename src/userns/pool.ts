// Owns choosing the ids of root's containers with --userns auto: each gets a part of the subordinate ids that no other
// container of the state root has. Pure.

import type { IdMapping } from "../spec/types.ts";
import { laidOut } from "./subids.ts";
import type { HostIds, Range } from "./types.ts";

/** So many containers have ids at once where there are no more than 16 × 65536: each gets a sixteenth then. */
const SHARES = 16;
const LEAST = 1024;
/** As many ids as any distribution's /etc/passwd uses: 0 to 65535. */
const MOST = 65_536;
/** The user nobody and the group nogroup of most distributions. */
const NOBODY = 65_534;

const sum = (ranges: readonly Range[]): number => ranges.reduce((all, { size }) => all + size, 0);
const total = ({ uid, gid }: HostIds): number => Math.min(sum(uid), sum(gid));

/** How many ids each container gets. */
export const shareOf = (pool: HostIds): number =>
  Math.min(total(pool), MOST, Math.max(LEAST, Math.floor(total(pool) / SHARES)));

/** How many containers can have ids at the same time. */
export const sharesIn = (pool: HostIds): number => Math.floor(total(pool) / shareOf(pool));

/**
 * The mappings of the first share that meets none of the ids held by others; undefined where there is none. The share
 * that the owner of the rootfs lies in comes before all others.
 */
export function chooseShare(
  pool: HostIds,
  held: HostIds,
  owner: number,
): { uidMappings: IdMapping[]; gidMappings: IdMapping[] } | undefined {
  const size = shareOf(pool);
  const count = sharesIn(pool);
  const taken = new Set([...sharesWith(pool.uid, held.uid, size), ...sharesWith(pool.gid, held.gid, size)]);
  let chosen = sharesWith(pool.uid, [{ start: owner, size: 1 }], size)[0] ?? 0;
  if (taken.has(chosen) || chosen >= count) for (chosen = 0; taken.has(chosen); ) chosen++;
  if (chosen >= count) return undefined;
  const uid = part(pool.uid, chosen * size, size);
  const gid = part(pool.gid, chosen * size, size);
  return { uidMappings: mapped(uid, size), gidMappings: mapped(gid, size) };
}

/** The numbers of the shares that have one of these ids. */
function sharesWith(pool: readonly Range[], ids: readonly Range[], share: number): number[] {
  const found: number[] = [];
  let before = 0;
  for (const { start, size } of pool) {
    for (const other of ids) {
      const from = Math.max(start, other.start) - start + before;
      const to = Math.min(start + size, other.start + other.size) - start + before;
      for (let i = Math.floor(from / share); i * share < to && from < to; i++) found.push(i);
    }
    before += size;
  }
  return found;
}

/** `most` ids of ranges that are counted through, without the first `skipped`. */
function part(ranges: readonly Range[], skipped: number, most: number): Range[] {
  const found: Range[] = [];
  let [before, wanted] = [skipped, most];
  for (const { start, size } of ranges) {
    const taken = Math.min(size - before, wanted);
    if (taken > 0) {
      found.push({ start: start + before, size: taken });
      wanted -= taken;
    }
    before = Math.max(0, before - size);
  }
  return found;
}

/** Maps 0 and up. Of a share that does not reach up to nobody, the last id is nobody's. */
function mapped(share: readonly Range[], size: number): IdMapping[] {
  if (size === 1 || size > NOBODY) return laidOut(share, 0);
  return [...laidOut(share, 0, size - 1), ...laidOut(part(share, size - 1, 1), NOBODY)];
}
