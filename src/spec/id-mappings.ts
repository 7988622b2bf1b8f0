// Owns looking ids up in a user namespace's mappings (user_namespaces(7)). Pure.

import type { IdMapping } from "./types.ts";

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
