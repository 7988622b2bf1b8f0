// Owns what a user namespace means in the OCI object, and what it changes there. Pure.

import { RunError } from "../errors.ts";
import { toHost } from "./id-mappings.ts";
import type { IdMapping, Mount, Namespace, Spec } from "./types.ts";

/** What is asked for: ranges that are to be looked up, the mappings themselves, or a namespace that exists. */
export type UserNamespaceWish =
  | { kind: "host" }
  | { kind: "auto" }
  | { kind: "mapped"; uidMappings: readonly IdMapping[]; gidMappings: readonly IdMapping[] }
  | { kind: "joined" };

/** What an OCI object asks for; undefined where it says nothing. Pure. */
export function userNamespaceWish({ linux }: Spec): UserNamespaceWish | undefined {
  const user = linux.namespaces?.find(({ type }) => type === "user");
  if (!user) return undefined;
  if (user.path !== undefined) return { kind: "joined" };
  const { uidMappings, gidMappings } = linux;
  return uidMappings && gidMappings ? { kind: "mapped", uidMappings, gidMappings } : { kind: "auto" };
}

/** A warning where the host's root is among the mapped ids; undefined where it is not. Pure. */
export function rootWarning(uid: readonly IdMapping[], gid: readonly IdMapping[]): string | undefined {
  const ids: string[] = [];
  for (const [what, maps] of [
    ["user", uid],
    ["group", gid],
  ] as const)
    for (const { containerID, hostID } of maps) if (hostID === 0) ids.push(`${what} ${containerID}`);
  if (ids.length === 0) return undefined;
  const are = ids.length > 1 ? "are" : "is";
  return `the container's ${ids.join(" and ")} ${are} root on the host too (0): every file of the host's root that it can reach is its own (without mappings it gets ids that nobody has)`;
}

/**
 * The object with a user namespace in it, and with what must be different for that. Pure.
 * @throws RunError for a user without a mapping
 */
export function withUserNamespace(
  spec: Spec,
  { uidMappings, gidMappings }: { uidMappings: readonly IdMapping[]; gidMappings: readonly IdMapping[] },
): Spec {
  const { uid, gid, additionalGids } = spec.process.user;
  checkMapped("user", uid, uidMappings);
  checkMapped("group", gid, gidMappings);
  // setgroups(2) takes no group that has no mapping
  const groups = additionalGids?.filter((id) => toHost(gidMappings, id) !== undefined);
  const given = spec.linux.namespaces ?? [];
  const namespaces = given.some(isUser) ? given : [...given, { type: "user" as const }];
  const ownNetwork = given.some(({ type }) => type === "network");
  return {
    ...spec,
    process: {
      ...spec.process,
      user: { ...spec.process.user, ...(groups ? { additionalGids: groups } : {}) },
    },
    ...(spec.mounts && !ownNetwork ? { mounts: spec.mounts.map(withoutSysfs) } : {}),
    linux: { ...spec.linux, namespaces, uidMappings, gidMappings },
  };
}

const isUser = ({ type }: Namespace): boolean => type === "user";

function checkMapped(what: string, id: number, maps: readonly IdMapping[]): void {
  if (toHost(maps, id) !== undefined) return;
  const ranges = maps.map(({ containerID, size }) =>
    size === 1 ? `${containerID}` : `${containerID}-${containerID + size - 1}`,
  );
  throw new RunError(
    `: the ${what} id ${id} is not mapped in the container's user namespace, which has ${ranges.join(", ")}`,
    125,
    "more ids come from ranges in /etc/subuid and /etc/subgid, and for an ordinary user newuidmap (package uidmap)",
    "process.user",
  );
}

/** A sysfs can be mounted only by the owner of its network namespace; where that is the host's, its /sys is bound. */
function withoutSysfs(entry: Mount): Mount {
  if (entry.type !== "sysfs") return entry;
  return { ...entry, type: "bind", source: "/sys", options: ["rbind", ...(entry.options ?? [])] };
}
