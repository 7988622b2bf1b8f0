// Owns profiles as files hold them: OCI's own form, or that of moby and containers-common, whose rules depend on
// capabilities, architecture and kernel. Either becomes an OCI linux.seccomp.

import { SpecError } from "../errors.ts";
import { parse } from "../json.ts";
import { isObject, readList, readObject, readString, readStrings, show } from "../spec/check.ts";
import { readPolicy, readRule } from "../spec/seccomp.ts";
import type { Seccomp, SeccompArch, SeccompSyscall } from "../spec/types.ts";
import type { Machine } from "./abi.ts";
import { errnoByName } from "./errno-names.ts";

/** What a rule of a conditional profile is decided by. */
export interface Target {
  /** The container's bounding set, as CAP_ names. */
  caps: Iterable<string>;
  arch: Machine;
  /** uname's release, as in 6.1.0-18-amd64. */
  kernel: string;
}

export interface Filter {
  caps?: readonly string[];
  arches?: readonly string[];
  minKernel?: string;
}

export interface ConditionalSyscall extends SeccompSyscall {
  comment?: string;
  includes?: Filter;
  excludes?: Filter;
}

/** The form of moby's default.json and containers-common's seccomp.json. */
export interface ConditionalProfile extends Omit<Seccomp, "syscalls"> {
  archMap?: readonly { architecture: SeccompArch; subArchitectures?: readonly SeccompArch[] }[];
  syscalls?: readonly ConditionalSyscall[];
}

// In `arches` these profiles use Go's names of machines, and OCI's names everywhere else.
const GO_ARCH: Record<Machine, string> = { x86_64: "amd64", aarch64: "arm64" };

/** JSON with whole numbers of 64 bits. @throws SpecError */
export function parseProfile(text: string): unknown {
  try {
    return parse(text);
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    throw new SpecError("", `is not JSON: ${error.message.replace(/^JSON Parse error: /, "")}`);
  }
}

function readVersion(value: unknown, path: string): [number, number] {
  const match = /^(\d{1,6})\.(\d{1,6})(?:\D|$)/.exec(readString(value, path));
  if (match === null) throw new SpecError(path, `must be a kernel version such as "4.8", not ${show(value)}`);
  return [Number(match[1]), Number(match[2])];
}

interface ResolvedTarget {
  caps: Set<string>;
  arch: string;
  kernel: [number, number];
}

/** For each field of the filter whether the target meets it; undefined for a field that is absent. */
function readFilter(value: unknown, path: string, target: ResolvedTarget) {
  if (value === undefined || value === null) return {};
  const filter = readObject(value, path);
  const caps = readStrings(filter.caps, `${path}.caps`);
  const arches = readStrings(filter.arches, `${path}.arches`);
  const hasMinKernel = filter.minKernel !== undefined && filter.minKernel !== null && filter.minKernel !== "";
  const least = hasMinKernel ? readVersion(filter.minKernel, `${path}.minKernel`) : undefined;
  const [major, minor] = target.kernel;
  return {
    anyCap: caps.length > 0 ? caps.some((cap) => target.caps.has(cap)) : undefined,
    allCaps: caps.length > 0 ? caps.every((cap) => target.caps.has(cap)) : undefined,
    arch: arches.length > 0 ? arches.includes(target.arch) : undefined,
    kernel: least && (major > least[0] || (major === least[0] && minor >= least[1])),
  };
}

/** True where every condition of `includes` is met and none of `excludes`, which is moby's rule. */
function applies(call: Record<string, unknown>, path: string, target: ResolvedTarget): boolean {
  const includes = readFilter(call.includes, `${path}.includes`, target);
  const excludes = readFilter(call.excludes, `${path}.excludes`, target);
  if (excludes.anyCap || excludes.arch || excludes.kernel) return false;
  return includes.allCaps !== false && includes.arch !== false && includes.kernel !== false;
}

