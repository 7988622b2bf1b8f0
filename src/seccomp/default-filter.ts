// Owns what a start needs of the default profile: the object for the spec, and the filter that was compiled from it when
// minibox was built. Neither loads the compiler or its tables.

import type { Seccomp } from "../spec/types.ts";
import type { SeccompFilter } from "../sync.ts";
import type { Machine } from "./abi.ts";
import { FILTERS } from "./default-filter-data.ts";
import { defaultProfile, PROFILE_CAPABILITIES } from "./default-profile.ts";

export const MACHINE: Machine = process.arch === "arm64" ? "aarch64" : "x86_64";

/**
 * The default filter for a bounding set, as an array of struct sock_filter in base64; undefined where the set brings
 * calls that no precompiled filter has.
 */
export function defaultFilter(machine: Machine, capabilities: readonly string[]): string | undefined {
  let chroot = false;
  for (const name of capabilities)
    if (name === "CAP_SYS_CHROOT") chroot = true;
    else if (PROFILE_CAPABILITIES.includes(name)) return undefined;
  return FILTERS[chroot ? (`${machine}_chroot` as const) : machine];
}

/** For the objects that defaultSeccomp() has made, the filters that were compiled from them. */
const COMPILED = new WeakMap<Seccomp, SeccompFilter>();

/** The default profile for a bounding set on this machine. */
export function defaultSeccomp(capabilities: readonly string[]): Seccomp {
  const seccomp = defaultProfile(MACHINE, capabilities);
  const program = defaultFilter(MACHINE, capabilities);
  if (program !== undefined) COMPILED.set(seccomp, { program, flags: 0, listens: false });
  return seccomp;
}

export type Compiler = typeof import("./load-profile.ts");

/**
 * The filter of a profile: ready where defaultSeccomp() made that very object, else compiled by the compiler, which the
 * caller has imported (load-profile.ts). `what` names the profile in an error. @throws RunError
 */
export function filterFor(
  seccomp: Seccomp,
  what: string,
  compiler: Compiler | undefined,
  warn: (message: string) => void,
): SeccompFilter {
  const ready = COMPILED.get(seccomp);
  if (ready) return ready;
  // a container must never start without the filter of its profile
  if (!compiler) throw new Error("a seccomp profile is to be compiled, and nothing was loaded for it");
  return compiler.compileSeccomp(seccomp, what, warn);
}
