// Owns what a process inherits without anybody having handed it over: keyring, personality, OOM score, and the label
// that a security module gives the command.

import type { ChildRequest, Labels } from "../sync.ts";
import { EACCES, ENOSYS, EPERM, isErrno, SysError } from "../sys/errno.ts";
import { writeFile } from "../sys/file.ts";
import { step } from "../sys/libc.ts";
import { tryJoinSessionKeyring, tryPersonality } from "../sys/process.ts";
import { readProc, writeProc } from "./paths.ts";

/** The caller's session keyring would let the container use the host's keys (keyrings(7)). @throws SysError */
export function leaveKeyring(): void {
  step("join a new session keyring", "the caller's may hold keys of the host's");
  const result = tryJoinSessionKeyring();
  // where we are not allowed to, nor is the container; ENOSYS: a kernel without keys
  if (result < 0 && result !== -EPERM && result !== -EACCES && result !== -ENOSYS)
    throw new SysError("keyctl", ["KEYCTL_JOIN_SESSION_KEYRING"], -result, "join a new session keyring");
}

/** The caller's (setarch(8)) could switch off address randomization, and outlives execve. */
export const resetPersonality = (): number => tryPersonality(0);

/** Tells the kernel's OOM killer how much it should spare the container (proc_pid_oom_score_adj(5)). @throws SysError */
export function setOomScore({ spec }: ChildRequest): void {
  const { oomScoreAdj } = spec.process;
  if (oomScoreAdj === undefined) return;
  step(
    `set oom_score_adj to ${oomScoreAdj}`,
    "a caller that is spared by the OOM killer spares no container",
  );
  try {
    writeFile("/proc/self/oom_score_adj", String(oomScoreAdj)); // the host's /proc: the container may have none
  } catch (error) {
    // Only CAP_SYS_RESOURCE may lower the score. A higher one than was asked for harms the container alone.
    if (!isErrno(error, EACCES)) throw error;
  }
}

const APPARMOR = "self/attr/apparmor/exec";
const SELINUX = "self/attr/exec";

/**
 * Asks the security module to confine what execve starts, as the spec names it. Where we pause to be looked at, returns
 * what the kernel has noted: AppArmor shows a process's to nobody but itself. @throws SysError
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
