// Owns making a seccomp filter of a profile. The compiler and its tables are large: only a run that needs them loads
// this file.

import { RunError, SpecError } from "../errors.ts";
import type { Seccomp } from "../spec/types.ts";
import type { SeccompFilter } from "../sync.ts";
import { readFile } from "../sys/file.ts";
import { SECCOMP_FILTER_FLAG_NEW_LISTENER } from "../sys/seccomp.ts";
import { compile } from "./compile.ts";
import { MACHINE } from "./default-filter.ts";
import { parseProfile, resolveProfile } from "./profile.ts";

/** The profile of a file, in OCI's form; `what` names the file in an error. @throws RunError with the field, too */
export function seccompOfFile(what: string, text: string, capabilities: readonly string[]): Seccomp {
  return naming(what, () => resolve(parseProfile(text), capabilities));
}

const resolve = (profile: unknown, caps: readonly string[]): Seccomp =>
  resolveProfile(profile, { caps, arch: MACHINE, kernel: readFile("/proc/sys/kernel/osrelease").trim() });

/** minibox itself makes these calls after the filter is in force. A listener that is asked for them is not known yet. */
const NEVER_NOTIFY = ["sendmsg", "write"];

/**
 * Compiles OCI's linux.seccomp. `what` names the profile in an error, and in a warning of names that are no calls.
 * @throws RunError
 */
export function compileSeccomp(
  seccomp: Seccomp,
  what: string,
  warn: (message: string) => void,
): SeccompFilter {
  const { program, flags, unknownSyscalls } = naming(what, () => compile(seccomp, MACHINE));
  if (unknownSyscalls.length > 0)
    warn(
      `${what}: no kernel that minibox knows has these calls, their rules are ignored: ${unknownSyscalls.join(", ")}`,
    );
  const listens = (flags & SECCOMP_FILTER_FLAG_NEW_LISTENER) !== 0;
  if (listens && !seccomp.listenerPath)
    throw new RunError(
      `${what}: SCMP_ACT_NOTIFY needs a listenerPath, the Unix socket that the notices go to`,
    );
  for (const { action, names } of seccomp.syscalls ?? [])
    for (const name of names)
      if (action === "SCMP_ACT_NOTIFY" && NEVER_NOTIFY.includes(name))
        throw new RunError(`${what}: SCMP_ACT_NOTIFY cannot be used for ${name}: minibox itself needs it`);
  return { program: program.toBase64(), flags, listens };
}

function naming<T>(what: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof SpecError) throw new RunError(`${what}: ${error.message}`);
    throw error;
  }
}
