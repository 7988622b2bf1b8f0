// Owns the types of a container's cgroup: what can be done with it, what a state file keeps of it, and its statistics.

import type { Resources } from "../spec/types.ts";
import type { View } from "./hierarchies.ts";

/** What finds a container's cgroup again: plain JSON, for a state file. */
export type CgroupRecord = V1Record | V2Record;

interface CommonRecord {
  /** The cgroup's directories, on version 1 one for each hierarchy. The first one knows every process of the container. */
  directories: readonly string[];
  /**
   * Those of the directories that were there before the container: they stay when it goes. Not there where minibox chose
   * the place: what is found in it was left by a container before.
   */
  kept?: readonly string[];
}

export interface V1Record extends CommonRecord {
  version: 1;
  /** controller → its directory; several controllers share one where they are mounted together (cpu,cpuacct) */
  controllers: Readonly<Record<string, string>>;
  /** So many of the directories, from the first, must take the container in; the others may refuse. */
  required: number;
}

export interface V2Record extends CommonRecord {
  version: 2;
  /** where the tree is mounted */
  mount: string;
  /** the outermost directory that may be asked to hand controllers down */
  top: string;
  /** processes that live in `top` may be moved into a leaf of it, so that it can hand controllers down */
  makesRoom: boolean;
}

/** The cgroup of one container. */
export interface Cgroup {
  /** What openCgroup() takes. After create() it may say more: which directories are `kept`. */
  readonly record: CgroupRecord;
  /** The files that a process writes "0" into to join; the first `required` of them must let it in. */
  readonly joinFiles: readonly string[];
  readonly required: number;
  /** Makes joining faster, where there is a way; called while the process that will join starts. */
  hasten?(): void;
  /** Puts limits in force. @throws SysError, RunError with the field that cannot be enforced */
  apply(resources: Resources): void;
  /** Moves a process with all its threads in. @throws SysError */
  add(pid: number): void;
  /** The processes inside and in cgroups below, as the host counts. */
  pids(): number[];
  /** Stops all processes; returns when the kernel says that they are stopped. @throws SysError, RunError */
  freeze(): void;
  /** Lets them go on. @throws SysError */
  thaw(): void;
  isFrozen(): boolean;
  /**
   * Kills all processes, frozen or not, and waits `patience` milliseconds for their end (2000). False where some are
   * left: a process that waits for a device ends only after that (state D in proc_pid_stat(5)).
   */
  kill(patience?: number): boolean;
  /** Who was killed for want of memory. */
  oomKills(): OomKills;
  /**
   * Kills what is left inside, removes the directories that are the container's own, and undoes what was done around
   * them. Returns those that could not be removed within `patience` milliseconds each (2000).
   */
  remove(patience?: number): string[];
}

/** A cgroup before its container starts. Nothing is made before create(): its record can be stored first. */
export interface NewCgroup extends Cgroup {
  /** what the container sees of control groups */
  readonly view: View | undefined;
  /** Makes the directories. @throws SysError, RunError where no process could be in them, or others are */
  create(): void;
  /** Holds the container to these devices, and always to those without state of the host's; false where it cannot. */
  limitDevices(rules: Resources["devices"]): boolean;
}

export interface OomKills {
  count: number;
  /** the container's own limit was reached */
  own: boolean;
  /** otherwise the cgroup whose limit was reached, where it can be seen */
  above?: { path: string; limit: string } | undefined;
}

/** Numbers of the same meaning on both versions. Times are microseconds, sizes are bytes; no limit is no number. */
export interface CgroupStats {
  cpu: {
    /** CPU time used, and its parts in programs and in the kernel */
    usage?: number;
    user?: number;
    system?: number;
    /** periods of linux.resources.cpu.quota that have passed, those in which it was used up, and the time lost by it */
    periods?: number;
    throttledPeriods?: number;
    throttledTime?: number;
  };
  memory: {
    /** in use now, the page cache included */
    usage?: number;
    /** the most that was ever in use; version 2 tells it since Linux 5.19 */
    peak?: number;
    limit?: number;
    /** swap in use now */
    swap?: number;
    /** of the usage, what holds contents of files: the page cache */
    cache?: number;
    /** of the cache, what has not been used lately: docker subtracts it from the usage */
    inactiveCache?: number;
    /** processes killed for want of memory */
    oomKills?: number;
  };
  /** threads count like processes */
  pids: { current?: number; limit?: number };
  /** sums over all devices, of what reached them */
  io: { readBytes?: number; writeBytes?: number; reads?: number; writes?: number };
}
