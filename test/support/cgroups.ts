// Owns looking at a container's cgroup from the host, whichever version the host has.

import { existsSync, readFileSync } from "node:fs";

/** "v2" where the one tree of version 2 is what /sys/fs/cgroup is, else "v1". */
export const VERSION: "v1" | "v2" = existsSync("/sys/fs/cgroup/cgroup.controllers") ? "v2" : "v1";

/** A container's cgroup; version 1 has one for each controller. */
export const cgroupOf = (name: string, controller: string): string =>
  VERSION === "v2" ? `/sys/fs/cgroup/minibox/${name}` : `/sys/fs/cgroup/${controller}/minibox/${name}`;

/** What a file of a container's cgroup says; its name on version 1, and on version 2. */
export const cgroupFile = (name: string, controller: string, v1: string, v2: string): string =>
  readFileSync(`${cgroupOf(name, controller)}/${VERSION === "v2" ? v2 : v1}`, "utf8").trim();

const CONTROLLERS = ["memory", "cpu", "cpuacct", "cpuset", "pids", "devices", "freezer", "blkio"];

/** True while a container has a cgroup of any controller. */
export const hasCgroup = (name: string): boolean =>
  CONTROLLERS.some((controller) => existsSync(cgroupOf(name, controller)));

/** A number of a file of "name value" lines (cpu.stat). */
export const statOf = (text: string, field: string): number =>
  Number(new RegExp(`^${field} (\\d+)$`, "m").exec(text)?.[1]);

/** A controller that can be had here. */
export const hasController = (controller: string): boolean =>
  VERSION === "v2"
    ? readFileSync("/sys/fs/cgroup/cgroup.controllers", "utf8").trim().split(" ").includes(controller)
    : existsSync(`/sys/fs/cgroup/${controller}/cgroup.procs`);
