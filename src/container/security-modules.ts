// Owns whether this host has the security module that a container asks for (AppArmor, SELinux).

import { RunError } from "../errors.ts";
import type { Spec } from "../spec/types.ts";
import { tryReadFile, tryStat } from "../sys/file.ts";

/** @throws RunError where a profile or label is named that nothing here would enforce */
export function checkSecurityModules({ process, linux }: Spec): void {
  if (process.apparmorProfile) checkAppArmor(process.apparmorProfile);
  if ((process.selinuxLabel || linux.mountLabel) && !tryStat("/sys/fs/selinux/enforce"))
    throw new RunError(
      "an SELinux label is asked for, but this host has no SELinux",
      125,
      "leave --security-opt label=… away, or boot a kernel with SELinux enabled",
    );
}

function checkAppArmor(profile: string): void {
  if (tryReadFile("/sys/module/apparmor/parameters/enabled")?.trim() !== "Y")
    throw new RunError(
      `the AppArmor profile ${profile} is asked for, but this host has no AppArmor`,
      125,
      "leave --security-opt apparmor=… away, or boot a kernel with AppArmor enabled",
    );
  const profiles = tryReadFile("/sys/kernel/security/apparmor/profiles");
  if (profiles !== undefined && !`\n${profiles}`.includes(`\n${profile} (`))
    throw new RunError(
      `the AppArmor profile ${profile} is not loaded`,
      125,
      "aa-status lists those that are, apparmor_parser FILE loads one",
    );
}
