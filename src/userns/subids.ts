// Owns finding a user's subordinate ids, which the user may map into a user namespace: those of /etc/subuid and
// /etc/subgid (subuid(5), subgid(5)), or those that the host's name services know.

import { askPasswd, askSubordinateIds } from "../rootfs/name-services.ts";
import { eachRow } from "../rootfs/tables.ts";
import type { IdMapping } from "../spec/types.ts";
import { tryReadFile } from "../sys/file.ts";
import type { HostIds, Range } from "./types.ts";

/** The ranges of the first of these owners that has any; an owner is a name or an id, as in the file. Pure. */
export function rangesOf(table: string, owners: readonly string[]): Range[] {
  for (const owner of owners) {
    const ranges: Range[] = [];
    eachRow(table, owner, ([name, start, size, ...more]) => {
      if (name === owner && more.length === 0 && isId(start) && isId(size) && Number(size) > 0)
        ranges.push({ start: Number(start), size: Number(size) });
      return false;
    });
    if (ranges.length > 0) return ranges;
  }
  return [];
}

const isId = (text: string | undefined): boolean => text !== undefined && /^\d{1,10}$/.test(text);

/** Maps the container's ids from `from` on to the ranges, one range after the other, up to `most` ids. Pure. */
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

/**
 * The ranges of user ids, and those of group ids, of the first of these owners that has any. `path` is the caller's PATH,
 * for the program that asks the name services. @throws SysError where a file is too large
 */
export function subordinateIds(owners: readonly string[], path: string | undefined): HostIds {
  return { uid: ranges("uid", owners, path), gid: ranges("gid", owners, path) };
}

function ranges(kind: "uid" | "gid", owners: readonly string[], path: string | undefined): Range[] {
  let found = rangesOf(tryReadFile(`/etc/sub${kind}`) ?? "", owners);
  for (const owner of owners) {
    if (found.length > 0) break;
    // The program takes a user's name, and finds the ranges of the name and of its id.
    if (!isId(owner)) found = rangesOf(askSubordinateIds(owner, kind, path), owners);
  }
  return found;
}

/** The name of a user of the host, by /etc/passwd or the name services. @throws SysError where the file is too large */
export const userName = (uid: number, path: string | undefined): string | undefined =>
  nameIn(tryReadFile("/etc/passwd") ?? "", uid) ?? nameIn(askPasswd(uid, path), uid);

/** The name that a passwd table has for this id. Pure. */
export function nameIn(passwd: string, uid: number): string | undefined {
  let found: string | undefined;
  eachRow(passwd, String(uid), ([name, , id]) => {
    if (name && isId(id) && Number(id) === uid) found = name;
    return found !== undefined;
  });
  return found;
}
