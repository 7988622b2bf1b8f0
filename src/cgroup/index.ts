// Owns finding out which control groups the host has (cgroups(7)): v1, v2, or both at once ("hybrid").

import type { Resources } from "../spec/types.ts";
import { readFile } from "../sys/file.ts";
import { V1Cgroup } from "./v1.ts";
import { V2Cgroup } from "./v2.ts";

/** One container's control group. Made and removed by the parent; the child only joins it. */
export interface Cgroup {
  /** directories, outermost first: recorded before they are made, so that anyone can remove them */
  readonly directories: readonly string[];
  readonly version: 1 | 2;
  /** Makes the directories. @throws SysError */
  create(): void;
  /** Puts limits in force. @throws SysError, RunError where one cannot be enforced */
  apply(resources: Resources): void;
  /** Holds the container to these devices, and always to those that hold no state of the host's; false where it cannot. */
  limitDevices(rules: Resources["devices"]): boolean;
  /** the files a process writes "0" into to join */
  readonly joinFiles: readonly string[];
  /** Makes joining faster, where there is a way; called while the child starts. */
  hasten?(): void;
  /** How many processes were killed for want of memory. */
  oomKills(): number;
}

/** Where the host's control groups are mounted. */
export interface Hierarchies {
  /** v1: controller → mount point */
  v1: Map<string, string>;
  v2: string | undefined;
}

/** Reads the mounted hierarchies from mountinfo (proc_pid_mountinfo(5)). Pure. */
export function parseHierarchies(mountinfo: string): Hierarchies {
  const found: Hierarchies = { v1: new Map(), v2: undefined };
  for (let at = mountinfo.indexOf(" - cgroup"); at >= 0; at = mountinfo.indexOf(" - cgroup", at + 1)) {
    // … ID PARENT MAJOR:MINOR ROOT MOUNTPOINT OPTIONS… - TYPE SOURCE SUPEROPTIONS
    const line = mountinfo.slice(mountinfo.lastIndexOf("\n", at) + 1, at);
    const [type, , options = ""] = mountinfo.slice(at + 3, mountinfo.indexOf("\n", at)).split(" ");
    const mountPoint = unescapeOctal(line.split(" ")[4]!);
    if (type === "cgroup2") found.v2 ??= mountPoint;
    else for (const option of options.split(",")) if (!found.v1.has(option)) found.v1.set(option, mountPoint);
  }
  return found;
}

/** mountinfo writes space, tab, newline and backslash as octal. */
const unescapeOctal = (text: string): string =>
  !text.includes("\\")
    ? text
    : text.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));

/** The control group of a new container; undefined where the host has none. */
export function openCgroup(id: string, resources: Resources): Cgroup | undefined {
  const { v1, v2 } = parseHierarchies(readFile("/proc/self/mountinfo"));
  // hybrid: with any controller on v1, the v2 mount beside it has none to offer
  if (v1.has("memory") || v1.has("pids") || v1.has("cpu")) return new V1Cgroup(v1, id, resources);
  return v2 === undefined ? undefined : new V2Cgroup(v2, id);
}
