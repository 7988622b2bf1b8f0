// Owns the check of an OCI object of unknown origin, before anything is done for it. The result is a Spec that holds only
// what minibox reads, or an error that names the first wrong field. Fields of the specification that minibox does not
// support are refused, and fields that are not in the specification are ignored (config.md, "Extensibility"). Pure.

import { SpecError } from "../errors.ts";
import { literal } from "../sys/printable.ts";
import { cleanPath, show } from "./check.ts";
import { readLinux } from "./linux-shape.ts";
import { isBindMount, parseOptions } from "./mount-options.ts";
import { readProcess } from "./process-shape.ts";
import { bool, list, object, optionalWord, type Reader, strings, text, word } from "./shape.ts";
import type { Linux, Mount, Root, Spec } from "./types.ts";

/** All versions 1.x are compatible with each other (semver.org). */
const ociVersion: Reader<string> = (value, field) => {
  const version = word(value, field);
  if (!/^1\.\d+\.\d+([-+].+)?$/.test(version))
    throw new SpecError(field, `${show(version)} is not a version that minibox knows (1.0.0 to 1.3.0)`);
  return version;
};

/** HOST_NAME_MAX of the kernel, in bytes (uname(2)). */
const LONGEST_NAME = 64;

const hostname: Reader<string | undefined> = (value, field) => {
  const name = optionalWord(value, field);
  if (name !== undefined && new TextEncoder().encode(name).length > LONGEST_NAME)
    throw new SpecError(field, `${show(name)} is longer than ${LONGEST_NAME} bytes`);
  return name;
};

/** A relative destination is one from the root (config.md, "Mounts"). */
const destination: Reader<string> = (value, field) => {
  const path = cleanPath(word(value, field));
  if (path === "/") throw new SpecError(field, "cannot be / itself");
  return path;
};

/** Options of the specification that minibox does not support. A file system knows none of them. */
const REFUSED_OPTION =
  /^(r(ro|rw|(no)?(suid|dev|exec|relatime|atime|strictatime|diratime|symfollow))|r?idmap|tmpcopyup|remount|(no)?iversion)$/;

function checkOptions({ type, options = [] }: Mount, field: string): void {
  const isBind = isBindMount(type, options);
  for (const [i, option] of options.entries()) {
    const place = `${field}.options[${i}]`;
    if (REFUSED_OPTION.test(option))
      throw new SpecError(place, `${show(option)} is not supported by minibox`);
    if (!isBind) continue;
    const { data, flags, attrSet, attrClear, propagation } = parseOptions([option]);
    if (data !== "") throw new SpecError(place, `${show(option)} is no option of a bind`);
    // sync and its kind belong to the whole file system, so mount_setattr(2) has no attribute for them
    if (flags && !attrSet && !attrClear && !propagation && option !== "bind" && option !== "rbind")
      throw new SpecError(place, `${show(option)} cannot be set on a bind`);
  }
}

const mount: Reader<Mount> = (value, field) => {
  const read = object<Mount>(
    { destination, type: optionalWord, source: optionalWord, options: list(text) },
    ["destination"],
    ["uidMappings", "gidMappings"],
  )(value, field);
  checkOptions(read, field);
  const isBind = isBindMount(read.type, read.options ?? []);
  if (isBind && read.source === undefined) throw new SpecError(`${field}.source`, "is required for a bind");
  if (!isBind && read.type === undefined)
    throw new SpecError(`${field}.type`, "is required for all mounts but binds");
  return read;
};

const fields = object<Spec>(
  {
    ociVersion,
    root: object<Root>({ path: word, readonly: bool }, ["path"]),
    process: readProcess,
    hostname,
    domainname: hostname,
    mounts: list(mount),
    annotations: strings,
    linux: readLinux,
  },
  ["ociVersion", "root", "process", "linux"],
  ["hooks", "solaris", "windows", "vm", "zos", "freebsd"],
);

/** Reads an OCI object of unknown form, as from JSON. @throws SpecError */
export function validate(value: unknown): Spec {
  const spec = fields(value, "");
  checkNamespaces(spec);
  checkSysctls(spec.linux);
  return spec;
}

/** Checks that what belongs to a namespace does not change the host's. */
function checkNamespaces({ hostname, domainname, linux }: Spec): void {
  if (!has(linux, "mount"))
    throw new SpecError("linux.namespaces", "needs one of type mount: the host's root must stay as it is");
  for (const [field, name] of [
    ["hostname", hostname],
    ["domainname", domainname],
  ] as const)
    if (name !== undefined && !has(linux, "uts"))
      throw new SpecError(field, "needs a uts namespace in linux.namespaces: the host's name stays");
  const { uidMappings, gidMappings } = linux;
  if (!uidMappings !== !gidMappings)
    throw new SpecError(
      uidMappings ? "linux.gidMappings" : "linux.uidMappings",
      "must be given too, or neither",
    );
  if (uidMappings && !has(linux, "user"))
    throw new SpecError("linux.uidMappings", "needs a user namespace in linux.namespaces");
}

const has = ({ namespaces }: Linux, wanted: string): boolean =>
  namespaces?.some(({ type }) => type === wanted) ?? false;

/** Sysctls of which each namespace has its own (namespaces(7)). Any other is the host's. */
const SYSCTLS: readonly [namespace: string, names: RegExp][] = [
  ["network", /^net\./],
  ["ipc", /^kernel\.(msgmax|msgmnb|msgmni|sem|shmall|shmmax|shmmni|shm_rmid_forced)$|^fs\.mqueue\./],
  ["uts", /^kernel\.domainname$/],
  ["user", /^user\./],
];

function checkSysctls(linux: Linux): void {
  for (const name of Object.keys(linux.sysctl ?? {})) {
    const field = `linux.sysctl[${literal(name)}]`;
    const [namespace] = SYSCTLS.find(([, names]) => names.test(name.replaceAll("/", "."))) ?? [];
    if (namespace === undefined) throw new SpecError(field, "is not the container's own, but the host's");
    if (!has(linux, namespace))
      throw new SpecError(field, `needs a ${namespace} namespace in linux.namespaces`);
  }
}
