// Owns control groups version 2: one tree for all controllers (kernel documentation, admin-guide/cgroup-v2).

import { RunError } from "../errors.ts";
import type { Resources } from "../spec/types.ts";
import { O } from "../sys/constants.ts";
import { EBUSY, ENOENT, EOPNOTSUPP, errnoText, isErrno, SysError } from "../sys/errno.ts";
import { close, readFile, tryOpen, tryReadFile, tryWrite, writeFile } from "../sys/file.ts";
import { step } from "../sys/libc.ts";
import { checkCpuset } from "./cpuset.ts";
import { limitDevicesV2 } from "./device-program.ts";
import { deviceList } from "./devices.ts";
import { makeCgroup } from "./directory.ts";
import type { View } from "./hierarchies.ts";
import type { Cgroup, OomKills } from "./index.ts";
import { giveRoomBack, lockedCgroup, makeRoom } from "./leaf.ts";
import { type Place, parentOf } from "./place.ts";

/** What is counted for every container, limited or not. */
const COUNTED = ["memory", "pids", "cpu", "io"] as const;

/** How often room is made anew for those who forked meanwhile. */
const ATTEMPTS = 10;

export class V2Cgroup implements Cgroup {
  readonly required = 1;
  readonly view: View = { version: 2, hierarchies: [] };
  private readonly path: string;

  constructor(
    private readonly mount: string,
    private readonly place: Place,
  ) {
    this.path = place.path;
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
    const fd = tryOpen(`${this.mount}${path}/cgroup.procs`, O.O_WRONLY);
    if (fd < 0) return;
    tryWrite(fd, "0");
    close(fd);
  }

  create(): void {
    step("create the cgroup");
    makeCgroup(this.path);
    const type = tryReadFile(`${this.path}/cgroup.type`)?.trim();
    if (type === "domain invalid") throw new RunError(...threaded(this.path));
    this.count();
  }

  /** Hands down what counts (memory.current, pids.current…), for whoever looks; as far as there is and we may. */
  private count(): void {
    const missing = without(COUNTED, tryReadFile(`${this.path}/cgroup.controllers`));
    if (missing.length === 0) return;
    const unavailable = without(missing, tryReadFile(`${this.place.top}/cgroup.controllers`));
    const available = without(missing, unavailable.join(" "));
    if (available.length === 0) return;
    step(`hand ${available.join(", ")} down to the cgroup`, "what it uses is counted, limited or not");
    for (const directory of this.above()) {
      // nobody is moved for it
      if (isInhabited(directory)) return;
      const file = `${directory}/cgroup.subtree_control`;
      const fd = tryOpen(file, O.O_WRONLY);
      if (fd < 0) return;
      for (const controller of available) tryWrite(fd, `+${controller}`);
      close(fd);
    }
  }

  /** What lies above the container's cgroup, from the top. */
  private above(): string[] {
    const directories: string[] = [];
    for (let at = parentOf(this.path); at.length >= this.place.top.length; at = parentOf(at))
      directories.unshift(at);
    return directories;
  }

  apply(resources: Resources): void {
    const { memory, cpu, pids } = resources;
    if ((memory ?? cpu ?? pids) === undefined) return;
    if (this.place.makesRoom) lockedCgroup(this.place.top, () => this.applyAll(resources));
    else this.applyAll(resources);
    if (cpu?.cpus !== undefined) checkCpuset("--cpuset-cpus", cpu.cpus, `${this.path}/cpuset.cpus.effective`);
    if (cpu?.mems !== undefined) checkCpuset("cpuset mems", cpu.mems, `${this.path}/cpuset.mems.effective`);
  }

  private applyAll({ memory, cpu, pids }: Resources): void {
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
    const parent = parentOf(this.path);
    this.handDown(parent, controller, flag);
    step(`set ${file} to ${value}`, "the kernel holds the container to it");
    const path = `${this.path}/${file}`;
    try {
      try {
        writeFile(path, value);
      } catch (error) {
        if (!isErrno(error, ENOENT)) throw error;
        // While another process hands the controller down, subtree_control names it before the children's files exist.
        // The kernel holds a lock until they do, and a second write of the same word waits for that lock.
        writeFile(`${parent}/cgroup.subtree_control`, `+${controller}`);
        writeFile(path, value);
      }
    } catch (error) {
      if (isErrno(error, ENOENT)) throw unavailable(`${controller} (${file})`, flag);
      if (error instanceof SysError)
        throw new RunError(
          `${flag} cannot be enforced: writing ${value} to ${path}: ${errnoText(error.errno)}`,
        );
      throw error;
    }
  }

