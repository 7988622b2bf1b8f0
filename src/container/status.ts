// Owns the life of a container in the runtime specification's words (runtime.md, "State"), and which command may act at
// which point of it.

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

/** @throws RunError where the action means nothing to a container of this status; engines match the text for "stopped" */
export function checkStatus(action: Action, id: string, status: Status): void {
  const allowed: readonly Status[] = ALLOWED[action];
  if (allowed.includes(status)) return;
  if (status === "stopped") throw new RunError(`cannot ${action} ${id}: container not running`);
  throw new RunError(
    `cannot ${action} ${id}: the container is ${status}, and must be ${allowed.join(" or ")}`,
  );
}
