// Owns the check that the host has the security module that a container asks for (AppArmor, SELinux).

import { RunError } from "../errors.ts";
import type { Spec } from "../spec/types.ts";
import { encode } from "../sys/bytes.ts";
import { O } from "../sys/constants.ts";
import { EINVAL } from "../sys/errno.ts";
import { tryOpen, tryReadFile, tryWrite, withFd } from "../sys/file.ts";
import { tryStat } from "../sys/stat.ts";

/** Checks that the host enforces the profile and the labels that the spec names. @throws RunError */
export function checkSecurityModules({ process: { apparmorProfile, selinuxLabel }, linux }: Spec): void {
  if (apparmorProfile) checkAppArmor(apparmorProfile);
  if (selinuxLabel || linux.mountLabel) checkSelinux([selinuxLabel, linux.mountLabel]);
}

const SELINUX = "/sys/fs/selinux";

/** Checks labels against the loaded policy. @throws RunError */
function checkSelinux(labels: readonly (string | undefined)[]): void {
  if (!tryStat(`${SELINUX}/enforce`))
    throw new RunError(
      "an SELinux label is asked for, but this host has no SELinux",
      125,
      "remove process.selinuxLabel, or boot a kernel with SELinux enabled",
    );
  // without a policy the kernel treats every label like its own, "kernel", and confines nothing
  if (tryReadFile("/proc/self/attr/current")?.replace("\0", "") === "kernel")
    throw new RunError(
      "an SELinux label is asked for, but no SELinux policy is loaded",
      125,
      "remove process.selinuxLabel, or load a policy with load_policy",
    );
  for (const label of labels)
    if (label !== undefined && !isKnown(label))
      throw new RunError(
        `the SELinux label ${label} is not known to the policy of this host`,
        125,
        "seinfo -t lists the types of a policy, and container-selinux is the one that knows containers",
      );
}

/**
 * Asks the kernel whether the policy knows a label: a write to selinuxfs's "context" fails with EINVAL where it does
 * not. Where minibox may not ask, the answer is true: the kernel then refuses a wrong label when the child sets it.
 */
function isKnown(label: string): boolean {
  const fd = tryOpen(`${SELINUX}/context`, O.O_RDWR);
  const bytes = encode(label);
  return fd < 0 || withFd(fd, () => tryWrite(fd, bytes) !== -EINVAL);
}

function checkAppArmor(profile: string): void {
  if (tryReadFile("/sys/module/apparmor/parameters/enabled")?.trim() !== "Y")
    throw new RunError(
      `the AppArmor profile ${profile} is asked for, but this host has no AppArmor`,
      125,
      "remove process.apparmorProfile, or boot a kernel with AppArmor enabled",
    );
  const profiles = tryReadFile("/sys/kernel/security/apparmor/profiles");
  if (profiles !== undefined && !`\n${profiles}`.includes(`\n${profile} (`))
    throw new RunError(
      `the AppArmor profile ${profile} is not loaded`,
      125,
      "aa-status lists those that are, apparmor_parser FILE loads one",
    );
}
