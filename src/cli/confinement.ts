// Owns the seccomp profile and filter of a run: the profile that --security-opt names, and which code has to be loaded
// for it.

import { type Compiler, defaultSeccomp } from "../seccomp/default-filter.ts";
import type { Given } from "../spec/from-flags/given.ts";
import type { Seccomp } from "../spec/types.ts";
import { readNamedFile } from "./named-files.ts";

/** The compiler is loaded for the runs that may need it, before the child is started. */
export function loadCompiler(given: Given): Promise<Compiler> | undefined {
  const seccomp = seccompOption(given);
  const needed = seccomp === undefined ? given.many("cap-add").length > 0 : seccomp !== "seccomp=unconfined";
  return needed ? import("../seccomp/load-profile.ts") : undefined;
}

/** The profile for a bounding set: that of a file, or the default one. @throws RunError, SysError */
export function seccompFor(
  profile: string | undefined,
  capabilities: readonly string[],
  compiler: Compiler | undefined,
): Seccomp {
  if (profile === undefined) return defaultSeccomp(capabilities);
  if (!compiler) throw new Error("a seccomp profile is to be read, and nothing was loaded for it");
  const what = nameOfFile(profile);
  return compiler.seccompOfFile(what, readNamedFile(what, profile), capabilities);
}

/** What an error of compiling says of the profile. */
export function profileName(given: Given): string {
  const profile = seccompOption(given)?.slice("seccomp=".length);
  return profile === undefined || profile === "builtin" ? "the default seccomp profile" : nameOfFile(profile);
}

/** The last of these options counts. */
function seccompOption(given: Given): string | undefined {
  let last: string | undefined;
  for (const option of given.many("security-opt"))
    if (option.startsWith("seccomp=") || option.startsWith("seccomp:")) last = option;
  return last;
}

const nameOfFile = (path: string): string => `--security-opt seccomp=${path}`;
