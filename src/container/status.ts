// Owns the states that a container can be in, by the runtime specification's names (runtime.md, "State"), and which
// command is allowed in which state.

import { RunError } from "../errors.ts";

export type Status = "creating" | "created" | "running" | "paused" | "stopped";

const ALLOWED = {
  start: ["created"],
  exec: ["running"],
  kill: ["created", "running", "paused"],
  pause: ["running"],
  resume: ["paused"],
  delete: ["created", "stopped"],
} as const satisfies Record<string, readonly Status[]>;

export type Action = keyof typeof ALLOWED;

/**
 * Checks that a command is allowed for a container of this status. @throws RunError where it is not; container engines
 * look for the text "container not running" in the error for a stopped one.
 */
export function checkStatus(action: Action, id: string, status: Status): void {
  const allowed: readonly Status[] = ALLOWED[action];
  if (allowed.includes(status)) return;
  if (status === "stopped") throw new RunError(`cannot ${action} ${id}: container not running`);
  throw new RunError(
    `cannot ${action} ${id}: the container is ${status}, and must be ${allowed.join(" or ")}`,
  );
}
