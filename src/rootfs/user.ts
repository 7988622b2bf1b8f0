// Owns looking up a user in the rootfs's own /etc/passwd and /etc/group (passwd(5), group(5)). The host's files are
// never read, nor are libc's name services used, which would load libraries of the container.

import { RunError } from "../errors.ts";
import type { ResolvedUser } from "../spec/from-flags/given.ts";
import { LARGEST_ID } from "../spec/id-mappings.ts";
import { tryReadFileInRoot } from "../sys/file.ts";
import { eachRow } from "./tables.ts";

/**
 * Resolves "user", "uid", "user:group" or "uid:gid" in an open rootfs; undefined is root. @throws RunError, SysError
 * where a file is too large
 */
export const resolveUser = (root: number, text: string | undefined): ResolvedUser =>
  lookUp(readTable(root, "/etc/passwd"), readTable(root, "/etc/group"), text ?? "");

/** Returns a file's text, "" where it is missing, unreadable or not a regular file: numeric ids work without it. */
const readTable = (root: number, path: string): string => tryReadFileInRoot(root, path) ?? "";

/**
 * Looks up a user in the text of a passwd and a group file, as docker does: an empty user is root, an empty group the
 * user's own. Digits are always an id: if they could be a name, an image would decide which id "1000" is. Pure.
 * @throws RunError
 */
export function lookUp(passwd: string, group: string, text: string): ResolvedUser {
  const colon = text.indexOf(":");
  const userText = colon < 0 ? text : text.slice(0, colon);
  const groupText = colon < 0 ? "" : text.slice(colon + 1);
  const number = givenId("user", userText || "0");
  let row: string[] | undefined;
  eachRow(passwd, number === undefined ? userText : String(number), (fields) => {
    if (number === undefined ? fields[0] !== userText : numericId(fields[2]) !== number) return false;
    row = fields;
    return true;
  });
  if (number === undefined && !row) throw wrongUser(`no user "${userText}" in the rootfs's /etc/passwd`);
  const uid = number ?? numericId(row?.[2]);
  if (uid === undefined)
    throw wrongUser(`the rootfs's /etc/passwd gives the user "${userText}" no valid id: "${row?.[2] ?? ""}"`);
  const gid = groupText === "" ? (numericId(row?.[3]) ?? 0) : groupId(group, groupText);
  return {
    uid,
    gid,
    // with a group that was asked for there are no supplementary groups, as with docker
    additionalGids: groupText === "" && row?.[0] ? supplementary(group, row[0], gid) : [],
    home: row?.[5] || "/",
  };
}

const wrongUser = (problem: string): RunError => new RunError(`: ${problem}`, 125, undefined, "process.user");

/**
 * Returns the id that a text of digits stands for; undefined for a name. `what` is "user" or "group". @throws RunError
 */
function givenId(what: string, text: string): number | undefined {
  if (!isDigits(text)) return undefined;
  const id = numericId(text);
  if (id === undefined) throw wrongUser(`the ${what} id ${text} is above the largest, ${LARGEST_ID}`);
  return id;
}

/** True for decimal digits alone: Number() would also accept "0x0", "1e3" and " 0". */
function isDigits(text: string): boolean {
  for (let i = 0; i < text.length; i++) if (text[i]! < "0" || text[i]! > "9") return false;
  return text !== "";
}

function numericId(text: string | undefined): number | undefined {
  if (text === undefined || !isDigits(text)) return undefined;
  const id = Number(text);
  return id <= LARGEST_ID ? id : undefined;
}

function groupId(group: string, text: string): number {
  const number = givenId("group", text);
  if (number !== undefined) return number;
  let id: number | undefined;
  let found: string[] | undefined;
  eachRow(group, text, (fields) => {
    if (fields[0] !== text) return false;
    found = fields;
    id = numericId(fields[2]);
    return true;
  });
  if (!found) throw wrongUser(`no group "${text}" in the rootfs's /etc/group`);
  if (id === undefined)
    throw wrongUser(`the rootfs's /etc/group gives the group "${text}" no valid id: "${found[2] ?? ""}"`);
  return id;
}

/** NGROUPS_MAX, the kernel's limit for a process (setgroups(2)). */
const MOST_GROUPS = 65_536;

/** @throws RunError */
function supplementary(group: string, user: string, primary: number): number[] {
  let ids: Set<number> | undefined;
  eachRow(group, user, (fields) => {
    const members = fields[3];
    if (!members?.includes(user)) return false;
    const gid = numericId(fields[2]);
    if (gid === undefined || gid === primary) return false;
    for (const member of members.split(","))
      if (member.trim() === user) {
        ids ??= new Set();
        ids.add(gid);
      }
    return false;
  });
  if (!ids) return [];
  if (ids.size > MOST_GROUPS)
    throw wrongUser(
      `the rootfs's /etc/group has the user "${user}" in ${ids.size} groups, ${MOST_GROUPS} is the limit`,
    );
  return [...ids];
}