  /** A controller is there below a directory only when each one above hands it down (cgroup.subtree_control). */
  private handDown(directory: string, controller: string, flag: string): void {
    if (readWords(`${directory}/cgroup.subtree_control`).includes(controller)) return;
    if (!readWords(`${directory}/cgroup.controllers`).includes(controller)) {
      if (directory === this.place.top) throw unavailable(controller, flag, directory, this.mount);
      this.handDown(parentOf(directory), controller, flag);
    }
    for (let i = 1; ; i++) {
      if (isInhabited(directory)) this.makeRoom(directory, controller, flag);
      step(`hand the ${controller} controller down from ${directory}`);
      try {
        writeFile(`${directory}/cgroup.subtree_control`, `+${controller}`);
        return;
      } catch (error) {
        if (!(error instanceof SysError)) throw error;
        if (error.errno !== EBUSY || i === ATTEMPTS)
          throw notHandedDown(error.errno, directory, controller, flag);
      }
    }
  }

  private makeRoom(directory: string, controller: string, flag: string): void {
    if (!this.place.makesRoom || directory !== this.place.top)
      throw notHandedDown(EBUSY, directory, controller, flag);
    makeRoom(directory);
  }

  limitDevices(rules: Resources["devices"]): boolean {
    return limitDevicesV2(this.path, deviceList(rules));
  }

  /** Of memory.events, oom_kill counts who was killed, and oom how often the limit of this cgroup was the reason. */
  oomKills(): OomKills {
    const count = eventsOf(this.path, "memory.events", "oom_kill");
    if (count === 0) return { count, own: false };
    if (eventsOf(this.path, "memory.events.local", "oom") > 0) return { count, own: true };
    for (let at = parentOf(this.path); at.length >= this.mount.length; at = parentOf(at)) {
      const limit = tryReadFile(`${at}/memory.max`)?.trim() ?? "max";
      if (limit !== "max" && eventsOf(at, "memory.events.local", "oom") > 0)
        return { count, own: false, above: { path: at, limit } };
    }
    return { count, own: false };
  }

  leave(): void {
    if (this.place.makesRoom) giveRoomBack(this.place.top);
  }
}

/**
 * True where processes keep a cgroup from handing controllers down. The tree's root has no cgroup.type, and may. To hand
 * down one of those that know threads (cpu, cpuset, pids) would be allowed, but make the whole subtree one for threads.
 */
const isInhabited = (directory: string): boolean =>
  (tryReadFile(`${directory}/cgroup.procs`) ?? "") !== "" &&
  tryReadFile(`${directory}/cgroup.type`) !== undefined;

const readWords = (path: string): string[] => readFile(path).trim().split(" ");

/** Those words that are not in a text of words. */
const without = (words: readonly string[], text = ""): string[] => {
  const others = text.trim().split(" ");
  return words.filter((word) => !others.includes(word));
};

const eventsOf = (directory: string, file: string, name: string): number =>
  Number(new RegExp(`^${name} (\\d+)$`, "m").exec(tryReadFile(`${directory}/${file}`) ?? "")?.[1] ?? 0);

const unavailable = (controller: string, flag: string, directory?: string, mount?: string): RunError =>
  directory === mount
    ? new RunError(`${flag} cannot be enforced: this host has no cgroup controller ${controller}`)
    : new RunError(
        `${flag} cannot be enforced: the cgroup ${directory} was given to you without the controller ${controller}`,
        125,
        `with systemd, have its unit hand all of them down (Delegate=yes), or take another place (--cgroup-parent /)`,
      );

function notHandedDown(errno: number, directory: string, controller: string, flag: string): RunError {
  if (errno === EOPNOTSUPP) return new RunError(...threaded(directory));
  const why =
    errno === EBUSY
      ? "processes live in that cgroup itself, so it cannot hand controllers down (cgroups(7), no internal processes)"
      : errnoText(errno);
  return new RunError(`${flag} cannot be enforced: enabling ${controller} in ${directory}: ${why}`);
}

const threaded = (directory: string): [message: string, status: number, hint: string] => [
  `limits cannot be enforced: the cgroup ${directory} is in a threaded part of the tree, where a cgroup takes single threads and no process (cgroups(7), thread mode)`,
  125,
  "remove the cgroup beside it whose cgroup.type is threaded, or take a place elsewhere: --cgroup-parent PATH",
];
