// Owns control groups version 1: one hierarchy of directories for each controller
// (kernel documentation, admin-guide/cgroup-v1).

import { RunError } from "../errors.ts";
import type { Linux, Resources } from "../spec/types.ts";
import { ENOENT, errnoText, isErrno, SysError } from "../sys/errno.ts";
import { readFile, rmdir, tryReadFile, writeFile } from "../sys/file.ts";
import { step } from "../sys/libc.ts";
import { checkCpuset } from "./cpuset.ts";
import { deviceList, limitDevicesV1 } from "./devices.ts";
import { makeCgroup } from "./directory.ts";
import { ALWAYS, type Hierarchies, OWN_CONTROLLERS, type View } from "./hierarchies.ts";
import type { Cgroup, OomKills } from "./index.ts";
import { parentOf } from "./place.ts";

export class V1Cgroup implements Cgroup {
  readonly view: View | undefined;
  private readonly mounts: Map<string, string>;
  private readonly path = new Map<string, string>();
  /** by mount point, which several controllers may share; first come those that there must be */
  private readonly own = new Map<string, string>();
  readonly required: number;

  constructor({ v1, view }: Hierarchies, id: string, linux: Linux) {
    const { resources = {}, cgroupsPath = `/minibox/${id}` } = linux;
    this.mounts = v1;
    this.view = view;
    const wanted: string[] = [...ALWAYS];
    if (resources.cpu?.quota !== undefined || resources.cpu?.shares !== undefined) wanted.push("cpu");
    if (resources.cpu?.cpus !== undefined || resources.cpu?.mems !== undefined) wanted.push("cpuset");
    for (const controller of wanted) this.add(controller, cgroupsPath);
    this.required = this.own.size;
    for (const controller of OWN_CONTROLLERS) this.add(controller, cgroupsPath);
  }

  private add(controller: string, path: string): void {
    const mount = this.mounts.get(controller);
    if (mount === undefined) return;
    const directory = `${mount}${path}`;
    this.path.set(controller, directory);
    this.own.set(mount, directory);
  }

  get directories(): string[] {
    return [...this.own.values()];
  }

  /**
   * `tasks` takes one thread, cgroup.procs a process. The thread that calls execve is all that is left of a process,
   * and moving just oneself needs no system-wide lock: that one waits 5 to 13 ms for an RCU grace period.
   */
  get joinFiles(): string[] {
    const files: string[] = [];
    for (const [, directory] of this.own) files.push(`${directory}/tasks`);
    return files;
  }

  create(): void {
    step("create the cgroup");
    const cpuset = this.path.get("cpuset");
    let made = 0;
    for (const [mount, directory] of this.own) {
      try {
        makeCgroup(directory);
        if (directory === cpuset) this.fillCpuset(directory);
      } catch (error) {
        if (made < this.required || !(error instanceof SysError)) throw error;
        // nothing was asked of this one: there the container stays with its caller
        rmdir(directory);
        this.own.delete(mount);
      }
      made++;
    }
  }

  /**
   * A new cpuset has no CPUs and no memory nodes, and takes no process then. Ours are born with those of the cpuset above,
   * once that has some (cgroup.clone_children); memory nodes come first, so that CPUs mean both.
   */
  private fillCpuset(directory: string): void {
    if (readFile(`${directory}/cpuset.cpus`).trim() !== "") return;
    const parent = parentOf(directory);
    fill(directory, this.mounts.get("cpuset")!);
    writeFile(`${parent}/cgroup.clone_children`, "1");
  }

