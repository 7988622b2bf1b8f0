// Owns attributes that every process inherits and that are easily overlooked: keyring, personality, OOM score, and the
// label of a security module.

import type { ChildRequest, Labels } from "../sync.ts";
import { EACCES, ENOSYS, EPERM, isErrno, SysError } from "../sys/errno.ts";
import { writeFile } from "../sys/file.ts";
import { step } from "../sys/libc.ts";
import { tryJoinSessionKeyring, tryPersonality } from "../sys/process.ts";
import { readProc, writeProc } from "./paths.ts";

/**
 * Joins a new session keyring: through the caller's the container could use the caller's keys (keyrings(7)).
 * @throws SysError
 */
export function leaveKeyring(): void {
  step("join a new session keyring", "the caller's may hold keys that the container must not use");
  const result = tryJoinSessionKeyring();
  // EPERM, EACCES: the container will not be allowed to use keys either; ENOSYS: the kernel has none
  if (result < 0 && result !== -EPERM && result !== -EACCES && result !== -ENOSYS)
    throw new SysError("keyctl", ["KEYCTL_JOIN_SESSION_KEYRING"], -result, "join a new session keyring");
}

/**
 * Resets the personality(2). It stays over execve, and the caller's (setarch(8)) may switch address randomization off.
 */
export function resetPersonality(): number {
  return tryPersonality(0);
}

/** Writes a score for the kernel's OOM killer (proc_pid_oom_score_adj(5)). @throws SysError */
export function setOomScore(score: number): void {
  step(`set oom_score_adj to ${score}`, "without this the container would inherit the caller's value");
  try {
    writeFile("/proc/self/oom_score_adj", String(score)); // in the host's /proc: the container may not have one
  } catch (error) {
    // Lowering the score takes CAP_SYS_RESOURCE. A score higher than asked for harms nobody but the container.
    if (!isErrno(error, EACCES)) throw error;
  }
}

const APPARMOR = "self/attr/apparmor/exec";
const SELINUX = "self/attr/exec";

/**
 * Asks AppArmor and SELinux to confine what execve starts by the spec's profile and label. For a held container it
 * returns what the kernel has noted: AppArmor shows that to no process but this one. @throws SysError
 */
export function labelCommand(proc: number | undefined, { spec, host }: ChildRequest): Labels {
  const { apparmorProfile, selinuxLabel } = spec.process;
  const noted: Labels = {};
  if (apparmorProfile) {
    step(`set the AppArmor profile ${apparmorProfile}`, "in force from execve on");
    writeProc(proc, APPARMOR, `exec ${apparmorProfile}`);
    if (host.hold) noted.apparmorProfile = readProc(proc, APPARMOR);
  }
  if (selinuxLabel) {
    step(`set the SELinux label ${selinuxLabel}`, "in force from execve on");
    writeProc(proc, SELINUX, selinuxLabel);
    if (host.hold) noted.selinuxLabel = readProc(proc, SELINUX);
  }
  return noted;
}
