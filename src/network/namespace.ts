// Owns the network namespace that the parent makes for a container. Making one takes 0.5 ms, longer than any other
// namespace, so the parent does it while the child's runtime starts.

import type { Spec } from "../spec/types.ts";
import { CLONE } from "../sys/constants.ts";
import { close, open } from "../sys/file.ts";
import { step } from "../sys/libc.ts";
import { loopbackUp, openToAllUsers, setns, trySetns, unshare } from "../sys/namespace.ts";

/** The last group that ping_group_range takes. */
const GROUP_MAX = 2 ** 31 - 1;

/** True where the spec asks for a new network namespace that minibox's own user namespace is to own. */
function wanted(spec: Spec): boolean {
  let isNew = false;
  for (const { type, path } of spec.linux.namespaces ?? []) {
    // the container's user namespace must own it, so a process in that user namespace has to make it: the child
    if (type === "user") return false;
    if (type === "network") isNew = path === undefined;
  }
  return isNew;
}

/**
 * Makes the network namespace, brings up its loopback interface, and returns its descriptor. This process returns to
 * its own network namespace. Undefined where the spec wants none, or the child has to make it. @throws SysError
 */
export function makeNetwork(spec: Spec): number | undefined {
  if (!wanted(spec)) return undefined;
  step("make a network namespace", "its only interface is the loopback one, which is down at first");
  const own = open("/proc/thread-self/ns/net", 0);
  // Where this process has no CAP_SYS_ADMIN over its own network namespace, it could not return to it. The child makes
  // the namespace then: it need not return.
  if (trySetns(own, CLONE.CLONE_NEWNET) < 0) {
    close(own);
    return undefined;
  }
  try {
    unshare(CLONE.CLONE_NEWNET);
    loopbackUp();
    openToAllUsers(GROUP_MAX);
    return open("/proc/thread-self/ns/net", 0);
  } finally {
    setns(own, CLONE.CLONE_NEWNET);
    close(own);
  }
}
