// Owns what every part of an explanation uses: the container's root, the user who executes, reasons, and quoted names.

import type { Spec } from "../spec/types.ts";
import { tryReadFile } from "../sys/file.ts";
import { literal, printable } from "../sys/printable.ts";
import type { Stat } from "../sys/stat.ts";

export { quoted } from "../sys/printable.ts";

import type { Budget } from "./budget.ts";

/** Where the command was looked for, and by whom. */
export interface Place {
  /** the container's root with all its mounts; paths are opened below it with openInRoot only */
  root: number;
  spec: Spec;
  who: Identity;
  /** reads the text of the container's mountinfo */
  mountinfo: () => string;
  /** what the whole explanation may cost */
  budget: Budget;
}

/** Why something cannot be executed: words that follow its path, minibox's exit status, and what to do about it. */
export interface Reason {
  what: string;
  status: number;
  hint?: string | undefined;
  /** the reason is about the command as a whole: the interpreters between are not named in front of it */
  whole?: boolean;
}

/** POSIX's exit statuses: 127 where the command's name leads to no file, 126 where the file cannot be executed. */
export const NOT_FOUND = 127;
export const NOT_EXECUTABLE = 126;

/** The ids and capabilities of the waiting child. The ids are the host's, like those of the files' owners. */
export interface Identity {
  uid: number;
  gid: number;
  groups: readonly number[];
  capabilities: bigint;
}

/** capabilities(7), linux/capability.h */
const CAP_DAC_OVERRIDE = 1n << 1n;
const CAP_DAC_READ_SEARCH = 1n << 2n;

/** Reads the identity of a process; where it cannot be read any more, it is that of the spec's user. */
export function identityOf(pid: number, spec: Spec): Identity {
  const status = tryReadFile(`/proc/${pid}/status`) ?? "";
  const field = (name: string): string => new RegExp(`^${name}:(.*)$`, "m").exec(status)?.[1]?.trim() ?? "";
  // the fourth id in a row is the file system id, which the kernel checks permissions with
  const fsId = (name: string): number => Number.parseInt(field(name).split(/\s+/)[3] ?? "", 10);
  const { uid, gid, additionalGids } = spec.process.user;
  if (Number.isNaN(fsId("Uid")))
    return { uid, gid, groups: additionalGids ?? [], capabilities: uid === 0 ? ~0n : 0n };
  return {
    uid: fsId("Uid"),
    gid: fsId("Gid"),
    groups: field("Groups").split(/\s+/).filter(Boolean).map(Number),
    capabilities: BigInt(`0x${field("CapEff") || "0"}`),
  };
}

/** True where the x bit is set for the class (owner, group or others) that this identity belongs to. */
function hasOwnX({ uid, gid, groups }: Identity, stat: Stat): boolean {
  if (stat.uid === uid) return (stat.mode & 0o100) !== 0;
  const inGroup = stat.gid === gid || groups.includes(stat.gid);
  return (stat.mode & (inGroup ? 0o010 : 0o001)) !== 0;
}

/** True where a file's mode lets this identity execute it. Even root needs one of the three x bits. */
export const mayExecute = (who: Identity, stat: Stat): boolean =>
  who.capabilities & CAP_DAC_OVERRIDE ? (stat.mode & 0o111) !== 0 : hasOwnX(who, stat);

/** True where a directory's mode lets this identity look up a name in it. */
export const maySearch = (who: Identity, stat: Stat): boolean =>
  (who.capabilities & (CAP_DAC_OVERRIDE | CAP_DAC_READ_SEARCH)) !== 0n || hasOwnX(who, stat);

/** "mode 0644, owner 0:0" */
export const ownership = ({ mode, uid, gid }: Stat): string =>
  `mode 0${(mode & 0o7777).toString(8).padStart(3, "0")}, owner ${uid}:${gid}`;

const LONGEST_SHOWN = 200;

/** Returns a name for messages: on one line and of limited length, whatever bytes the rootfs has in it. */
export function shown(name: string): string {
  const cut = name.length > LONGEST_SHOWN ? `${name.slice(0, LONGEST_SHOWN)}…` : name;
  return printable(cut) !== cut || /^\s|\s$/.test(cut) ? literal(cut) : cut;
}
