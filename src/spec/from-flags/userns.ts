// Owns --userns, --uidmap and --gidmap: text to a wish for a user namespace. Pure.

import { UsageError } from "../../errors.ts";
import { LARGEST_ID, toHost } from "../id-mappings.ts";
import type { IdMapping } from "../types.ts";
import type { UserNamespaceWish } from "../userns.ts";
import type { Given } from "./given.ts";

/** Reads --userns, --uidmap and --gidmap; undefined where none is given. @throws UsageError */
export function parseUserNamespace(given: Given): UserNamespaceWish | undefined {
  const text = given.one("userns");
  const uidMaps = given.many("uidmap");
  const gidMaps = given.many("gidmap");
  if (uidMaps.length + gidMaps.length > 0) {
    if (text !== undefined) throw new UsageError("--userns and --uidmap/--gidmap contradict each other");
    const uidMappings = parseMaps("--uidmap", uidMaps.length ? uidMaps : gidMaps);
    return {
      kind: "mapped",
      uidMappings,
      gidMappings: parseMaps("--gidmap", gidMaps.length ? gidMaps : uidMaps),
    };
  }
  if (text === undefined) return undefined;
  if (text === "auto" || text === "host") return { kind: text };
  const ids = numbers(text);
  if (!ids) throw new UsageError(`--userns: "${text}" must be host, auto or UID:GID:SIZE`);
  const [uid, gid, size] = ids;
  return {
    kind: "mapped",
    uidMappings: [checked("--userns", text, { containerID: 0, hostID: uid, size })],
    gidMappings: [checked("--userns", text, { containerID: 0, hostID: gid, size })],
  };
}

function numbers(text: string): [number, number, number] | undefined {
  const parts = text.split(":");
  if (parts.length !== 3 || parts.some((part) => !/^\d{1,10}$/.test(part))) return undefined;
  return [Number(parts[0]), Number(parts[1]), Number(parts[2])];
}

function parseMaps(flag: string, texts: readonly string[]): IdMapping[] {
  const maps = texts.map((text) => {
    const ids = numbers(text);
    if (!ids) throw new UsageError(`${flag}: "${text}" must be CONTAINER-ID:HOST-ID:SIZE`);
    return checked(flag, text, { containerID: ids[0], hostID: ids[1], size: ids[2] });
  });
  for (const [i, a] of maps.entries())
    for (const b of maps.slice(0, i))
      if (overlap(a.containerID, b.containerID, a, b) || overlap(a.hostID, b.hostID, a, b))
        throw new UsageError(`${flag}: "${texts[i]}" overlaps another mapping`);
  if (toHost(maps, 0) === undefined) throw new UsageError(`${flag}: nothing is mapped to id 0, root`);
  return maps;
}

const overlap = (a: number, b: number, { size }: IdMapping, other: IdMapping): boolean =>
  a < b + other.size && b < a + size;

function checked(flag: string, text: string, map: IdMapping): IdMapping {
  if (map.size === 0) throw new UsageError(`${flag}: "${text}" maps no id: the size is 0`);
  if (Math.max(map.containerID, map.hostID) + map.size > LARGEST_ID + 1)
    throw new UsageError(`${flag}: "${text}" goes beyond the last id, ${LARGEST_ID}`);
  return map;
}
