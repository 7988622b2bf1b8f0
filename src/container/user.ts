// Owns looking up a user in the rootfs's own /etc/passwd and /etc/group (passwd(5), group(5)); never the host's, and
// never through libc's name services, which would load the container's libraries.

import { RunError } from "../errors.ts";
import type { ResolvedUser } from "../spec/from-flags.ts";
import { O } from "../sys/constants.ts";
import { open, tryReadFileInRoot, withFd } from "../sys/file.ts";

/** Ids above this are -1 to the kernel. */
const LARGEST_ID = 0xfffffffe;

/** Resolves "user", "uid", "user:group", "uid:gid"; root where nothing was asked for. @throws RunError */
export function resolveUser(rootfs: string, text: string | undefined): ResolvedUser {
  return withFd(open(rootfs, O.O_PATH | O.O_DIRECTORY), (root) =>
    lookUp(readTable(root, "/etc/passwd"), readTable(root, "/etc/group"), text ?? "0"),
  );
}

/** A missing, unreadable or strange file is an empty one: numeric ids work without. */
const readTable = (root: number, path: string): string => tryReadFileInRoot(root, path) ?? "";

/** Calls back with the fields of each row that has enough of them, until told to stop by `true`. */
function eachRow(table: string, fields: number, visit: (row: string[]) => boolean): void {
  for (let at = 0; at < table.length; ) {
    const newline = table.indexOf("\n", at);
    const end = newline < 0 ? table.length : newline;
    const row = table.slice(at, end).split(":");
    at = end + 1;
    if (row.length >= fields && visit(row)) return;
  }
}

/** Looks up in the text of a passwd and a group file. Pure. @throws RunError */
export function lookUp(passwd: string, group: string, text: string): ResolvedUser {
  const colon = text.indexOf(":");
  const userText = colon < 0 ? text : text.slice(0, colon);
  const groupText = colon < 0 ? undefined : text.slice(colon + 1);
  const number = numericId(userText);
  let row: string[] | undefined;
  // a name of digits is a name first, as docker reads it
  eachRow(passwd, 7, (fields) => {
    if (fields[0] === userText || (!row && number !== undefined && numericId(fields[2]!) === number))
      row = fields;
    return fields[0] === userText;
  });
  const uid = row ? numericId(row[2]!) : number;
  if (uid === undefined) throw unknown("user", userText, "/etc/passwd");
  const gid = groupText === undefined ? (numericId(row?.[3] ?? "0") ?? 0) : groupId(group, groupText);
  if (gid === undefined) throw unknown("group", groupText!, "/etc/group");
  return {
    uid,
    gid,
    // a group given by hand is the whole of it, as with docker
    additionalGids: groupText === undefined && row ? supplementary(group, row[0]!, gid) : [],
    home: row?.[5] || "/",
  };
}

function unknown(what: string, text: string, file: string): RunError {
  if (/^\d+$/.test(text) && Number(text) > LARGEST_ID)
    return new RunError(`--user: the ${what} id ${text} is above the largest, ${LARGEST_ID}`);
  return new RunError(`--user: no ${what} "${text}" in the rootfs's ${file}`);
}

/** Decimal digits only: Number() alone would also take "0x0", "1e3" and " 0". */
function numericId(text: string): number | undefined {
  if (text === "" || text.length > 10) return undefined;
  for (let i = 0; i < text.length; i++) if (text[i]! < "0" || text[i]! > "9") return undefined;
  const id = Number(text);
  return id <= LARGEST_ID ? id : undefined;
}

function groupId(group: string, text: string): number | undefined {
  let id = numericId(text);
  eachRow(group, 4, (fields) => {
    if (fields[0] !== text) return false;
    id = numericId(fields[2]!);
    return true;
  });
  return id;
}

function supplementary(group: string, user: string, primary: number): number[] {
  const ids: number[] = [];
  eachRow(group, 4, (fields) => {
    const gid = numericId(fields[2]!);
    const isMember = fields[3]!.split(",").includes(user);
    if (isMember && gid !== undefined && gid !== primary && !ids.includes(gid)) ids.push(gid);
    return false;
  });
  return ids;
}
