// Owns a user namespace's mappings from the parent's side: which ids are to be had, and writing them into uid_map and
// gid_map (user_namespaces(7), newuidmap(1)).

import { RunError } from "../errors.ts";
import { findProgram } from "../rootfs/name-services.ts";
import type { IdMapping } from "../spec/types.ts";
import type { UserNamespaceWish } from "../spec/userns.ts";
import { CLONE } from "../sys/constants.ts";
import { open, readFile, tryReadFile, withFd, writeFile } from "../sys/file.ts";
import { step } from "../sys/libc.ts";
import { trySetns } from "../sys/namespace.ts";
import { getegid, geteuid, trySpawn, wait } from "../sys/process.ts";
import { laidOut, type Range, subordinateIds, userName } from "./subids.ts";

/** What an ordinary run has not: filled in on the way. */
export interface UserNamespace {
  /** whoever started us has no rights on the host beyond those of the container's root */
  rootless: boolean;
  uid: IdMapping[];
  gid: IdMapping[];
  /** setgroups(2) is denied in it */
  keepGroups: boolean;
  /** the programs that may write more than one's own id into a map, for an ordinary user */
  tools: { uid: string; gid: string } | undefined;
  /** why an ordinary user's container has the caller's id alone */
  alone: string | undefined;
}

/** As many as any distribution's /etc/passwd needs: 0 to 65535. */
const USUAL_SIZE = 65_536;

/** Looks up what the wish needs. @throws RunError where no range is to be had */
export function planUserNamespace(
  wish: Exclude<UserNamespaceWish, { kind: "host" }>,
  path: string | undefined,
): UserNamespace {
  if (geteuid() !== 0) return planRootless(geteuid(), getegid(), path);
  const rootless = !ownsPidNamespace();
  const keepGroups = tryReadFile("/proc/self/setgroups")?.trim() === "deny";
  const rest = { rootless, keepGroups, tools: undefined, alone: undefined };
  if (wish.kind === "mapped") return { ...rest, uid: wish.uid, gid: wish.gid };
  if (rootless) return { ...rest, uid: ownIds("uid"), gid: ownIds("gid") };
  const owners = ["root", "0", "containers", "minibox"];
  const { uid, gid } = subordinateIds(owners, path);
  if (uid.length === 0 || gid.length === 0)
    throw new RunError(
      `--userns auto: /etc/${uid.length === 0 ? "subuid" : "subgid"} has no range for root, containers or minibox`,
      125,
      'add one that nobody has (echo "minibox:2147483648:65536" >> /etc/subuid, and the same to /etc/subgid), or say --userns UID:GID:SIZE',
    );
  return { ...rest, uid: laidOut(uid, 0, USUAL_SIZE), gid: laidOut(gid, 0, USUAL_SIZE) };
}

/** False for root of a user namespace that does not own the namespaces we are in, as after `unshare --user`. */
const ownsPidNamespace = (): boolean =>
  withFd(open("/proc/self/ns/pid", 0), (own) => trySetns(own, CLONE.CLONE_NEWPID) === 0);

/** The ids that our own user namespace has, as they are. */
function ownIds(kind: "uid" | "gid"): IdMapping[] {
  const maps: IdMapping[] = [];
  for (const line of readFile(`/proc/self/${kind}_map`).trim().split("\n")) {
    const [first, , size] = line.trim().split(/ +/);
    maps.push({ containerID: Number(first), hostID: Number(first), size: Number(size) });
  }
  return maps;
}

/** The caller is root inside; what else there is, are its subordinate ids. */
function planRootless(uid: number, gid: number, path: string | undefined): UserNamespace {
  const own = { containerID: 0, size: 1 };
  const plan: UserNamespace = {
    rootless: true,
    uid: [{ ...own, hostID: uid }],
    gid: [{ ...own, hostID: gid }],
    keepGroups: true,
    tools: undefined,
    alone: undefined,
  };
  const newuidmap = findProgram("newuidmap", path);
  const newgidmap = findProgram("newgidmap", path);
  if (!newuidmap || !newgidmap)
    return { ...plan, alone: "newuidmap and newgidmap are missing, which map more (package uidmap)" };
  const name = userName(uid, path);
  const ranges = subordinateIds(name === undefined ? [String(uid)] : [name, String(uid)], path);
  if (ranges.uid.length === 0 || ranges.gid.length === 0)
    return { ...plan, alone: whyAlone(name, uid, ranges) };
  plan.uid.push(...laidOut(ranges.uid, 1));
  plan.gid.push(...laidOut(ranges.gid, 1));
  plan.keepGroups = false;
  plan.tools = { uid: newuidmap, gid: newgidmap };
  return plan;
}

/** Above what useradd(8) gives away by itself, and another range for each user. */
const freeRange = (uid: number): number => 2 ** 31 + (uid % 32_000) * USUAL_SIZE;

function whyAlone(name: string | undefined, uid: number, ranges: { uid: Range[]; gid: Range[] }): string {
  if (name === undefined)
    return `no user has the id ${uid} (getent passwd ${uid}), and newuidmap maps more only for those with a name`;
  const files: string[] = [];
  for (const kind of ["uid", "gid"] as const) if (ranges[kind].length === 0) files.push(`/etc/sub${kind}`);
  const row = `${name}:${freeRange(uid)}:${USUAL_SIZE}`;
  return `the user ${name} has no range in ${files.join(" and ")} (root adds one: echo ${row} | tee -a ${files.join(" ")})`;
}

const lines = (maps: readonly IdMapping[]): string =>
  maps.map(({ containerID, hostID, size }) => `${containerID} ${hostID} ${size}\n`).join("");

/** Writes both maps of the namespace that this process is in; notes in it what could not be had. @throws SysError */
export function writeMaps(pid: number, namespace: UserNamespace, warn: (message: string) => void): void {
  step(
    "map ids of the container to the host's",
    "user_namespaces(7): each map is written once, from outside",
  );
  const { tools } = namespace;
  // both at once: each is a start of a program
  const uidTool = tools ? startTool(tools.uid, pid, namespace.uid) : 0;
  const gidTool = tools ? startTool(tools.gid, pid, namespace.gid) : 0;
  const uidIsMapped = hasSucceeded(uidTool);
  const gidIsMapped = hasSucceeded(gidTool);
  if (tools && !(uidIsMapped && gidIsMapped)) {
    warn("further ids could not be mapped: the container has only the caller's");
    if (!uidIsMapped) namespace.uid.length = 1;
    if (!gidIsMapped) namespace.gid.length = 1;
    namespace.keepGroups = !gidIsMapped;
  }
  if (!uidIsMapped) writeFile(`/proc/${pid}/uid_map`, lines(namespace.uid));
  if (gidIsMapped) return;
  // a group may shut its members out of a file, so it must not be dropped by whoever has no rights outside
  if (namespace.keepGroups) writeFile(`/proc/${pid}/setgroups`, "deny");
  writeFile(`/proc/${pid}/gid_map`, lines(namespace.gid));
}

/** newuidmap(1), newgidmap(1): set-uid programs that check /etc/subuid and /etc/subgid; they say themselves what is wrong. */
function startTool(tool: string, pid: number, maps: readonly IdMapping[]): number {
  const words = [tool, String(pid)];
  for (const { containerID, hostID, size } of maps) words.push(`${containerID}`, `${hostID}`, `${size}`);
  return trySpawn(tool, words, []);
}

const hasSucceeded = (pid: number): boolean => pid > 0 && wait(pid)?.exit.status === 0;
