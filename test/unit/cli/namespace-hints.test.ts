// Which setting is named when a namespace is refused.

import { expect, test } from "bun:test";
import { namespaceHint, userNamespaceSetting } from "../../../src/cli/namespace-hints.ts";

/** A host with these sysctls. */
const host = (settings: Record<string, string>) => (path: string) => settings[path.replace("/proc/sys/", "")];

test.each([
  [{ "user/max_user_namespaces": "0\n" }, true, "user.max_user_namespaces is 0"],
  [{ "user/max_user_namespaces": "0\n" }, false, "user.max_user_namespaces is 0"],
  [{ "kernel/unprivileged_userns_clone": "0\n" }, false, "kernel.unprivileged_userns_clone is 0"],
  [
    { "kernel/apparmor_restrict_unprivileged_userns": "1\n" },
    false,
    "kernel.apparmor_restrict_unprivileged_userns is 1",
  ],
] as const)("%p, root: %p", (settings, isRoot, words) => {
  expect(userNamespaceSetting(isRoot, host(settings))).toContain(words);
  expect(namespaceHint(isRoot, host(settings))).toContain(words);
});

test("what keeps only others out is no reason for root", () => {
  const settings = {
    "kernel/unprivileged_userns_clone": "0\n",
    "kernel/apparmor_restrict_unprivileged_userns": "1\n",
    "user/max_user_namespaces": "1000\n",
  };
  expect(userNamespaceSetting(true, host(settings))).toBeUndefined();
  expect(namespaceHint(true, host(settings))).toContain("even root needs CAP_SYS_ADMIN");
});

test("a host that forbids nothing leaves a filter or a chroot around us", () => {
  expect(userNamespaceSetting(false, host({}))).toBeUndefined();
  expect(namespaceHint(false, host({}))).toContain("a seccomp filter or a chroot");
  expect(namespaceHint(false, host({ "user/max_pid_namespaces": "0\n" }))).toContain("max_pid_namespaces");
});
