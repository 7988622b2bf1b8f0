// Owns control groups version 1: one hierarchy of directories for each controller
// (kernel documentation, admin-guide/cgroup-v1).

import { RunError } from "../errors.ts";
import type { Resources } from "../spec/types.ts";
import { AT_FDCWD } from "../sys/constants.ts";
import { EEXIST, errnoText, isErrno, SysError } from "../sys/errno.ts";
import { readFile, tryReadFile, writeFile } from "../sys/file.ts";
import { attempt, step } from "../sys/libc.ts";
import { deviceList, limitDevicesV1 } from "./devices.ts";
import type { Cgroup } from "./index.ts";

/** Entered always: what holds for every container, and finds its processes. */
const ALWAYS = ["memory", "pids", "devices"] as const;

export class V1Cgroup implements Cgroup {
  readonly version = 1;
  private readonly path = new Map<string, string>();

  constructor(
    private readonly mounts: Map<string, string>,
    id: string,
    resources: Resources,
  ) {
    const wanted: string[] = [...ALWAYS];
    if (resources.cpu?.quota !== undefined || resources.cpu?.shares !== undefined) wanted.push("cpu");
    if (resources.cpu?.cpus !== undefined || resources.cpu?.mems !== undefined) wanted.push("cpuset");
    for (const controller of wanted) {
      const mount = mounts.get(controller);
      if (mount !== undefined) this.path.set(controller, `${mount}/minibox/${id}`);
    }
  }

  get directories(): string[] {
    const directories: string[] = [];
    for (const [, directory] of this.path) directories.push(directory);
    return directories;
  }

  /**
   * `tasks` takes one thread, cgroup.procs a process. The thread that calls execve is all that is left of a process,
   * and moving just oneself needs no system-wide lock: that one waits 5 to 13 ms for an RCU grace period.
   */
  get joinFiles(): string[] {
    const files: string[] = [];
    for (const directory of this.directories) files.push(`${directory}/tasks`);
    return files;
  }

  create(): void {
    step("create the cgroup");
    for (const directory of this.directories) {
      const parent = directory.slice(0, directory.lastIndexOf("/"));
      let made = attempt("mkdirat", AT_FDCWD, directory, 0o755);
      if (made === -2) {
        attempt("mkdirat", AT_FDCWD, parent, 0o755);
        made = attempt("mkdirat", AT_FDCWD, directory, 0o755);
      }
      if (made < 0 && made !== -EEXIST)
        throw new SysError("mkdirat", [directory], -made, `create the cgroup ${directory}`);
    }
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
    if (cpu?.cpus !== undefined || cpu?.mems !== undefined) this.applyCpuset(cpu.cpus, cpu.mems);
    if (pids !== undefined) this.set("pids", "pids.max", pids.limit, "--pids-limit");
  }

  /** Unasked, docker's rule: as much swap as memory; a host without swap accounting then has none to limit. */
  private applySwap(limit: number, swap: number | undefined): void {
    const file = "memory.memsw.limit_in_bytes";
    if (swap !== undefined) this.set("memory", file, swap, "--memory-swap");
    else if (tryReadFile(`${this.path.get("memory")}/${file}`) !== undefined)
      this.set("memory", file, 2 * limit, "--memory");
  }

  /** A new cpuset has no CPUs and no memory nodes: nothing can join before both are set, parents first. */
  private applyCpuset(cpus: string | undefined, mems: string | undefined): void {
    const own = this.path.get("cpuset");
    if (own === undefined) throw unavailable("cpuset", "--cpuset-cpus");
    const parent = own.slice(0, own.lastIndexOf("/"));
    const top = this.mounts.get("cpuset")!;
    for (const file of ["cpuset.cpus", "cpuset.mems"])
      if (readFile(`${parent}/${file}`).trim() === "")
        writeFile(`${parent}/${file}`, readFile(`${top}/${file}`).trim());
    this.set("cpuset", "cpuset.cpus", cpus ?? readFile(`${parent}/cpuset.cpus`).trim(), "--cpuset-cpus");
    this.set("cpuset", "cpuset.mems", mems ?? readFile(`${parent}/cpuset.mems`).trim(), "--cpuset-cpus");
  }

  private set(controller: string, file: string, value: number | string, flag: string): void {
    const directory = this.path.get(controller);
    if (directory === undefined) throw unavailable(controller, flag);
    step(`set ${file} to ${value}`, "the kernel holds the container to it");
    try {
      writeFile(`${directory}/${file}`, String(value));
    } catch (error) {
      if (isErrno(error, 2)) throw unavailable(`${controller} (${file})`, flag);
      if (error instanceof SysError)
        throw new RunError(
          `${flag} cannot be enforced: writing ${value} to ${directory}/${file}: ${errnoText(error.errno)}`,
        );
      throw error;
    }
  }

  limitDevices(rules: Resources["devices"]): boolean {
    const directory = this.path.get("devices");
    return directory !== undefined && limitDevicesV1(directory, deviceList(rules));
  }

  oomKills(): number {
    const text = tryReadFile(`${this.path.get("memory")}/memory.oom_control`) ?? "";
    return Number(/^oom_kill (\d+)$/m.exec(text)?.[1] ?? 0);
  }
}

const unavailable = (controller: string, flag: string): RunError =>
  new RunError(`${flag} cannot be enforced: this host has no cgroup controller ${controller}`);
