// Owns a container's limits: its cgroup made and asked, or the refusal where there is none.

import type { View } from "../cgroup/hierarchies.ts";
import { callersView, needsCgroup } from "../cgroup/index.ts";
import type { NewCgroup, OomKills } from "../cgroup/types.ts";
import { RunError } from "../errors.ts";
import type { Linux } from "../spec/types.ts";
import { umask } from "../sys/access.ts";
import { SysError } from "../sys/errno.ts";

export interface Limits {
  directories: readonly string[];
  joinFiles: readonly string[];
  /** how many of these, from the first, must let the container in */
  required: number;
  /** no device but harmless ones can be opened */
  devices: boolean;
  /** what the container sees of control groups; undefined where the host has none */
  view: View | undefined;
  oomKills(): OomKills;
  /** the processes inside, as the host counts */
  processes(): number[];
  /** makes joining faster, where there is a way */
  hasten(): void;
}

const withoutCgroup = (): Limits => ({
  directories: [],
  joinFiles: [],
  required: 0,
  devices: false,
  view: callersView(),
  oomKills: () => ({ count: 0, own: false }),
  processes: () => [],
  hasten: () => {},
});

/**
 * Makes the cgroup. Without permission to, a container that asked for no limit runs without one.
 * @throws SysError, RunError where a limit cannot be enforced
 */
export function openLimits(cgroup: NewCgroup | undefined, linux: Linux): Limits {
  if (!cgroup) return withoutCgroup();
  const { resources = {} } = linux;
  let devices: boolean;
  const before = umask(0o022); // every user of the container may read the cgroup's files
  try {
    cgroup.create();
    devices = cgroup.limitDevices(resources.devices);
    cgroup.apply(resources);
  } catch (error) {
    if (needsCgroup(linux) || !(error instanceof SysError || error instanceof RunError)) throw error;
    return withoutCgroup();
  } finally {
    umask(before);
  }
  return {
    directories: cgroup.record.directories,
    joinFiles: cgroup.joinFiles,
    required: cgroup.required,
    devices,
    view: cgroup.view,
    oomKills: () => cgroup.oomKills(),
    processes: () => cgroup.pids(),
    hasten: () => cgroup.hasten?.(),
  };
}
