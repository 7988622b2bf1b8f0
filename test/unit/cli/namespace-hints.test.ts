// Which setting is named when a namespace is refused.

import { expect, test } from "bun:test";
import {
  isFiltered,
  namespaceHint,
  namespaceLimit,
  userNamespaceSetting,
} from "../../../src/cli/namespace-hints.ts";
import { CLONE } from "../../../src/sys/constants.ts";

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
  expect(namespaceHint(true, host(settings))).toContain("a chroot around minibox");
});

test("a host that forbids nothing leaves a chroot around us, or a module", () => {
  expect(userNamespaceSetting(false, host({}))).toBeUndefined();
  expect(namespaceHint(false, host({}))).toContain("a chroot around minibox or a security module");
});

test("a seccomp filter around us is told from none, and AppArmor's profile is named where there is one", () => {
  const filtered = { "/proc/self/status": "Name:\tx\nSeccomp:\t2\nSeccomp_filters:\t1\n" };
  expect(isFiltered(host(filtered))).toBe(true);
  expect(isFiltered(host({ "/proc/self/status": "Seccomp:\t0\nSeccomp_filters:\t2\n" }))).toBe(false);
  expect(namespaceHint(true, host(filtered))).toEndWith(
    "--security-opt seccomp=unconfined --security-opt systempaths=unconfined (podman: unmask=ALL)",
  );
  expect(
    namespaceHint(true, host({ ...filtered, "/proc/self/attr/current": "docker-default (enforce)\n" })),
  ).toEndWith(" --security-opt apparmor=unconfined");
});

test("the kind of which there may be none is named, of those that were asked for", () => {
  const settings = { "user/max_user_namespaces": "0\n", "user/max_net_namespaces": "0\n" };
  const { CLONE_NEWNET, CLONE_NEWUSER, CLONE_NEWPID } = CLONE;
  expect(namespaceLimit(CLONE_NEWNET, host(settings))).toContain("user.max_net_namespaces is 0");
  expect(namespaceLimit(CLONE_NEWUSER, host(settings))).toContain("user.max_user_namespaces is 0");
  expect(namespaceLimit(CLONE_NEWPID, host(settings))).toContain("the sysctls user.max_pid_namespaces, also");
});
