// Owns cgroups version 1: one hierarchy of directories for each controller (kernel documentation, admin-guide/cgroup-v1).

import { RunError } from "../errors.ts";
import type { Linux, Resources } from "../spec/types.ts";
import { rmdir } from "../sys/directory.ts";
import { SysError } from "../sys/errno.ts";
import { readFile, tryReadFile, writeFile } from "../sys/file.ts";
import { step } from "../sys/libc.ts";
import { checkCpuset } from "./cpuset.ts";
import { deviceList, limitDevicesV1 } from "./devices.ts";
import { parentOf, processesBelow, takeCgroup, tryWriteFile } from "./directory.ts";
import { freeze, isFrozen, thaw } from "./freezer.ts";
import { ALWAYS, type Hierarchies, OWN_CONTROLLERS, type View } from "./hierarchies.ts";
import { pathBelow } from "./place.ts";
import { killStopped, killUntilEmpty, removeCgroups } from "./remove.ts";
import { missing, type Setting, settingsV1, writeSetting } from "./settings.ts";
import type { NewCgroup, OomKills, V1Record } from "./types.ts";

/** The record of a new container's cgroup. @throws RunError for limits that version 1 does not have */
export function planV1({ v1 }: Hierarchies, id: string, { resources = {}, cgroupsPath }: Linux): V1Record {
  const { path } = pathBelow(id, cgroupsPath);
  const controllers: Record<string, string> = {};
  const directories: string[] = [];
  const add = (controller: string): void => {
    const mount = v1.get(controller);
    if (mount === undefined) return;
    const directory = `${mount}${path}`;
    controllers[controller] = directory;
    if (!directories.includes(directory)) directories.push(directory);
  };
  for (const controller of ALWAYS) add(controller);
  for (const { controller, optional } of settingsV1(resources)) if (!optional) add(controller);
  const required = directories.length;
  for (const controller of OWN_CONTROLLERS) add(controller);
  const record: V1Record = { version: 1, directories, controllers, required };
  return cgroupsPath === undefined ? record : { ...record, kept: [] };
}

function without(record: V1Record, refused: readonly string[]): V1Record {
  const controllers = Object.entries(record.controllers).filter(([, path]) => !refused.includes(path));
  const directories = record.directories.filter((path) => !refused.includes(path));
  return { ...record, directories, controllers: Object.fromEntries(controllers) };
}

export class V1Cgroup implements NewCgroup {
  constructor(
    public record: V1Record,
    readonly view: View | undefined = undefined,
  ) {}

  get required(): number {
    return this.record.required;
  }

  /**
   * `tasks` takes one thread, cgroup.procs a process. The thread that calls execve is all that is left of a process,
   * and moving just oneself needs no system-wide lock: that one waits 5 to 13 ms for an RCU grace period.
   */
  get joinFiles(): string[] {
    const files: string[] = [];
    for (const directory of this.record.directories) files.push(`${directory}/tasks`);
    return files;
  }

  create(): void {
    step("create the cgroup");
    const { directories, controllers, kept, required } = this.record;
    const taken: string[] = [];
    const refused: string[] = [];
    let made = 0;
    for (const directory of directories) {
      try {
        if (!takeCgroup(directory)) taken.push(directory);
        if (directory === controllers.cpuset) fillCpuset(directory);
      } catch (error) {
        if (made < required || !(error instanceof SysError)) throw error;
        // no limit needs this controller: the container stays in its caller's group there
        rmdir(directory);
        refused.push(directory);
      }
      made++;
    }
    if (kept && taken.length > 0) this.record = { ...this.record, kept: taken };
    if (refused.length > 0) this.record = without(this.record, refused);
  }

  apply(resources: Resources): void {
    for (const setting of settingsV1(resources)) this.set(setting);
    const { cpus, mems } = resources.cpu ?? {};
    const cpuset = this.record.controllers.cpuset;
    if (cpus !== undefined) checkCpuset("linux.resources.cpu.cpus", cpus, `${cpuset}/cpuset.effective_cpus`);
    if (mems !== undefined) checkCpuset("linux.resources.cpu.mems", mems, `${cpuset}/cpuset.effective_mems`);
  }

