// Owns ids of users and groups: the largest one, and looking them up in a user namespace's mappings
// (user_namespaces(7)). Pure.

import type { IdMapping } from "./types.ts";

/** Ids are 32 bits, and the last one, -1, means "none" (chown(2)). */
export const LARGEST_ID = 2 ** 32 - 2;

/** The host's id that an id of the container stands for; undefined where that id is not mapped. */
export function toHost(maps: readonly IdMapping[], id: number): number | undefined {
  for (const { containerID, hostID, size } of maps)
    if (id >= containerID && id < containerID + size) return hostID + id - containerID;
  return undefined;
}

/** True where an id of the container stands for this id of the host. */
export function reaches(maps: readonly IdMapping[], hostId: number): boolean {
  for (const { hostID, size } of maps) if (hostId >= hostID && hostId < hostID + size) return true;
  return false;
}
