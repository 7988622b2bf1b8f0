// Owns reading a container's cgroup from the host, on cgroup version 1 and 2.

import { existsSync, readFileSync } from "node:fs";

/** "v2" where /sys/fs/cgroup is the single tree of version 2, else "v1". */
export const VERSION: "v1" | "v2" = existsSync("/sys/fs/cgroup/cgroup.controllers") ? "v2" : "v1";

/** The directory of a container's cgroup. On version 1 there is one for each controller. */
export const cgroupOf = (name: string, controller: string): string =>
  VERSION === "v2" ? `/sys/fs/cgroup/minibox/${name}` : `/sys/fs/cgroup/${controller}/minibox/${name}`;

/** The text of a file in a container's cgroup; `v1` and `v2` are the file's names on the two versions. */
export const cgroupFile = (name: string, controller: string, v1: string, v2: string): string =>
  readFileSync(`${cgroupOf(name, controller)}/${VERSION === "v2" ? v2 : v1}`, "utf8").trim();

const CONTROLLERS = ["memory", "cpu", "cpuacct", "cpuset", "pids", "devices", "freezer", "blkio"];

/** True while a container has a cgroup of any controller. */
export const hasCgroup = (name: string): boolean =>
  CONTROLLERS.some((controller) => existsSync(cgroupOf(name, controller)));

/** The number of one field in a file of "name value" lines, such as cpu.stat. */
export const statOf = (text: string, field: string): number =>
  Number(new RegExp(`^${field} (\\d+)$`, "m").exec(text)?.[1]);

/** True where this host has the controller. */
export const hasController = (controller: string): boolean =>
  VERSION === "v2"
    ? readFileSync("/sys/fs/cgroup/cgroup.controllers", "utf8").trim().split(" ").includes(controller)
    : existsSync(`/sys/fs/cgroup/${controller}/cgroup.procs`);
