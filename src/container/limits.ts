// Owns a container's limits as `run` knows them: its cgroup made, asked and removed, or the refusal where there is none.

import type { View } from "../cgroup/hierarchies.ts";
import { type Cgroup, callersView, needsCgroup, type OomKills } from "../cgroup/index.ts";
import { processesIn, removeCgroups } from "../cgroup/remove.ts";
import { RunError } from "../errors.ts";
import type { Linux } from "../spec/types.ts";
import { SysError } from "../sys/errno.ts";
import { attempt } from "../sys/libc.ts";

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

/** Makes the cgroup; without permission to, a container that asked for no limit runs without one. */
export function openLimits(
  cgroup: Cgroup | undefined,
  linux: Linux,
  warn: (message: string) => void,
  undo: { push(step: () => void): void },
): Limits {
  if (!cgroup) return withoutCgroup();
  const { resources = {} } = linux;
  undo.push(() => {
    for (const path of removeCgroups(cgroup.directories)) warn(`the cgroup ${path} could not be removed`);
    cgroup.leave?.();
  });
  let devices: boolean;
  // every user of the container may read them
  const umask = attempt("umask", 0o022);
  try {
    cgroup.create();
    devices = cgroup.limitDevices(resources.devices);
    cgroup.apply(resources);
  } catch (error) {
    if (needsCgroup(linux) || !(error instanceof SysError || error instanceof RunError)) throw error;
    return withoutCgroup();
  } finally {
    attempt("umask", umask);
  }
  return {
    directories: cgroup.directories,
    joinFiles: cgroup.joinFiles,
    required: cgroup.required,
    devices,
    view: cgroup.view,
    oomKills: () => cgroup.oomKills(),
    processes: () => processesIn(cgroup.directories[0]),
    hasten: () => cgroup.hasten?.(),
  };
}
