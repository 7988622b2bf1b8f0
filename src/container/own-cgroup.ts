// Owns making a container's cgroup, or the refusal where it needs one and cannot have it.

import { needsCgroup } from "../cgroup/index.ts";
import type { NewCgroup } from "../cgroup/types.ts";
import { RunError } from "../errors.ts";
import type { Linux } from "../spec/types.ts";
import { umask } from "../sys/access.ts";
import { SysError } from "../sys/errno.ts";

export interface OwnCgroup {
  /** undefined where the container stays in its maker's */
  cgroup: NewCgroup | undefined;
  /** the cgroup lets no device be opened but harmless ones */
  limitsDevices: boolean;
}

/**
 * Makes the cgroup with its limits. Without permission to, a container that asked for no limit goes without one.
 * @throws SysError, RunError where a limit cannot be enforced
 */
export function makeCgroup(cgroup: NewCgroup | undefined, linux: Linux): OwnCgroup {
  const none = { cgroup: undefined, limitsDevices: false };
  if (!cgroup) return none;
  const { resources = {} } = linux;
  const before = umask(0o022); // every user of the container may read the cgroup's files
  try {
    cgroup.create();
    const limitsDevices = cgroup.limitDevices(resources.devices);
    cgroup.apply(resources);
    return { cgroup, limitsDevices };
  } catch (error) {
    if (needsCgroup(linux) || !(error instanceof SysError || error instanceof RunError)) throw error;
    return none;
  } finally {
    umask(before);
  }
}
