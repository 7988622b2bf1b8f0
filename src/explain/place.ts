// Owns what every part of an explanation needs: the root where the command was sought, who sought it, and the words.

import type { Spec } from "../spec/types.ts";
import { type Stat, tryReadFile } from "../sys/file.ts";

/** Where and by whom the command was sought. */
export interface Place {
  /** the container's root with all its mounts; paths are opened below it with openInRoot only */
  root: number;
  spec: Spec;
  who: Identity;
  /** the text of the container's mountinfo */
  mountinfo: string;
}

/** Why something cannot be executed: words that follow its path, an exit status, and what to do about it. */
export interface Reason {
  what: string;
  status: number;
  hint?: string | undefined;
  /** said of the command as a whole: whoever was asked on its way adds nothing */
  whole?: boolean;
}

/** POSIX: 127 where no file was reached by the command's name, 126 where one is there and cannot be executed. */
export const NOT_FOUND = 127;
export const NOT_EXECUTABLE = 126;

/** The kernel's view of the waiting child: its ids as the files' owners are counted, and its capabilities. */
export interface Identity {
  uid: number;
  gid: number;
  groups: readonly number[];
  capabilities: bigint;
}

/** capabilities(7), linux/capability.h */
const CAP_DAC_OVERRIDE = 1n << 1n;
const CAP_DAC_READ_SEARCH = 1n << 2n;

/** The identity of a process; the spec's user where it cannot be read any more. */
export function identityOf(pid: number, spec: Spec): Identity {
  const status = tryReadFile(`/proc/${pid}/status`) ?? "";
  const field = (name: string): string => new RegExp(`^${name}:(.*)$`, "m").exec(status)?.[1]?.trim() ?? "";
  // the fourth id is the one that file permissions are checked for
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

/** The x bit of the one class (owner, group, others) that counts for this identity. */
function hasOwnX({ uid, gid, groups }: Identity, stat: Stat): boolean {
  if (stat.uid === uid) return (stat.mode & 0o100) !== 0;
  const inGroup = stat.gid === gid || groups.includes(stat.gid);
  return (stat.mode & (inGroup ? 0o010 : 0o001)) !== 0;
}

/** Whether the mode of a file lets this identity execute it; even root needs one x bit of the three. */
export const mayExecute = (who: Identity, stat: Stat): boolean =>
  who.capabilities & CAP_DAC_OVERRIDE ? (stat.mode & 0o111) !== 0 : hasOwnX(who, stat);

/** Whether the mode of a directory lets this identity look up a name in it. */
export const maySearch = (who: Identity, stat: Stat): boolean =>
  (who.capabilities & (CAP_DAC_OVERRIDE | CAP_DAC_READ_SEARCH)) !== 0n || hasOwnX(who, stat);

/** "mode 0644, owner 0:0" */
export const ownership = ({ mode, uid, gid }: Stat): string =>
  `mode 0${(mode & 0o7777).toString(8).padStart(3, "0")}, owner ${uid}:${gid}`;

const LONGEST_SHOWN = 200;

/** A name for the person: on one line, of bounded length, whatever the rootfs holds. */
export function shown(name: string): string {
  const cut = name.length > LONGEST_SHOWN ? `${name.slice(0, LONGEST_SHOWN)}…` : name;
  return /[\0-\x1f\x7f-\x9f]|^\s|\s$/.test(cut)
    ? JSON.stringify(cut).replace(/[\x7f-\x9f]/g, (char) => `\\u00${char.charCodeAt(0).toString(16)}`)
    : cut;
}

/** A word as a shell reads it back, for commands in hints. */
export const quoted = (word: string): string =>
  /^[\w@%+=:,./-]+$/.test(word) ? word : `'${shown(word).replaceAll("'", "'\\''")}'`;
