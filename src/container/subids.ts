// Owns reading /etc/subuid and /etc/subgid: which ranges of ids a user may give away (subuid(5), subgid(5)).

import type { IdMapping } from "../spec/types.ts";
import { tryReadFile } from "../sys/file.ts";

export interface Range {
  start: number;
  size: number;
}

/** The ranges of the first owner, by name or id as the file has them, that has any. Pure. */
export function rangesOf(table: string, owners: readonly string[]): Range[] {
  const rows = table.split("\n").map((line) => line.trim().split(":"));
  for (const owner of owners) {
    const ranges: Range[] = [];
    for (const [name, start, size, ...more] of rows) {
      if (name !== owner || more.length > 0) continue;
      if (isId(start) && isId(size) && Number(size) > 0)
        ranges.push({ start: Number(start), size: Number(size) });
    }
    if (ranges.length > 0) return ranges;
  }
  return [];
}

const isId = (text: string | undefined): boolean => text !== undefined && /^\d{1,10}$/.test(text);

/** The ranges one after the other, from the container's id `from` on. Pure. */
export function laidOut(
  ranges: readonly Range[],
  from: number,
  most = Number.POSITIVE_INFINITY,
): IdMapping[] {
  const maps: IdMapping[] = [];
  let containerID = from;
  for (const { start, size } of ranges) {
    const taken = Math.min(size, from + most - containerID);
    if (taken <= 0) break;
    maps.push({ containerID, hostID: start, size: taken });
    containerID += taken;
  }
  return maps;
}

/** Both tables' ranges of the first of these owners. */
export function subordinateIds(owners: readonly string[]): { uid: Range[]; gid: Range[] } {
  return {
    uid: rangesOf(tryReadFile("/etc/subuid") ?? "", owners),
    gid: rangesOf(tryReadFile("/etc/subgid") ?? "", owners),
  };
}

/** The name of a user of the host, where /etc/passwd has one. */
export function userName(uid: number): string | undefined {
  for (const line of (tryReadFile("/etc/passwd") ?? "").split("\n")) {
    const [name, , id] = line.split(":");
    if (id !== undefined && Number(id) === uid && id !== "") return name;
  }
  return undefined;
}
