// Owns making a container's cgroup, and the refusal where the container needs one and none can be made.

import { needsCgroup } from "../cgroup/index.ts";
import type { NewCgroup } from "../cgroup/types.ts";
import { RunError } from "../errors.ts";
import type { Linux } from "../spec/types.ts";
import { SysError } from "../sys/errno.ts";

export interface OwnCgroup {
  /** undefined where the container stays in the cgroup of the process that made it */
  cgroup: NewCgroup | undefined;
  /** the cgroup lets only harmless devices be opened */
  limitsDevices: boolean;
}

/**
 * Makes the cgroup and sets its limits. Where that fails, a container that asked for no limit runs without a cgroup.
 * @throws SysError, RunError where a limit cannot be enforced
 */
export function makeOwnCgroup(cgroup: NewCgroup | undefined, linux: Linux): OwnCgroup {
  const none = { cgroup: undefined, limitsDevices: false };
  if (!cgroup) return none;
  const { resources = {} } = linux;
  try {
    cgroup.create();
    const limitsDevices = cgroup.limitDevices(resources.devices);
    cgroup.apply(resources);
    return { cgroup, limitsDevices };
  } catch (error) {
    if (needsCgroup(linux) || !(error instanceof SysError || error instanceof RunError)) throw error;
    return none;
  }
}