  private set(setting: Setting): void {
    const { controller, file, field, optional } = setting;
    const directory = this.record.controllers[controller];
    if (optional && tryReadFile(`${directory}/${file}`) === undefined) return;
    if (directory === undefined) throw missing(controller, field);
    writeSetting(directory, setting, () =>
      controller === "cpuset" ? cpusetHint(directory, file) : undefined,
    );
  }

  limitDevices(rules: Resources["devices"]): boolean {
    const directory = this.record.controllers.devices;
    return directory !== undefined && limitDevicesV1(directory, deviceList(rules));
  }

  add(pid: number): void {
    for (const [i, directory] of this.record.directories.entries()) {
      const file = `${directory}/cgroup.procs`;
      if (i < this.required) writeFile(file, String(pid));
      else tryWriteFile(file, String(pid));
    }
  }

  pids(): number[] {
    const [first] = this.record.directories;
    return first === undefined ? [] : processesBelow(first);
  }

  /** @throws RunError where the host has no freezer */
  private get freezer(): string {
    const { freezer } = this.record.controllers;
    if (freezer === undefined)
      throw new RunError("the container cannot be paused: this host has no cgroup controller freezer");
    return freezer;
  }

  freeze(): void {
    freeze(1, this.freezer);
  }

  thaw(): void {
    thaw(1, this.freezer);
  }

  isFrozen(): boolean {
    const { freezer } = this.record.controllers;
    return freezer !== undefined && isFrozen(1, freezer);
  }

  private readonly killAll = (waited: number): void => {
    const { directories, controllers } = this.record;
    killStopped(1, directories, controllers.freezer, waited);
  };

  kill(patience?: number): boolean {
    return killUntilEmpty(this.record.directories, this.killAll, patience);
  }

  /** In memory.oom_control, oom_kill counts who was killed; failcnt says how often a cgroup's own limit was in the way. */
  oomKills(): OomKills {
    const own = this.record.controllers.memory;
    const count = numberOf(`${own}/memory.oom_control`, /^oom_kill (\d+)$/m);
    if (own === undefined || count === 0) return { count, own: false };
    if (wasReached(own)) return { count, own: true };
    for (let at = parentOf(own); tryReadFile(`${at}/memory.failcnt`) !== undefined; at = parentOf(at))
      if (wasReached(at)) {
        const limit = readFile(`${at}/memory.limit_in_bytes`).trim();
        return { count, own: false, above: { path: at, limit } };
      }
    return { count, own: false };
  }

  remove(patience?: number): string[] {
    return removeCgroups(this.record, this.killAll, patience);
  }
}

const numberOf = (path: string, pattern = /(\d+)/): number =>
  Number(pattern.exec(tryReadFile(path) ?? "")?.[1] ?? 0);

/** Of memory and swap together newer kernels count no failures: there the most that was ever in use is the limit. */
function wasReached(directory: string): boolean {
  const both = (file: string): number => numberOf(`${directory}/memory.memsw.${file}`);
  if (numberOf(`${directory}/memory.failcnt`) + both("failcnt") > 0) return true;
  const limit = both("limit_in_bytes");
  return limit > 0 && both("max_usage_in_bytes") >= limit;
}

/**
 * A new cpuset has no CPUs and no memory nodes, and takes no process then. With cgroup.clone_children of the cpuset
 * above, once that has some, the next ones are born with them. Memory nodes come first, so that CPUs mean both.
 */
function fillCpuset(directory: string): void {
  if (readFile(`${directory}/cpuset.cpus`).trim() !== "") return;
  fill(directory);
  writeFile(`${parentOf(directory)}/cgroup.clone_children`, "1");
}

/** A cpuset can have what the one above has, so the way down to it is filled first. The top one has everything. */
function fill(directory: string): void {
  const above = parentOf(directory);
  if (tryReadFile(`${above}/cpuset.cpus`) === undefined) return;
  fill(above);
  for (const file of ["cpuset.mems", "cpuset.cpus"])
    if (readFile(`${directory}/${file}`).trim() === "")
      writeFile(`${directory}/${file}`, readFile(`${above}/${file}`).trim());
}

/** A cpuset can have nothing that the one above does not have. */
function cpusetHint(directory: string, file: string): string | undefined {
  const all = tryReadFile(`${parentOf(directory)}/${file}`)?.trim();
  return all && `the ${file} to choose from are ${all}`;
}
