// Owns what of the command line confines the container: capabilities, no_new_privs, seccomp, security modules.

import { checkSecurityModules } from "../container/security-modules.ts";
import { compiledFilter, defaultSeccomp } from "../seccomp/default-filter.ts";
import type { Given } from "../spec/from-flags.ts";
import { applySecurityFlags } from "../spec/security-flags.ts";
import type { Spec } from "../spec/types.ts";
import type { SeccompFilter } from "../sync.ts";
import { readNamedFile } from "./named-files.ts";

export type Compiler = typeof import("../seccomp/load-profile.ts");

/** The compiler is loaded for the runs that may need it, before the child is started. */
export function loadCompiler(given: Given): Promise<Compiler> | undefined {
  let seccomp: string | undefined;
  for (const option of given.many("security-opt")) if (option.startsWith("seccomp")) seccomp = option;
  const needed = seccomp === undefined ? given.many("cap-add").length > 0 : seccomp !== "seccomp=unconfined";
  return needed ? import("../seccomp/load-profile.ts") : undefined;
}

export interface Confinement {
  requiredCapabilities: readonly string[];
  seccomp: SeccompFilter | undefined;
}

/** Fills in the OCI object, and makes the filter. @throws UsageError, RunError, SysError */
export function confine(
  spec: Spec,
  given: Given,
  compiler: Compiler | undefined,
  warn: (message: string) => void,
): Confinement {
  let requiredCapabilities: readonly string[] = [];
  let profile: string | undefined;
  if (given.many("cap-add").length + given.many("cap-drop").length + given.many("security-opt").length > 0) {
    const { required, options } = applySecurityFlags(spec, given);
    requiredCapabilities = required;
    profile = options.seccomp;
    checkSecurityModules(spec);
  }
  return { requiredCapabilities, seccomp: filterFor(spec, profile, compiler, warn) };
}

function filterFor(
  spec: Spec,
  profile: string | undefined,
  compiler: Compiler | undefined,
  warn: (message: string) => void,
): SeccompFilter | undefined {
  if (profile === "unconfined") return undefined;
  const capabilities = spec.process.capabilities?.bounding ?? [];
  if (profile === undefined) spec.linux.seccomp = defaultSeccomp(capabilities);
  const ready = spec.linux.seccomp && compiledFilter(spec.linux.seccomp);
  if (ready) return ready;
  // never without the filter
  if (!compiler) throw new Error("a seccomp profile is to be compiled, and nothing was loaded for it");
  spec.linux.seccomp ??= compiler.seccompOfFile(
    profile!,
    readNamedFile(`--security-opt seccomp=${profile}`, profile!),
    capabilities,
  );
  return compiler.compileSeccomp(spec.linux.seccomp, profile ?? "the default seccomp profile", warn);
}
