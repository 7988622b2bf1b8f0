// Owns control groups version 2: one tree for all controllers (kernel documentation, admin-guide/cgroup-v2).

import { RunError } from "../errors.ts";
import type { Resources } from "../spec/types.ts";
import { AT_FDCWD, O } from "../sys/constants.ts";
import { EBUSY, EEXIST, ENOENT, errnoText, isErrno, SysError } from "../sys/errno.ts";
import { close, readFile, tryReadFile, writeFile } from "../sys/file.ts";
import { attempt, step } from "../sys/libc.ts";
import { limitDevicesV2 } from "./device-program.ts";
import { deviceList } from "./devices.ts";
import type { Cgroup, View } from "./index.ts";

/** What is counted for every container, limited or not. */
const COUNTED = ["memory", "pids", "cpu", "io"] as const;

export class V2Cgroup implements Cgroup {
  readonly required = 1;
  readonly view: View = { version: 2, hierarchies: [] };
  private readonly parent: string;
  private readonly path: string;

  constructor(
    private readonly top: string,
    id: string,
  ) {
    this.parent = `${top}/minibox`;
    this.path = `${this.parent}/${id}`;
  }

  get directories(): string[] {
    return [this.path];
  }

  get joinFiles(): string[] {
    return [`${this.path}/cgroup.procs`];
  }

  /**
   * Joining waits for an RCU grace period (5 to 13 ms), unless another move is under way or has just been: all moves
   * share one lock, and pay for it once. To move ourselves to where we are starts that wait while the child starts.
   */
  hasten(): void {
    const own = tryReadFile("/proc/self/cgroup") ?? "";
    const path = own.slice(own.indexOf("0::/") + 3, own.indexOf("\n", own.indexOf("0::/")));
    const fd = attempt("openat", AT_FDCWD, `${this.top}${path}/cgroup.procs`, O.O_WRONLY | O.O_CLOEXEC, 0);
    if (fd < 0) return;
    attempt("write", fd, "0", 1);
    close(fd);
  }

  create(): void {
    step("create the cgroup");
    let made = attempt("mkdirat", AT_FDCWD, this.path, 0o755);
    if (made === -ENOENT) {
      attempt("mkdirat", AT_FDCWD, this.parent, 0o755);
      made = attempt("mkdirat", AT_FDCWD, this.path, 0o755);
    }
    if (made < 0 && made !== -EEXIST)
      throw new SysError("mkdirat", [this.path], -made, `create the cgroup ${this.path}`);
    this.count();
  }

  /**
   * Hands down what counts (memory.current, pids.current…), for whoever looks; as far as there is and we may. From a cgroup
   * that processes live in, memory cannot be handed down, and with cpu or pids alone nobody could enter ours (cgroups(7),
   * "Thread mode"): so memory goes first.
   */
  private count(): void {
    const missing = without(COUNTED, tryReadFile(`${this.path}/cgroup.controllers`));
    if (missing.length === 0) return;
    const unavailable = without(missing, tryReadFile(`${this.top}/cgroup.controllers`));
    const available = without(missing, unavailable.join(" "));
    if (available.length === 0 || unavailable.includes("memory")) return;
    step(`hand ${available.join(", ")} down to the cgroup`, "what it uses is counted, limited or not");
    for (const directory of [this.top, this.parent]) {
      const file = `${directory}/cgroup.subtree_control`;
      const fd = attempt("openat", AT_FDCWD, file, O.O_WRONLY | O.O_CLOEXEC, 0);
      if (fd < 0) return;
      for (const controller of available) {
        const written = attempt("write", fd, `+${controller}`, controller.length + 1);
        if (written < 0 && controller === "memory") break;
      }
      close(fd);
    }
  }

  apply(resources: Resources): void {
    const { memory, cpu, pids } = resources;
    if (memory?.limit !== undefined) {
      this.set("memory", "memory.max", String(memory.limit), "--memory");
      this.applySwap(memory.limit, memory.swap);
    }
    if (cpu?.quota !== undefined)
      this.set("cpu", "cpu.max", `${cpu.quota} ${cpu.period ?? 100_000}`, "--cpus");
    if (cpu?.cpus !== undefined) this.set("cpuset", "cpuset.cpus", cpu.cpus, "--cpuset-cpus");
    if (cpu?.mems !== undefined) this.set("cpuset", "cpuset.mems", cpu.mems, "cpuset mems");
    if (pids !== undefined) this.set("pids", "pids.max", String(pids.limit), "--pids-limit");
  }

  /** OCI's swap is memory plus swap, the kernel's is swap alone. Unasked, docker's rule: as much as memory. */
  private applySwap(limit: number, swap: number | undefined): void {
    const file = "memory.swap.max";
    const value = swap === -1 ? "max" : String((swap ?? 2 * limit) - limit);
    if (swap !== undefined) this.set("memory", file, value, "--memory-swap");
    else if (tryReadFile(`${this.path}/${file}`) !== undefined) this.set("memory", file, value, "--memory");
  }

  private set(controller: string, file: string, value: string, flag: string): void {
    this.enable(controller, flag);
    step(`set ${file} to ${value}`, "the kernel holds the container to it");
    try {
      writeFile(`${this.path}/${file}`, value);
    } catch (error) {
      if (isErrno(error, ENOENT)) throw unavailable(`${controller} (${file})`, flag);
      if (error instanceof SysError)
        throw new RunError(
          `${flag} cannot be enforced: writing ${value} to ${this.path}/${file}: ${errnoText(error.errno)}`,
        );
      throw error;
    }
  }

  /** A controller is there below a directory only when each one above hands it down (cgroup.subtree_control). */
  private enable(controller: string, flag: string): void {
    for (const directory of [this.top, this.parent]) {
      const enabled = readFile(`${directory}/cgroup.subtree_control`).trim().split(" ");
      if (enabled.includes(controller)) continue;
      if (!readFile(`${directory}/cgroup.controllers`).trim().split(" ").includes(controller))
        throw unavailable(controller, flag);
      this.handDown(directory, controller, flag);
    }
  }

  private handDown(directory: string, controller: string, flag: string): void {
    step(`hand the ${controller} controller down from ${directory}`);
    try {
      writeFile(`${directory}/cgroup.subtree_control`, `+${controller}`);
    } catch (error) {
      if (!(error instanceof SysError)) throw error;
      const why =
        error.errno === EBUSY
          ? "processes live in that cgroup itself, so it cannot hand controllers down (cgroups(7), no internal processes)"
          : errnoText(error.errno);
      throw new RunError(`${flag} cannot be enforced: enabling ${controller} in ${directory}: ${why}`);
    }
  }

  limitDevices(rules: Resources["devices"]): boolean {
    return limitDevicesV2(this.path, deviceList(rules));
  }

  oomKills(): number {
    const text = tryReadFile(`${this.path}/memory.events`) ?? "";
    return Number(/^oom_kill (\d+)$/m.exec(text)?.[1] ?? 0);
  }
}

/** Those words that are not in a text of words. */
const without = (words: readonly string[], text = ""): string[] => {
  const others = text.trim().split(" ");
  return words.filter((word) => !others.includes(word));
};

const unavailable = (controller: string, flag: string): RunError =>
  new RunError(`${flag} cannot be enforced: this host has no cgroup controller ${controller}`);
