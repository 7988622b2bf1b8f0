// Owns knowing a container's first process again. The state says which it is, and may be forged: then its pid and start are
// those of any process of the user's. So the kernel is asked whether the process is in a container at all.

import { openCgroup } from "../cgroup/index.ts";
import { isBelowOurPidNamespace, isRunning } from "../sys/process.ts";
import { isSame, tryStat } from "../sys/stat.ts";
import type { State } from "./types.ts";

type Recorded = Pick<State, "pid" | "startTime" | "cgroup">;

/** True while the recorded process runs, and is in a container. */
export const isAlive = (state: Recorded): boolean =>
  isRunning(state.pid, state.startTime) && isContained(state);

/**
 * A container that shares our pid namespace has a root of its own; one that has neither, on the host's whole /, is known by
 * its cgroup.
 */
const isContained = ({ pid, cgroup }: Recorded): boolean =>
  isBelowOurPidNamespace(pid) || hasOtherRoot(pid) || openCgroup(cgroup)?.pids().includes(pid) === true;

function hasOtherRoot(pid: number): boolean {
  const root = tryStat(`/proc/${pid}/root`);
  return root !== undefined && !isSame(root, tryStat("/"));
}
