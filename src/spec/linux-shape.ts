// Owns what each field of the OCI object's `linux` can be (runtime specification, config-linux.md).

import { SpecError } from "../errors.ts";
import { literal } from "../sys/printable.ts";
import { asksForNothing, cleanPath, readObject } from "./check.ts";
import { LARGEST_ID } from "./id-mappings.ts";
import { id } from "./process-shape.ts";
import { readResources } from "./resources-shape.ts";
import { readPolicy } from "./seccomp.ts";
import { absolutePath, integer, list, object, oneOf, optionalWord, type Reader, strings } from "./shape.ts";
import type {
  Device,
  IdMapping,
  Linux,
  Namespace,
  Propagation,
  Seccomp,
  SeccompArg,
  SeccompSyscall,
} from "./types.ts";

const namespace = object<Namespace>(
  {
    type: oneOf("pid", "network", "mount", "ipc", "uts", "user", "cgroup", "time"),
    path: (value, field) => (value === "" ? undefined : absolutePath(value, field)),
  },
  ["type"],
);

const namespaces: Reader<readonly Namespace[]> = (value, field) => {
  const all = list(namespace)(value, field);
  for (const [i, { type, path }] of all.entries()) {
    if (all.findIndex((other) => other.type === type) < i)
      throw new SpecError(`${field}[${i}].type`, `the ${type} namespace is listed twice`);
    // pivot_root(2) changes the root of every process in a mount namespace
    if (path !== undefined && type === "mount")
      throw new SpecError(`${field}[${i}].path`, "joining a mount namespace is not supported by minibox");
  }
  return all;
};

const mapping: Reader<IdMapping> = (value, field) => {
  const map = object<IdMapping>({ containerID: id, hostID: id, size: integer(1, LARGEST_ID + 1) }, [
    "containerID",
    "hostID",
    "size",
  ])(value, field);
  if (Math.max(map.containerID, map.hostID) + map.size > LARGEST_ID + 1)
    throw new SpecError(`${field}.size`, `${map.size} goes beyond the last id, ${LARGEST_ID}`);
  return map;
};

const overlap = (a: number, b: number, { size }: IdMapping, other: IdMapping): boolean =>
  a < b + other.size && b < a + size;

const mappings: Reader<readonly IdMapping[] | undefined> = (value, field) => {
  const maps = list(mapping)(value, field);
  for (const [i, a] of maps.entries())
    for (const b of maps.slice(0, i))
      if (overlap(a.containerID, b.containerID, a, b) || overlap(a.hostID, b.hostID, a, b))
        throw new SpecError(`${field}[${i}]`, "overlaps another mapping");
  return maps.length > 0 ? maps : undefined;
};

/** The kernel keeps a device's number in 32 bits, of which 12 are the major and 20 the minor number (makedev(3)). */
const MAJOR = integer(0, 2 ** 12 - 1);
const MINOR = integer(0, 2 ** 20 - 1);
const PERMISSIONS = 0o7777;

/** Engines often write the mode as stat(2) gives it, with the bits of the type. */
const fileMode: Reader<number> = (value, field) => integer(0, 0o177777)(value, field) & PERMISSIONS;

const cleanAbsolutePath: Reader<string> = (value, field) => cleanPath(absolutePath(value, field));

const device: Reader<Device> = (value, field) => {
  const read = object<Device>(
    {
      type: oneOf("c", "b", "u", "p"),
      path: cleanAbsolutePath,
      major: MAJOR,
      minor: MINOR,
      fileMode,
      uid: id,
      gid: id,
    },
    ["type", "path"],
  )(value, field);
  for (const part of ["major", "minor"] as const)
    if (read.type !== "p" && read[part] === undefined)
      throw new SpecError(`${field}.${part}`, `is required for a device of type ${read.type}`);
  return read;
};

/** A name such as "net.ipv4.ip_forward" or "net/ipv4/ip_forward" (sysctl(8)) becomes a path below /proc/sys. */
const sysctl: Reader<Readonly<Record<string, string>>> = (value, field) => {
  const all = strings(value, field);
  for (const name of Object.keys(all))
    if (!/^[\w-]+([./][\w:@-]+)+$/.test(name))
      throw new SpecError(`${field}[${literal(name)}]`, "is no name of a sysctl");
  return all;
};

/** A reader for values that readPolicy() checks. */
const checked =
  <T>(): Reader<T> =>
  (value) =>
    value as T;

/** The refused fields limit a rule in the profiles of engines. A rule without its limit would allow too much. */
const seccompFields = object<Seccomp>(
  {
    defaultAction: checked(),
    defaultErrnoRet: checked(),
    architectures: checked(),
    flags: checked(),
    listenerPath: optionalWord,
    listenerMetadata: optionalWord,
    syscalls: list(
      object<SeccompSyscall>(
        {
          names: checked(),
          action: checked(),
          errnoRet: checked(),
          args: list(
            object<SeccompArg>({ index: checked(), value: checked(), valueTwo: checked(), op: checked() }),
          ),
        },
        [],
        ["name", "includes", "excludes", "errno"],
      ),
    ),
  },
  [],
  ["archMap", "defaultErrno"],
);

const seccomp: Reader<Seccomp> = (value, field) => {
  const read = seccompFields(value, field);
  readPolicy(read, field);
  return read;
};

const propagation = oneOf<Propagation>(
  "private",
  "rprivate",
  "slave",
  "rslave",
  "shared",
  "rshared",
  "unbindable",
  "runbindable",
);

const rootfsPropagation: Reader<Propagation | undefined> = (value, field) =>
  value === "" ? undefined : propagation(value, field);

/** Every container gets PER_LINUX (personality(2)), so only that can be asked for. */
function checkPersonality(value: unknown, field: string): void {
  if (value === undefined || value === null) return;
  const { domain, flags } = readObject(value, field);
  if ((domain !== "LINUX" && !asksForNothing(domain)) || !asksForNothing(flags))
    throw new SpecError(field, "is not supported by minibox, but for the domain LINUX without flags");
}

const fields = object<Linux>(
  {
    namespaces,
    uidMappings: mappings,
    gidMappings: mappings,
    devices: list(device),
    cgroupsPath: optionalWord,
    resources: readResources,
    rootfsPropagation,
    seccomp,
    sysctl,
    maskedPaths: list(cleanAbsolutePath),
    readonlyPaths: list(cleanAbsolutePath),
    mountLabel: optionalWord,
  },
  [],
  ["intelRdt", "memoryPolicy", "netDevices", "timeOffsets"],
);

/** Reads `linux`. @throws SpecError */
export const readLinux: Reader<Linux> = (value, field) => {
  checkPersonality(readObject(value, field).personality, `${field}.personality`);
  return fields(value, field);
};
