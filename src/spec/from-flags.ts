// Owns the way from flags to the OCI object. Pure: what must be looked up on the host comes in as an argument.

import { UsageError } from "../errors.ts";
import { RLIMITS } from "../sys/constants.ts";
import { DEFAULT_PATH, defaultSpec } from "./default.ts";
import { parseMount, parseTmpfs, parseVolume } from "./mount-flags.ts";
import { orderMounts } from "./mount-order.ts";
import type { Resources, Rlimit, Spec } from "./types.ts";
import { parseChoice, parseCount, parseCpuList, parseCpus, parseSize } from "./values.ts";

/** The flags that describe the container, as given. */
export interface Given {
  one(flag: string): string | undefined;
  many(flag: string): readonly string[];
  is(flag: string): boolean;
}

/** What the host knows and the flags refer to. */
export interface Host {
  /** "" where it was deleted */
  cwd: string;
  /** the caller's environment, asked for one name at a time */
  env(name: string): string | undefined;
  readFile(path: string): string;
  /** the host's resolv.conf, where the rootfs has a place for it */
  resolvConf(): string | undefined;
  terminal: boolean;
  consoleSize: { height: number; width: number } | undefined;
}

/** The user of the container, looked up in its own /etc/passwd. */
export interface ResolvedUser {
  uid: number;
  gid: number;
  additionalGids: number[];
  home: string;
}

/** Makes the OCI object of a `run`; `user` is filled in by withUser. @throws UsageError */
export function specFromFlags(rootfs: string, args: string[], given: Given, host: Host): Spec {
  const spec = defaultSpec(rootfs, args);
  spec.hostname = parseHostname(given.one("hostname") ?? "container");
  spec.root.readonly = given.is("read-only");
  spec.process.cwd = parseWorkdir(given.one("workdir") ?? "/");
  spec.process.terminal = host.terminal;
  if (host.terminal && host.consoleSize) spec.process.consoleSize = host.consoleSize;
  for (const text of given.many("ulimit")) {
    spec.process.rlimits ??= [];
    spec.process.rlimits.push(parseUlimit(text));
  }
  if (parseChoice("--network", given.one("network") ?? "none", ["none", "host"]) === "host")
    useHostNetwork(spec, host);
  const mounts = [
    ...given.many("volume").map((text) => parseVolume(text, host.cwd)),
    ...given.many("mount").map((text) => parseMount(text, host.cwd)),
    ...given.many("tmpfs").map(parseTmpfs),
  ];
  if (mounts.length > 0) spec.mounts = orderMounts(spec.mounts!, mounts);
  spec.linux.resources = { ...spec.linux.resources, ...resources(given) };
  spec.process.env = environment(given, host, spec.hostname);
  return spec;
}

/** No network namespace, and the host's name servers, as docker gives them. */
function useHostNetwork(spec: Spec, host: Host): void {
  spec.linux.namespaces = spec.linux.namespaces!.filter((namespace) => namespace.type !== "network");
  const source = host.resolvConf();
  if (source === undefined) return;
  const options = ["rbind", "ro", "nosuid", "nodev", "noexec"];
  spec.mounts!.push({ destination: "/etc/resolv.conf", type: "bind", source, options });
}

/** Fills in the user and the home directory that comes with it. */
export function withUser(spec: Spec, user: ResolvedUser): void {
  spec.process.user = { uid: user.uid, gid: user.gid, additionalGids: user.additionalGids };
  if (!spec.process.env!.some((entry) => entry.startsWith("HOME=")))
    spec.process.env!.push(`HOME=${user.home}`);
}

function parseHostname(name: string): string {
  // HOST_NAME_MAX, in bytes
  if (name === "" || new TextEncoder().encode(name).length > 64)
    throw new UsageError(`--hostname: "${name}" must be 1 to 64 bytes long`);
  return name;
}

function parseWorkdir(path: string): string {
  if (!path.startsWith("/")) throw new UsageError(`--workdir: "${path}" must be an absolute path`);
  return path;
}

/** "nofile=1024:2048", "nproc=100", "core=unlimited" (docker's form). @throws UsageError */
export function parseUlimit(text: string): Rlimit {
  const match = /^([a-z]+)=(\d+|unlimited|-1)(?::(\d+|unlimited|-1))?$/.exec(text);
  const type = `RLIMIT_${match?.[1]?.toUpperCase()}`;
  if (!match || !(RLIMITS as readonly string[]).includes(type)) {
    const names = RLIMITS.map((name) => name.slice(7).toLowerCase()).join(", ");
    throw new UsageError(`--ulimit: "${text}" must be NAME=SOFT[:HARD], NAME one of ${names}`);
  }
  const soft = rlimitValue(match[2]!);
  const hard = match[3] === undefined ? soft : rlimitValue(match[3]);
  if (BigInt(soft) > BigInt(hard))
    throw new UsageError(`--ulimit: "${text}": the soft limit is above the hard one`);
  return { type, soft, hard };
}

