// Owns the type of what is recorded of a container.

import type { CgroupRecord } from "../cgroup/types.ts";
import type { Spec } from "../spec/types.ts";
import type { Status } from "./status.ts";

/** Everything that is recorded of a container. Whatever has to be removed later is recorded before it is made. */
export interface State {
  id: string;
  /** the status when the file was written; statusOf() returns the status now */
  status: Exclude<Status, "paused" | "stopped">;
  /** a supervisor's container is removed when its supervisor ends; a caller's stays until the caller deletes it */
  owner: "supervisor" | "caller";
  /** the container's first process, in minibox's own pid namespace */
  pid: number;
  /** when that process started, in clock ticks after boot: a later process with the same pid has another start time */
  startTime: number;
  /** seconds since the epoch */
  created: number;
  /** the container's cgroup, removed with it; undefined where it has none of its own */
  cgroup?: CgroupRecord | undefined;
  bundle: string;
  /** without linux.seccomp */
  spec: Spec;
}