  apply(resources: Resources): void {
    const { memory, cpu, pids } = resources;
    if (memory?.limit !== undefined) {
      this.set("memory", "memory.limit_in_bytes", memory.limit, "--memory");
      this.applySwap(memory.limit, memory.swap);
    }
    if (cpu?.period !== undefined) this.set("cpu", "cpu.cfs_period_us", cpu.period, "--cpus");
    if (cpu?.quota !== undefined) this.set("cpu", "cpu.cfs_quota_us", cpu.quota, "--cpus");
    if (cpu?.shares !== undefined) this.set("cpu", "cpu.shares", cpu.shares, "cpu shares");
    if (cpu?.cpus !== undefined) this.set("cpuset", "cpuset.cpus", cpu.cpus, "--cpuset-cpus");
    if (cpu?.mems !== undefined) this.set("cpuset", "cpuset.mems", cpu.mems, "cpuset mems");
    if (pids !== undefined) this.set("pids", "pids.max", pids.limit, "--pids-limit");
    const cpuset = this.path.get("cpuset");
    if (cpu?.cpus !== undefined) checkCpuset("--cpuset-cpus", cpu.cpus, `${cpuset}/cpuset.effective_cpus`);
    if (cpu?.mems !== undefined) checkCpuset("cpuset mems", cpu.mems, `${cpuset}/cpuset.effective_mems`);
  }

  /** Unasked, docker's rule: as much swap as memory; a host without swap accounting then has none to limit. */
  private applySwap(limit: number, swap: number | undefined): void {
    const file = "memory.memsw.limit_in_bytes";
    if (swap !== undefined) this.set("memory", file, swap, "--memory-swap");
    else if (tryReadFile(`${this.path.get("memory")}/${file}`) !== undefined)
      this.set("memory", file, 2 * limit, "--memory");
  }

  private set(controller: string, file: string, value: number | string, flag: string): void {
    const directory = this.path.get(controller);
    if (directory === undefined) throw unavailable(controller, flag);
    step(`set ${file} to ${value}`, "the kernel holds the container to it");
    try {
      writeFile(`${directory}/${file}`, String(value));
    } catch (error) {
      if (isErrno(error, ENOENT)) throw unavailable(`${controller} (${file})`, flag);
      if (error instanceof SysError)
        throw new RunError(
          `${flag} cannot be enforced: writing ${value} to ${directory}/${file}: ${errnoText(error.errno)}`,
          125,
          controller === "cpuset" ? this.cpusetHint(file) : undefined,
        );
      throw error;
    }
  }

  /** What the cpuset above has is all that there is to give. */
  private cpusetHint(file: string): string | undefined {
    const directory = this.path.get("cpuset") ?? "";
    const all = tryReadFile(`${directory.slice(0, directory.lastIndexOf("/"))}/${file}`)?.trim();
    return all && `the ${file} to choose from are ${all}`;
  }

  limitDevices(rules: Resources["devices"]): boolean {
    const directory = this.path.get("devices");
    return directory !== undefined && limitDevicesV1(directory, deviceList(rules));
  }

  /** Of memory.oom_control, oom_kill counts who was killed; failcnt, how often a cgroup's own limit was in the way. */
  oomKills(): OomKills {
    const own = this.path.get("memory");
    const count = numberOf(`${own}/memory.oom_control`, /^oom_kill (\d+)$/m);
    if (own === undefined || count === 0) return { count, own: false };
    if (wasReached(own)) return { count, own: true };
    const top = this.mounts.get("memory")!;
    for (let at = parentOf(own); at.length >= top.length; at = parentOf(at))
      if (wasReached(at))
        return {
          count,
          own: false,
          above: { path: at, limit: readFile(`${at}/memory.limit_in_bytes`).trim() },
        };
    return { count, own: false };
  }
}

const numberOf = (path: string, pattern = /(\d+)/): number =>
  Number(pattern.exec(tryReadFile(path) ?? "")?.[1] ?? 0);

const wasReached = (directory: string): boolean =>
  numberOf(`${directory}/memory.failcnt`) + numberOf(`${directory}/memory.memsw.failcnt`) > 0;

/** A cpuset can have what the one above has: the way down to it is filled first. */
function fill(directory: string, top: string): void {
  if (directory === top) return;
  const above = parentOf(directory);
  fill(above, top);
  for (const file of ["cpuset.mems", "cpuset.cpus"])
    if (readFile(`${directory}/${file}`).trim() === "")
      writeFile(`${directory}/${file}`, readFile(`${above}/${file}`).trim());
}

const unavailable = (controller: string, flag: string): RunError =>
  new RunError(`${flag} cannot be enforced: this host has no cgroup controller ${controller}`);
