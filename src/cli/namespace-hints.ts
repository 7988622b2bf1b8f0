// Owns naming the setting that forbids a namespace: sysctls, AppArmor's restriction, or a container around us.

import { tryReadFile } from "../sys/file.ts";

type ReadFile = (path: string) => string | undefined;

/** A setting of the host that keeps an ordinary user out of user namespaces. */
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

/** What to do where unshare(2) is refused. */
export function namespaceHint(isRoot: boolean, readFile: ReadFile = tryReadFile): string {
  const setting = userNamespaceSetting(isRoot, readFile);
  if (setting) return setting;
  return isRoot
    ? "even root needs CAP_SYS_ADMIN for namespaces: inside a container, start that one with --privileged (or --cap-add SYS_ADMIN and no seccomp filter)"
    : "something forbids user namespaces to ordinary users: a seccomp filter or a chroot around us (are we in a container?), or a security module; run it as root";
}

/** The sysctls of namespaces(7), each a number for one user; of the kinds that a container has. */
const KINDS = ["user", "pid", "mnt", "net", "uts", "ipc", "cgroup"];

/** What to do where unshare(2) finds that there are as many namespaces as may be. */
export function namespaceLimit(readFile: ReadFile = tryReadFile): string {
  for (const kind of KINDS)
    if (readFile(`/proc/sys/user/max_${kind}_namespaces`)?.trim() === "0")
      return `the sysctl user.max_${kind}_namespaces is 0: no such namespace may be made (sysctl -w user.max_${kind}_namespaces=10000 allows them)`;
  return "there are as many namespaces as this user may have, or as deep: see the sysctls user.max_*_namespaces, also those outside where this is a container";
}
