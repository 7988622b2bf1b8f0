// Owns the network namespace of a container whose parent may make it: while the child's runtime starts, the parent
// has time, and a network namespace is the dearest one (0.5 ms).

import type { Spec } from "../spec/types.ts";
import { CLONE } from "../sys/constants.ts";
import { close, open } from "../sys/file.ts";
import { step } from "../sys/libc.ts";
import { loopbackUp, openToAllUsers, setns, trySetns, unshare } from "../sys/namespace.ts";

/** The last group that ping_group_range takes. */
const GROUP_MAX = 2 ** 31 - 1;

/** True where the spec wants a new one, owned by our own user namespace. */
function wanted(spec: Spec): boolean {
  let isNew = false;
  for (const { type, path } of spec.linux.namespaces ?? []) {
    // that one must own it, and only its own process can see to that
    if (type === "user") return false;
    if (type === "network") isNew = path === undefined;
  }
  return isNew;
}

/** Makes the network namespace with loopback up and returns its descriptor; this process stays in its own. Undefined where that is the child's to do. @throws SysError */
export function makeNetwork(spec: Spec): number | undefined {
  if (!wanted(spec)) return undefined;
  step("make a network namespace", "its only interface is the loopback one, which is down at first");
  const own = open("/proc/thread-self/ns/net", 0);
  // in a user namespace that does not own this network there is no way back: then the child makes its own
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
