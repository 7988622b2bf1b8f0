// Owns what a process inherits without anybody having handed it over: keyring, personality, OOM score, and the label
// that a security module gives the command.

import type { ChildRequest, Labels } from "../sync.ts";
import { EACCES, ENOSYS, EPERM, isErrno, SysError } from "../sys/errno.ts";
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

/** Makes the kernel's OOM killer see the container as it should. @throws SysError */
export function setOomScore(proc: number | undefined, { spec, oomScoreAdj }: ChildRequest): void {
  const isAskedFor = spec.process.oomScoreAdj !== undefined;
  if (oomScoreAdj === undefined || (proc === undefined && !isAskedFor)) return;
  step(
    `set oom_score_adj to ${oomScoreAdj}`,
    "a caller that is spared by the OOM killer spares no container",
  );
  try {
    writeProc(proc, "self/oom_score_adj", String(oomScoreAdj));
  } catch (error) {
    // lowering it takes CAP_SYS_RESOURCE: a caller's that is high harms only ourselves
    if (isAskedFor || !isErrno(error, EACCES)) throw error;
  }
}

const APPARMOR = "self/attr/apparmor/exec";
const SELINUX = "self/attr/exec";

/**
 * Asks the security module to confine what execve starts, as the spec names it. Where we pause to be looked at, returns
 * what the kernel has noted: AppArmor shows a process's to nobody but itself. @throws SysError
 */
export function labelCommand(proc: number | undefined, { spec, pause }: ChildRequest): Labels {
  const { apparmorProfile, selinuxLabel } = spec.process;
  const noted: Labels = {};
  if (apparmorProfile) {
    step(`set the AppArmor profile ${apparmorProfile}`, "in force from execve on");
    writeProc(proc, APPARMOR, `exec ${apparmorProfile}`);
    if (pause) noted.apparmorProfile = readProc(proc, APPARMOR);
  }
  if (selinuxLabel) {
    step(`set the SELinux label ${selinuxLabel}`, "in force from execve on");
    writeProc(proc, SELINUX, selinuxLabel);
    if (pause) noted.selinuxLabel = readProc(proc, SELINUX);
  }
  return noted;
}
