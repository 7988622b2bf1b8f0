// Owns a new network namespace that the parent makes for a container. It takes 0.5 ms, more than any other namespace,
// and the parent has that time while the child's runtime starts.

import type { Spec } from "../spec/types.ts";
import { CLONE } from "../sys/constants.ts";
import { close, open } from "../sys/file.ts";
import { step } from "../sys/libc.ts";
import { loopbackUp, openToAllUsers, setns, trySetns, unshare } from "../sys/namespace.ts";

/** The last group that ping_group_range takes. */
const GROUP_MAX = 2 ** 31 - 1;

/** True where the spec asks for a new network namespace that our own user namespace owns. */
function wanted(spec: Spec): boolean {
  let isNew = false;
  for (const { type, path } of spec.linux.namespaces ?? []) {
    // the container's user namespace must own it, so a process in there has to make it
    if (type === "user") return false;
    if (type === "network") isNew = path === undefined;
  }
  return isNew;
}

/**
 * Makes the network namespace, with the loopback interface up, and returns its descriptor; this process stays in its own
 * one. Undefined where none is wanted, or the child has to make it. @throws SysError
 */
export function makeNetwork(spec: Spec): number | undefined {
  if (!wanted(spec)) return undefined;
  step("make a network namespace", "its only interface is the loopback one, which is down at first");
  const own = open("/proc/thread-self/ns/net", 0);
  // A process that does not own this network namespace could not come back to it. The child need not come back.
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
