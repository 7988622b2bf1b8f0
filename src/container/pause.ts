// Owns pausing and resuming all processes of a container, by the freezer of its cgroup (cgroups(7)).

import { openCgroup } from "../cgroup/index.ts";
import type { Cgroup } from "../cgroup/types.ts";
import { RunError } from "../errors.ts";
import { type State, statusOf } from "./state.ts";
import { checkStatus } from "./status.ts";

/** Stops every process of the container and returns when all are stopped. @throws RunError, SysError */
export function pauseContainer(state: State): void {
  checkStatus("pause", state.id, statusOf(state));
  cgroupOf(state).freeze();
}

/** Lets the processes of a paused container go on. @throws RunError, SysError */
export function resumeContainer(state: State): void {
  checkStatus("resume", state.id, statusOf(state));
  cgroupOf(state).thaw();
}

function cgroupOf({ id, cgroup }: State): Cgroup {
  const own = openCgroup(cgroup);
  if (!own) throw new RunError(`the container ${id} has no cgroup, and only a cgroup can be paused`);
  return own;
}
