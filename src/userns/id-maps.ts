// Owns a user namespace's uid_map, gid_map and setgroups in /proc/PID, which are written once, from outside of it
// (user_namespaces(7), newuidmap(1)).

import type { IdMapping } from "../spec/types.ts";
import { readFile, tryReadFile, writeFile } from "../sys/file.ts";
import { step } from "../sys/libc.ts";
import { wait } from "../sys/process.ts";
import { trySpawn } from "../sys/spawn.ts";
import type { UserNamespacePlan } from "./types.ts";

/** The mappings in force in a user namespace. */
export interface IdMaps {
  uidMappings: IdMapping[];
  gidMappings: IdMapping[];
  /** setgroups(2) is denied */
  keepGroups: boolean;
}

/** The ids of a process's user namespace, and what they are in ours ("self": in the one above ours). @throws SysError */
export function readMappings(pid: number | "self", kind: "uid" | "gid"): IdMapping[] {
  const maps: IdMapping[] = [];
  for (const line of readFile(`/proc/${pid}/${kind}_map`).trim().split("\n")) {
    const [containerID, hostID, size] = line.trim().split(/ +/).map(Number);
    maps.push({ containerID: containerID!, hostID: hostID!, size: size! });
  }
  return maps;
}

export const isSetgroupsDenied = (pid: number | "self"): boolean =>
  tryReadFile(`/proc/${pid}/setgroups`)?.trim() === "deny";

/** The maps of a namespace that somebody else made. @throws SysError */
export const readMaps = (pid: number): IdMaps => ({
  uidMappings: readMappings(pid, "uid"),
  gidMappings: readMappings(pid, "gid"),
  keepGroups: isSetgroupsDenied(pid),
});

const lines = (maps: readonly IdMapping[]): string =>
  maps.map(({ containerID, hostID, size }) => `${containerID} ${hostID} ${size}\n`).join("");

/**
 * Writes both maps of the namespace that a process has made, and returns what could be mapped: of an ordinary user at
 * least its own ids, which are the first of each map. @throws SysError
 */
export function writeMaps(pid: number, plan: UserNamespacePlan, warn: (message: string) => void): IdMaps {
  step(
    "map ids of the container to the host's",
    "user_namespaces(7): each map is written once, from outside",
  );
  let { uidMappings, gidMappings, keepGroups } = plan;
  const { tools } = plan;
  // Each tool takes a program's start, so both run at once.
  const uidTool = tools ? startTool(tools.uid, pid, uidMappings) : 0;
  const gidTool = tools ? startTool(tools.gid, pid, gidMappings) : 0;
  const uidIsMapped = hasSucceeded(uidTool);
  const gidIsMapped = hasSucceeded(gidTool);
  if (tools && !(uidIsMapped && gidIsMapped)) {
    warn("further ids could not be mapped: the container has only the caller's");
    if (!uidIsMapped) uidMappings = uidMappings.slice(0, 1);
    if (!gidIsMapped) gidMappings = gidMappings.slice(0, 1);
    keepGroups = !gidIsMapped;
  }
  if (!uidIsMapped) writeFile(`/proc/${pid}/uid_map`, lines(uidMappings));
  if (!gidIsMapped) {
    // A group may shut its members out of a file. So the kernel lets a caller without rights outside map its group only
    // where no group can be dropped.
    if (keepGroups) writeFile(`/proc/${pid}/setgroups`, "deny");
    writeFile(`/proc/${pid}/gid_map`, lines(gidMappings));
  }
  return { uidMappings, gidMappings, keepGroups };
}

/** Starts newuidmap(1) or newgidmap(1), set-uid programs that check /etc/subuid and /etc/subgid and print what is wrong. */
function startTool(tool: string, pid: number, maps: readonly IdMapping[]): number {
  const words = [tool, String(pid)];
  for (const { containerID, hostID, size } of maps) words.push(`${containerID}`, `${hostID}`, `${size}`);
  return trySpawn(tool, words, []);
}

const hasSucceeded = (pid: number): boolean => pid > 0 && wait(pid)?.exit.status === 0;
