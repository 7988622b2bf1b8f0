// Owns whether this host has the security module that a container asks for (AppArmor, SELinux).

import { RunError } from "../errors.ts";
import type { Spec } from "../spec/types.ts";
import { encode } from "../sys/bytes.ts";
import { O } from "../sys/constants.ts";
import { EINVAL } from "../sys/errno.ts";
import { tryOpen, tryReadFile, tryStat, tryWrite, withFd } from "../sys/file.ts";

/** @throws RunError where a profile or label is named that nothing here would enforce */
export function checkSecurityModules({ process: { apparmorProfile, selinuxLabel }, linux }: Spec): void {
  if (apparmorProfile) checkAppArmor(apparmorProfile);
  if (selinuxLabel || linux.mountLabel) checkSelinux([selinuxLabel, linux.mountLabel]);
}

const SELINUX = "/sys/fs/selinux";

/** The kernel itself says whether it knows a label. */
function checkSelinux(labels: readonly (string | undefined)[]): void {
  if (!tryStat(`${SELINUX}/enforce`))
    throw new RunError(
      "an SELinux label is asked for, but this host has no SELinux",
      125,
      "leave process.selinuxLabel away, or boot a kernel with SELinux enabled",
    );
  // it would take any label for that of the kernel, and confine nothing
  if (tryReadFile("/proc/self/attr/current")?.replace("\0", "") === "kernel")
    throw new RunError(
      "an SELinux label is asked for, but no SELinux policy is loaded",
      125,
      "leave process.selinuxLabel away, or load a policy: load_policy, and a distribution's own at boot",
    );
  for (const label of labels)
    if (label !== undefined && !isKnown(label))
      throw new RunError(
        `the SELinux label ${label} is not known to the policy of this host`,
        125,
        "seinfo -t lists the types of a policy, and container-selinux is the one that knows containers",
      );
}

/** What hinders us from asking is no answer: the label is set all the same, and then it counts. */
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
      "leave process.apparmorProfile away, or boot a kernel with AppArmor enabled",
    );
  const profiles = tryReadFile("/sys/kernel/security/apparmor/profiles");
  if (profiles !== undefined && !`\n${profiles}`.includes(`\n${profile} (`))
    throw new RunError(
      `the AppArmor profile ${profile} is not loaded`,
      125,
      "aa-status lists those that are, apparmor_parser FILE loads one",
    );
}
