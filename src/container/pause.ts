// Owns stopping all of a container and letting it go on, by the freezer of its cgroup.

import { openCgroup } from "../cgroup/index.ts";
import type { Cgroup } from "../cgroup/types.ts";
import { RunError } from "../errors.ts";
import { type State, statusOf } from "./state.ts";
import { checkStatus } from "./status.ts";

/** Returns when all processes are stopped. @throws RunError, SysError */
export function pauseContainer(state: State): void {
  checkStatus("pause", state.id, statusOf(state));
  cgroupOf(state).freeze();
}

/** @throws RunError, SysError */
export function resumeContainer(state: State): void {
  checkStatus("resume", state.id, statusOf(state));
  cgroupOf(state).thaw();
}

function cgroupOf({ id, cgroup }: State): Cgroup {
  if (!cgroup) throw new RunError(`the container ${id} has no cgroup, and only a cgroup can be paused`);
  return openCgroup(cgroup);
}
