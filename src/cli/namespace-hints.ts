// Owns finding out what forbids a namespace, or a call that a container needs: a sysctl, AppArmor, or the seccomp filter
// of a container that minibox runs in.

import { CLONE } from "../sys/constants.ts";
import { tryReadFile } from "../sys/file.ts";

type ReadFile = (path: string) => string | undefined;

/** The hint for a host whose settings forbid user namespaces to ordinary users; undefined where they do not. */
export function userNamespaceSetting(isRoot: boolean, readFile: ReadFile = tryReadFile): string | undefined {
  const is = (name: string, value: string): boolean =>
    readFile(`/proc/sys/${name.replaceAll(".", "/")}`)?.trim() === value;
  if (isRoot) return undefined;
  if (is("kernel.unprivileged_userns_clone", "0"))
    return "the sysctl kernel.unprivileged_userns_clone is 0: only root may make user namespaces (sysctl -w kernel.unprivileged_userns_clone=1 allows them to all), so run it as root";
  if (is("kernel.apparmor_restrict_unprivileged_userns", "1"))
    return "AppArmor lets only programs that have a profile use user namespaces (the sysctl kernel.apparmor_restrict_unprivileged_userns is 1): give minibox one with the rule `userns,` in /etc/apparmor.d, or run it as root";
  return undefined;
}

/** True where a seccomp filter is in force on this process, as in docker's and podman's containers (proc_pid_status(5)). */
export const isFiltered = (readFile: ReadFile = tryReadFile): boolean =>
  /^Seccomp:\s*2$/m.test(readFile("/proc/self/status") ?? "");

/** The options with which docker, podman and minibox make a container that minibox works in, in a user namespace of its own. */
export function containerOptions(readFile: ReadFile = tryReadFile): string {
  const profile = (
    readFile("/proc/self/attr/apparmor/current") ?? readFile("/proc/self/attr/current")
  )?.trim();
  const options = ["seccomp=unconfined", "systempaths=unconfined (podman: unmask=ALL)"];
  if (profile?.endsWith("(enforce)")) options.push("apparmor=unconfined");
  return options.map((option) => `--security-opt ${option}`).join(" ");
}

/** The hint for a call that a seccomp filter may have refused; undefined where no filter is in force on minibox. */
export const filterHint = (readFile: ReadFile = tryReadFile): string | undefined =>
  isFiltered(readFile)
    ? `the seccomp filter of a container around minibox may forbid it: start that one with ${containerOptions(readFile)}`
    : undefined;

/** What to do where unshare(2) is refused. */
export function namespaceHint(isRoot: boolean, readFile: ReadFile = tryReadFile): string {
  return (
    userNamespaceSetting(isRoot, readFile) ??
    filterHint(readFile) ??
    "a chroot around minibox or a security module forbids it: the kernel makes no user namespace in a chroot, so start minibox outside of it, or with CAP_SYS_ADMIN and CAP_NET_ADMIN"
  );
}

/** The sysctls of namespaces(7), each a number for one user. */
const KINDS: readonly [name: string, flag: number][] = [
  ["user", CLONE.CLONE_NEWUSER],
  ["pid", CLONE.CLONE_NEWPID],
  ["mnt", CLONE.CLONE_NEWNS],
  ["net", CLONE.CLONE_NEWNET],
  ["uts", CLONE.CLONE_NEWUTS],
  ["ipc", CLONE.CLONE_NEWIPC],
  ["cgroup", CLONE.CLONE_NEWCGROUP],
];

/** What to do where unshare(2) finds that there are as many namespaces of these kinds (CLONE_NEW…) as may be. */
export function namespaceLimit(flags: number, readFile: ReadFile = tryReadFile): string {
  const asked = KINDS.filter(([, flag]) => flags & flag).map(([name]) => `user.max_${name}_namespaces`);
  for (const name of asked)
    if (readFile(`/proc/sys/${name.replace(".", "/")}`)?.trim() === "0")
      return `the sysctl ${name} is 0: no such namespace may be made (sysctl -w ${name}=10000 allows them)`;
  return `there are as many namespaces as this user may have, or as deep: see the sysctls ${asked.join(", ")}, also those outside where this is a container`;
}
