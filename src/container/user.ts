// Owns looking up a user in the rootfs's own /etc/passwd and /etc/group (passwd(5), group(5)); never the host's, and
// never through libc's name services, which would load the container's libraries.

import { RunError } from "../errors.ts";
import type { ResolvedUser } from "../spec/from-flags.ts";
import { O } from "../sys/constants.ts";
import { SysError } from "../sys/errno.ts";
import { open, readFileInRoot, withFd } from "../sys/file.ts";

/** Ids above this are -1 to the kernel. */
const LARGEST_ID = 0xfffffffe;

/** Resolves "user", "uid", "user:group", "uid:gid"; root where nothing was asked for. @throws RunError */
export function resolveUser(rootfs: string, text: string | undefined): ResolvedUser {
  return withFd(open(rootfs, O.O_PATH | O.O_DIRECTORY), (root) =>
    lookUp(readTable(root, "/etc/passwd"), readTable(root, "/etc/group"), text ?? "0"),
  );
}

/** A missing, unreadable or strange file is an empty one: numeric ids work without. */
function readTable(root: number, path: string): string[][] {
  try {
    const lines = readFileInRoot(root, path).split("\n");
    return lines.map((line) => line.split(":"));
  } catch (error) {
    if (error instanceof SysError) return [];
    throw error;
  }
}

/** The tables' rows are lists of their colon-separated fields. Pure. @throws RunError */
export function lookUp(passwd: string[][], group: string[][], text: string): ResolvedUser {
  const colon = text.indexOf(":");
  const userText = colon < 0 ? text : text.slice(0, colon);
  const groupText = colon < 0 ? undefined : text.slice(colon + 1);
  // a name of digits is a name first, as docker reads it
  const row =
    passwd.find((fields) => fields.length >= 7 && fields[0] === userText) ??
    passwd.find(
      (fields) => fields.length >= 7 && /^\d+$/.test(userText) && Number(fields[2]) === Number(userText),
    );
  const uid = row ? Number(row[2]) : numericId(userText);
  if (uid === undefined) throw new RunError(`--user: no user "${userText}" in the rootfs's /etc/passwd`);
  const gid = groupText === undefined ? Number(row?.[3] ?? 0) : groupId(group, groupText);
  if (gid === undefined) throw new RunError(`--user: no group "${groupText}" in the rootfs's /etc/group`);
  return {
    uid,
    gid,
    // a group given by hand is the whole of it, as with docker
    additionalGids: groupText === undefined && row ? supplementary(group, row[0]!, gid) : [],
    home: row?.[5] || "/",
  };
}

function numericId(text: string): number | undefined {
  return /^\d{1,10}$/.test(text) && Number(text) <= LARGEST_ID ? Number(text) : undefined;
}

function groupId(group: string[][], text: string): number | undefined {
  const row = group.find((fields) => fields.length >= 4 && fields[0] === text);
  return row ? numericId(row[2]!) : numericId(text);
}

function supplementary(group: string[][], user: string, primary: number): number[] {
  const rows = group.filter((fields) => fields.length >= 4 && fields[3]!.split(",").includes(user));
  const ids = rows
    .map((fields) => numericId(fields[2]!))
    .filter((gid) => gid !== undefined && gid !== primary);
  return [...new Set(ids as number[])];
}
