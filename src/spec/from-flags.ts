// Owns the way from the flags of `run` to the OCI object. Pure: what must be looked up on the host comes through Host.
// Only this file and those in from-flags/ know the names of flags.

import { UsageError } from "../errors.ts";
import { DEFAULT_CAPABILITIES, defaultSpec, HOSTNAME } from "./default.ts";
import { environmentFromFlags, usualEnvironment } from "./from-flags/environment.ts";
import type { Given, Host } from "./from-flags/given.ts";
import { orderMounts } from "./from-flags/mount-order.ts";
import { parseMount, parseTmpfs, parseVolume } from "./from-flags/mounts.ts";
import { parseUlimit, resourcesFromFlags } from "./from-flags/resources.ts";
import { securityFromFlags } from "./from-flags/security.ts";
import { parseCgroupParent, parseChoice } from "./from-flags/values.ts";
import type { Linux, Mount, Process, Rlimit, Spec } from "./types.ts";

/** Makes the OCI object of `run` for the container `id`. @throws UsageError, and what the functions of `host` throw */
export function specFromFlags(id: string, rootfs: string, args: string[], given: Given, host: Host): Spec {
  const base = defaultSpec(rootfs, args);
  return given.none ? withoutFlags(base, host) : withFlags(base, id, given, host);
}

function withFlags(base: Spec, id: string, given: Given, host: Host): Spec {
  const hostname = parseHostname(given.one("hostname"));
  const hostNetwork = parseChoice("--network", given.one("network") ?? "none", ["none", "host"]) === "host";
  const { process, linux, seccomp } = securityFromFlags(given);
  const bounding = process.capabilities?.bounding ?? DEFAULT_CAPABILITIES;
  return {
    ...base,
    root: { ...base.root, readonly: given.is("read-only") },
    hostname,
    process: { ...base.process, ...processFromFlags(given, host, hostname), ...process },
    mounts: mountsFromFlags(base.mounts ?? [], given, host, hostNetwork),
    linux: {
      ...base.linux,
      ...(hostNetwork ? { namespaces: withoutNetwork(base.linux) } : {}),
      ...cgroupFromFlags(id, given),
      resources: { ...base.linux.resources, ...resourcesFromFlags(given) },
      ...(seccomp === "unconfined" ? {} : { seccomp: host.seccomp(seccomp, bounding) }),
      ...linux,
    },
  };
}

/** The same for a start without flags, which is quicker when nothing that only flags change is looked at. */
function withoutFlags(base: Spec, host: Host): Spec {
  const { terminal, consoleSize } = host;
  const { home, ...user } = host.user(undefined);
  const oomScoreAdj = host.oomScoreAdj();
  const env = usualEnvironment(host, HOSTNAME);
  env.push(`HOME=${home}`);
  return {
    ...base,
    process: {
      ...base.process,
      terminal,
      ...(terminal && consoleSize ? { consoleSize } : undefined),
      env,
      user,
      ...(oomScoreAdj === undefined ? undefined : { oomScoreAdj }),
    },
    linux: { ...base.linux, seccomp: host.seccomp(undefined, DEFAULT_CAPABILITIES) },
  };
}

const withoutNetwork = ({ namespaces }: Linux): Linux["namespaces"] & {} =>
  (namespaces ?? []).filter(({ type }) => type !== "network");

function cgroupFromFlags(id: string, given: Given): Pick<Linux, "cgroupsPath"> {
  const parent = given.one("cgroup-parent");
  return parent ? { cgroupsPath: parseCgroupParent("--cgroup-parent", parent, id) } : {};
}

function processFromFlags(given: Given, host: Host, hostname: string): Partial<Process> {
  const { terminal, consoleSize } = host;
  const rlimits: Rlimit[] = [];
  for (const text of given.many("ulimit")) rlimits.push(parseUlimit(text));
  const cwd = parseWorkdir(given.one("workdir") ?? "/");
  const { uid, gid, additionalGids, home } = host.user(given.one("user"));
  const oomScoreAdj = host.oomScoreAdj();
  return {
    terminal,
    ...(terminal && consoleSize ? { consoleSize } : {}),
    cwd,
    env: environmentFromFlags(given, host, hostname, home),
    ...(rlimits.length > 0 ? { rlimits } : {}),
    user: { uid, gid, additionalGids },
    ...(oomScoreAdj === undefined ? {} : { oomScoreAdj }),
  };
}

/**
 * The default mounts and those of the flags, in the order in which they are made. A container with the host's network
 * gets the host's resolv.conf as well, as docker does it.
 */
function mountsFromFlags(
  defaults: readonly Mount[],
  given: Given,
  host: Host,
  hostNetwork: boolean,
): readonly Mount[] {
  const mounts: Mount[] = [];
  for (const text of given.many("volume")) mounts.push(parseVolume(text, host.cwd));
  for (const text of given.many("mount")) mounts.push(parseMount(text, host.cwd));
  for (const text of given.many("tmpfs")) mounts.push(parseTmpfs(text));
  const source = hostNetwork ? host.resolvConf() : undefined;
  if (mounts.length === 0 && source === undefined) return defaults;
  const options = ["rbind", "ro", "nosuid", "nodev", "noexec"];
  const resolvConf: Mount[] =
    source === undefined ? [] : [{ destination: "/etc/resolv.conf", type: "bind", source, options }];
  return orderMounts([...defaults, ...resolvConf], mounts);
}

function parseHostname(name: string | undefined): string {
  if (name === undefined) return HOSTNAME;
  // HOST_NAME_MAX is counted in bytes (uname(2))
  if (name === "" || new TextEncoder().encode(name).length > 64)
    throw new UsageError(`--hostname: "${name}" must be 1 to 64 bytes long`);
  return name;
}

function parseWorkdir(path: string): string {
  if (!path.startsWith("/")) throw new UsageError(`--workdir: "${path}" must be an absolute path`);
  return path;
}