/** The errno of a rule. Profiles of containers-common may also name it, and then the name counts. */
function readErrno(name: unknown, number: unknown, path: string): unknown {
  if (name === undefined || name === null || name === "") return number;
  const errno = errnoByName(readString(name, path));
  if (errno === undefined) throw new SpecError(path, `unknown errno ${show(name)}`);
  return errno;
}

function resolveSyscall(value: unknown, path: string, target: ResolvedTarget): SeccompSyscall | undefined {
  const call = readObject(value, path);
  const { name, names, action, args } = call;
  const isNamed = name !== undefined && name !== null && name !== "";
  if (isNamed && readList(names, `${path}.names`).length > 0) {
    throw new SpecError(path, "must have name or names, not both");
  }
  const takesErrno = action === "SCMP_ACT_ERRNO" || action === "SCMP_ACT_TRACE";
  // Profiles of containers-common have names of errnos beside actions that take none, where they mean nothing.
  const errnoRet = takesErrno ? readErrno(call.errno, call.errnoRet, `${path}.errno`) : call.errnoRet;
  const syscall = { names: isNamed ? [name] : names, action, args: readList(args, `${path}.args`) };
  const whole = errnoRet === undefined || errnoRet === null ? syscall : { ...syscall, errnoRet };
  // A rule that does not apply is checked, too. Here its place in the file is known.
  readRule(whole, path);
  return applies(call, path, target) ? (whole as SeccompSyscall) : undefined;
}

function resolveArchitectures(profile: Record<string, unknown>, arch: Machine): string[] {
  const own = readStrings(profile.architectures, "architectures");
  const map = readList(profile.archMap, "archMap");
  if (own.length > 0 && map.length > 0) {
    throw new SpecError("archMap", "must not stand beside architectures");
  }
  for (const [i, item] of map.entries()) {
    const entry = readObject(item, `archMap[${i}]`);
    const name = readString(entry.architecture, `archMap[${i}].architecture`);
    const subs = readStrings(entry.subArchitectures, `archMap[${i}].subArchitectures`);
    if (name === `SCMP_ARCH_${arch.toUpperCase()}`) return [name, ...subs];
  }
  return own;
}

/** Whether the profile has fields that OCI's form does not know and that decide what applies. */
export function isConditional(profile: unknown): boolean {
  if (!isObject(profile)) return false;
  if (Array.isArray(profile.archMap) || typeof profile.defaultErrno === "string") return true;
  const calls = Array.isArray(profile.syscalls) ? profile.syscalls : [];
  return calls.some(
    (call) => isObject(call) && ["name", "includes", "excludes", "errno"].some((key) => key in call),
  );
}

/**
 * The OCI profile for one container. A plain OCI profile is checked and returned as it is. @throws SpecError, also for
 * an empty profile: moby takes it for "unconfined", which can be asked for by that word.
 */
export function resolveProfile(profile: unknown, target: Target): Seccomp {
  const source = readObject(profile, "");
  if (!isConditional(source)) {
    readPolicy(source);
    return source as unknown as Seccomp;
  }
  const resolved: ResolvedTarget = {
    caps: new Set(target.caps),
    arch: GO_ARCH[target.arch],
    kernel: readVersion(target.kernel, "kernel"),
  };
  const calls = readList(source.syscalls, "syscalls").map((call, i) =>
    resolveSyscall(call, `syscalls[${i}]`, resolved),
  );
  const { defaultAction, flags, listenerPath, listenerMetadata } = source;
  const defaultErrnoRet = readErrno(source.defaultErrno, source.defaultErrnoRet, "defaultErrno");
  const fields = { defaultAction, defaultErrnoRet, flags, listenerPath, listenerMetadata };
  const present = Object.entries(fields).filter(([, value]) => value !== undefined && value !== null);
  const seccomp = {
    ...Object.fromEntries(present),
    architectures: resolveArchitectures(source, target.arch),
    syscalls: calls.filter((call) => call !== undefined),
  };
  // The rules are checked already. What is left is whether there is a listener for those that notify.
  readPolicy({ ...seccomp, syscalls: seccomp.syscalls.filter((call) => call.action === "SCMP_ACT_NOTIFY") });
  return seccomp as unknown as Seccomp;
}
