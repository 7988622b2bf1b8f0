// Owns cgroups version 2: one tree for all controllers (kernel documentation, admin-guide/cgroup-v2).

import type { Linux, Resources } from "../spec/types.ts";
import { O } from "../sys/constants.ts";
import { close, tryOpen, tryReadFile, tryWrite, writeFile } from "../sys/file.ts";
import { step } from "../sys/libc.ts";
import { tryStat } from "../sys/stat.ts";
import { countAll, handDown, threaded } from "./controllers.ts";
import { checkCpuset } from "./cpuset.ts";
import { limitDevicesV2 } from "./device-program.ts";
import { deviceList } from "./devices.ts";
import { parentOf, processesBelow, takeCgroup, tryWriteFile } from "./directory.ts";
import { freeze, isFrozen, thaw } from "./freezer.ts";
import type { View } from "./hierarchies.ts";
import { giveRoomBack, lockedCgroup } from "./leaf.ts";
import type { Place } from "./place.ts";
import { killStopped, killUntilEmpty, removeCgroups } from "./remove.ts";
import { type Setting, settingsV2, writeSetting } from "./settings.ts";
import type { NewCgroup, OomKills, V2Record } from "./types.ts";

/** The record of a new container's cgroup. @throws RunError for limits that have no meaning on version 2 */
export function planV2(mount: string, place: Place, { resources = {}, cgroupsPath }: Linux): V2Record {
  const { path, top, makesRoom } = place;
  settingsV2(resources); // refuses now what could only be refused later
  const record: V2Record = { version: 2, directories: [path], mount, top, makesRoom };
  return cgroupsPath === undefined ? record : { ...record, kept: [] };
}

export class V2Cgroup implements NewCgroup {
  readonly required = 1;
  readonly view: View = { version: 2, hierarchies: [] };
  private readonly path: string;

  constructor(public record: V2Record) {
    this.path = record.directories[0]!;
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
    const fd = tryOpen(`${this.record.mount}${path}/cgroup.procs`, O.O_WRONLY);
    if (fd < 0) return;
    tryWrite(fd, "0");
    close(fd);
  }

  create(): void {
    step("create the cgroup");
    const taken = !takeCgroup(this.path);
    if (taken && this.record.kept) this.record = { ...this.record, kept: [this.path] };
    const type = tryReadFile(`${this.path}/cgroup.type`)?.trim();
    if (type === "domain invalid") throw threaded(this.path);
    countAll(this.path, this.record.top);
  }

  apply(resources: Resources): void {
    const settings = settingsV2(resources);
    if (settings.length === 0) return;
    const setAll = (): void => {
      for (const setting of settings) this.set(setting);
    };
    if (this.record.makesRoom) lockedCgroup(this.record.top, setAll);
    else setAll();
    const { cpus, mems } = resources.cpu ?? {};
    const effective = (file: string): string => `${this.path}/${file}.effective`;
    if (cpus !== undefined) checkCpuset("linux.resources.cpu.cpus", cpus, effective("cpuset.cpus"));
    if (mems !== undefined) checkCpuset("linux.resources.cpu.mems", mems, effective("cpuset.mems"));
  }

  private set(setting: Setting): void {
    const { controller, file, field, optional } = setting;
    const isThere = (): boolean => tryStat(`${this.path}/${file}`) !== undefined;
    if (optional && !isThere()) return;
    // files that begin with "cgroup." are no controller's
    if (controller !== "cgroup") {
      const parent = parentOf(this.path);
      handDown(this.record, parent, controller, field);
      // While another process hands the controller down, subtree_control names it before the children's files exist.
      // The kernel holds a lock until they do, and a second write of the same word waits for that lock.
      if (!isThere()) writeFile(`${parent}/cgroup.subtree_control`, `+${controller}`);
    }
    writeSetting(this.path, setting);
  }

  limitDevices(rules: Resources["devices"]): boolean {
    return limitDevicesV2(this.path, deviceList(rules));
  }

  add(pid: number): void {
    writeFile(`${this.path}/cgroup.procs`, String(pid));
  }

  pids(): number[] {
    return processesBelow(this.path);
  }

  freeze(): void {
    freeze(2, this.path);
  }

  thaw(): void {
    thaw(2, this.path);
  }

  isFrozen(): boolean {
    return isFrozen(2, this.path);
  }

  /** Since Linux 5.14 cgroup.kill ends all at once, frozen ones and those that are being forked included. */
  private readonly killAll = (waited: number): void => {
    if (tryWriteFile(`${this.path}/cgroup.kill`, "1") < 0) killStopped(2, [this.path], this.path, waited);
  };

  kill(patience?: number): boolean {
    return killUntilEmpty([this.path], this.killAll, patience);
  }

  /** In memory.events, oom_kill counts who was killed, and oom how often the limit of this cgroup was the reason. */
  oomKills(): OomKills {
    const count = eventsOf(this.path, "memory.events", "oom_kill");
    if (count === 0) return { count, own: false };
    if (eventsOf(this.path, "memory.events.local", "oom") > 0) return { count, own: true };
    for (let at = parentOf(this.path); at.length >= this.record.mount.length; at = parentOf(at)) {
      const limit = tryReadFile(`${at}/memory.max`)?.trim() ?? "max";
      if (limit !== "max" && eventsOf(at, "memory.events.local", "oom") > 0)
        return { count, own: false, above: { path: at, limit } };
    }
    return { count, own: false };
  }

  remove(patience?: number): string[] {
    const left = removeCgroups(this.record, this.killAll, patience);
    if (this.record.makesRoom) giveRoomBack(this.record.top);
    return left;
  }
}

const eventsOf = (directory: string, file: string, name: string): number =>
  Number(new RegExp(`^${name} (\\d+)$`, "m").exec(tryReadFile(`${directory}/${file}`) ?? "")?.[1] ?? 0);
