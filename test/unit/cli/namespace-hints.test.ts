// Which setting is named when a namespace is refused.

import { expect, test } from "bun:test";
import { namespaceHint, namespaceLimit, userNamespaceSetting } from "../../../src/cli/namespace-hints.ts";

/** A host with these sysctls. */
const host = (settings: Record<string, string>) => (path: string) => settings[path.replace("/proc/sys/", "")];

test.each([
  [{ "kernel/unprivileged_userns_clone": "0\n" }, "kernel.unprivileged_userns_clone is 0"],
  [
    { "kernel/apparmor_restrict_unprivileged_userns": "1\n" },
    "kernel.apparmor_restrict_unprivileged_userns is 1",
  ],
] as const)("%p", (settings, words) => {
  expect(userNamespaceSetting(false, host(settings))).toContain(words);
  expect(namespaceHint(false, host(settings))).toContain(words);
  // what keeps only others out is no reason for root
  expect(userNamespaceSetting(true, host(settings))).toBeUndefined();
  expect(namespaceHint(true, host(settings))).toContain("even root needs CAP_SYS_ADMIN");
});

test("a host that forbids nothing leaves a filter or a chroot around us", () => {
  expect(userNamespaceSetting(false, host({}))).toBeUndefined();
  expect(namespaceHint(false, host({}))).toContain("a seccomp filter or a chroot");
});

test("the kind of which there may be none is named", () => {
  const settings = { "user/max_user_namespaces": "1000\n", "user/max_net_namespaces": "0\n" };
  expect(namespaceLimit(host(settings))).toContain("user.max_net_namespaces is 0");
  expect(namespaceLimit(host({ "user/max_user_namespaces": "0\n" }))).toContain("max_user_namespaces is 0");
  expect(namespaceLimit(host({}))).toContain("as many namespaces as this user may have");
});