/** A number where it is exact, else its decimal text's BigInt value as OCI's uint64. */
function rlimitValue(text: string): number | bigint {
  const value = text === "unlimited" || text === "-1" ? 0xffffffffffffffffn : BigInt(text);
  if (value > 0xffffffffffffffffn) throw new UsageError(`--ulimit: ${text} is above 2^64-1`);
  return value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : value;
}

const CPU_PERIOD_MICROSECONDS = 100_000;
/** The kernel's largest kernel.pid_max on 64 bits (proc_sys_kernel(5)); pids.max takes no more. */
const MOST_PIDS = 4_194_304;

function resources(given: Given): Resources {
  const out: Resources = {};
  const memory = given.one("memory");
  const swap = withoutZero(given.one("memory-swap"));
  if (memory !== undefined) out.memory = memoryLimits(memory, swap);
  else if (swap !== undefined) throw new UsageError("--memory-swap needs --memory as well");
  const cpus = given.one("cpus");
  const cpuset = given.one("cpuset-cpus");
  if (cpus !== undefined)
    out.cpu = {
      quota: Math.round(parseCpus("--cpus", cpus) * CPU_PERIOD_MICROSECONDS),
      period: CPU_PERIOD_MICROSECONDS,
    };
  if (cpuset !== undefined) out.cpu = { ...out.cpu, cpus: parseCpuList("--cpuset-cpus", cpuset) };
  const pids = given.one("pids-limit");
  if (pids !== undefined) {
    const limit = parseCount("--pids-limit", pids, MOST_PIDS, true);
    // docker's 0 and -1 both mean unlimited
    if (limit > 0) out.pids = { limit };
  }
  return out;
}

/** As in docker, 0 is as if the flag were not given. */
const withoutZero = (size: string | undefined): string | undefined =>
  size !== undefined && size !== "-1" && parseSize("--memory-swap", size) === 0 ? undefined : size;

/** Below this the kernel cannot even start a program. */
const LEAST_MEMORY = 512 * 1024;

function memoryLimits(memory: string, swap: string | undefined): NonNullable<Resources["memory"]> {
  const limit = parseSize("--memory", memory);
  if (limit < LEAST_MEMORY) throw new UsageError(`--memory: ${memory} is below the least that works, 512k`);
  if (swap === undefined) return { limit };
  if (swap === "-1") return { limit, swap: -1 };
  const total = parseSize("--memory-swap", swap);
  if (total < limit)
    throw new UsageError(`--memory-swap: ${swap} is memory plus swap, so not below --memory ${memory}`);
  return { limit, swap: total };
}

/** Nothing of the caller's environment enters but what is named, and TERM on a terminal. */
function environment(given: Given, host: Host, hostname: string): string[] {
  const env = new Map<string, string>([
    ["PATH", DEFAULT_PATH],
    ["HOSTNAME", hostname],
    ["container", "minibox"],
  ]);
  if (host.terminal) env.set("TERM", host.env("TERM") ?? "xterm");
  const put = (name: string, value: string | undefined): void => {
    if (value !== undefined) env.set(name, value);
  };
  for (const file of given.many("env-file"))
    for (const [name, value] of envFile(file, host)) put(name, value);
  for (const text of given.many("env")) {
    const equals = text.indexOf("=");
    const name = equals < 0 ? text : text.slice(0, equals);
    if (name === "") throw new UsageError(`--env: "${text}" has no name`);
    put(name, equals < 0 ? host.env(name) : text.slice(equals + 1));
  }
  const entries: string[] = [];
  for (const [name, value] of env) entries.push(`${name}=${value}`);
  return entries;
}

/**
 * docker's and podman's format: K=V with everything after "=" as it stands, quotes and later "#" included; K alone from
 * the caller; "#" begins a line that is a comment.
 */
function envFile(file: string, host: Host): [string, string | undefined][] {
  const entries: [string, string | undefined][] = [];
  const lines = host.readFile(file).split("\n");
  for (const [i, raw] of lines.entries()) {
    const line = raw.replace(/\r$/, "").trimStart(); // of a byte order mark, too
    if (line === "" || line.startsWith("#")) continue;
    const equals = line.indexOf("=");
    const name = equals < 0 ? line : line.slice(0, equals);
    const wrong = wrongEntry(line, name);
    if (wrong !== undefined) throw new UsageError(`--env-file: ${file}:${i + 1}: ${wrong}`);
    entries.push([name, equals < 0 ? host.env(name) : line.slice(equals + 1)]);
  }
  return entries;
}

function wrongEntry(line: string, name: string): string | undefined {
  if (line.includes("\0")) return "a NUL byte cannot be part of a variable";
  if (name === "") return `"${line}" has no name before the =`;
  if (/^export\s/.test(name)) return `"${name}": leave "export" away, the file is not read by a shell`;
  return /\s/.test(name) ? `"${name}" is not the name of a variable: there is a blank in it` : undefined;
}
