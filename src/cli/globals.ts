// Owns what the options before the command do: where states are kept, and where errors are logged.

import { useStateRoot } from "../container/state-root.ts";
import { RunError, UsageError } from "../errors.ts";
import { parseChoice } from "../spec/from-flags/values.ts";
import { O } from "../sys/constants.ts";
import { open } from "../sys/file.ts";
import { workingDirectory } from "./caller.ts";
import { naming } from "./named-files.ts";

/** What was given for each global option; the last one counts. */
export type Globals = ReadonlyMap<string, readonly string[]>;

/** A file that errors are appended to. */
export interface Log {
  fd: number;
  format: "text" | "json";
}

/** Opens the file of --log, made where missing: engines look for it also when nothing went wrong. @throws UsageError, RunError */
export function openLog(globals: Globals): Log | undefined {
  const format = parseChoice("--log-format", globals.get("log-format")?.[0] ?? "text", ["text", "json"]);
  const path = globals.get("log")?.[0];
  if (path === undefined) return undefined;
  const flags = O.O_WRONLY | O.O_APPEND | O.O_CREAT;
  return { fd: naming(`--log: ${path}`, () => open(path, flags, 0o644)), format };
}

/** Puts the options into force. @throws UsageError */
export function applyGlobals(globals: Globals): void {
  const root = globals.get("root")?.[0];
  if (root !== undefined) useStateRoot(absoluteRoot(root));
}

/** The state directory of a container is told to processes that start elsewhere, and so is absolute. */
function absoluteRoot(path: string): string {
  let trimmed = path;
  while (trimmed.endsWith("/")) trimmed = trimmed.slice(0, -1);
  if (trimmed === "") throw new UsageError(`--root: "${path}" must be a directory below /`);
  if (trimmed.startsWith("/")) return trimmed;
  const cwd = workingDirectory();
  if (cwd === "")
    throw new UsageError(`--root: "${path}" is relative, and the working directory was deleted`);
  return `${cwd === "/" ? "" : cwd}/${trimmed}`;
}

/** Refuses to make a container in a way that an option asks for and minibox does not have. @throws RunError */
export function refuseSystemdCgroup(globals: Globals): void {
  if (globals.get("systemd-cgroup")?.[0] === "true")
    throw new RunError("--systemd-cgroup: minibox does not make cgroups through systemd yet");
}
