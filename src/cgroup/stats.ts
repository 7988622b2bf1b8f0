// Owns what the kernel has counted for a cgroup, in the same units for both versions (kernel documentation,
// admin-guide/cgroup-v1 and cgroup-v2). A file that is missing here leaves its numbers out.

import { tryReadFile } from "../sys/file.ts";
import type { CgroupRecord, CgroupStats } from "./types.ts";

/** A number of a file, or the one behind a name in it. "max", and what version 1 writes instead of it, is no number. */
function numberIn(text: string | undefined, name?: string): number | undefined {
  if (text === undefined) return undefined;
  const digits = name === undefined ? text.trim() : new RegExp(`^${name} (\\d+)$`, "m").exec(text)?.[1];
  const number = Number(digits || Number.NaN);
  return Number.isSafeInteger(number) ? number : undefined;
}

/** Those members that are numbers. */
function known<K extends string>(members: Record<K, number | undefined>): Partial<Record<K, number>> {
  const found: Partial<Record<K, number>> = {};
  for (const name in members) if (members[name] !== undefined) found[name] = members[name];
  return found;
}

/**
 * What the kernel has counted for a container's cgroup. A number that it does not have here is not there. It stands apart
 * from the cgroup itself, since no start needs it.
 */
export const statsOf = (record: CgroupRecord): CgroupStats =>
  record.version === 1 ? statsV1(record.controllers) : statsV2(record.directories[0] ?? "");

const microseconds = (nanoseconds: number | undefined): number | undefined =>
  nanoseconds === undefined ? undefined : Math.round(nanoseconds / 1000);

/** Of version 1; `controllers` has each controller's directory. */
export function statsV1(controllers: Readonly<Record<string, string>>, readFile = tryReadFile): CgroupStats {
  const read = (controller: string, file: string): string | undefined =>
    controllers[controller] === undefined ? undefined : readFile(`${controllers[controller]}/${file}`);
  const throttling = read("cpu", "cpu.stat");
  const pages = read("memory", "memory.stat");
  const usage = numberIn(read("memory", "memory.usage_in_bytes"));
  const bytes = read("blkio", "blkio.throttle.io_service_bytes_recursive");
  const count = read("blkio", "blkio.throttle.io_serviced_recursive");
  return {
    cpu: known({
      usage: microseconds(numberIn(read("cpuacct", "cpuacct.usage"))),
      user: microseconds(numberIn(read("cpuacct", "cpuacct.usage_user"))),
      system: microseconds(numberIn(read("cpuacct", "cpuacct.usage_sys"))),
      periods: numberIn(throttling, "nr_periods"),
      throttledPeriods: numberIn(throttling, "nr_throttled"),
      throttledTime: microseconds(numberIn(throttling, "throttled_time")),
    }),
    memory: known({
      usage,
      peak: numberIn(read("memory", "memory.max_usage_in_bytes")),
      limit: numberIn(read("memory", "memory.limit_in_bytes")),
      swap: numberIn(pages, "total_swap"),
      cache: numberIn(pages, "total_cache"),
      inactiveCache: numberIn(pages, "total_inactive_file"),
      oomKills: numberIn(read("memory", "memory.oom_control"), "oom_kill"),
    }),
    pids: known({
      current: numberIn(read("pids", "pids.current")),
      limit: numberIn(read("pids", "pids.max")),
    }),
    io: known({
      readBytes: sumOf(bytes, /^\d+:\d+ Read (\d+)$/gm),
      writeBytes: sumOf(bytes, /^\d+:\d+ Write (\d+)$/gm),
      reads: sumOf(count, /^\d+:\d+ Read (\d+)$/gm),
      writes: sumOf(count, /^\d+:\d+ Write (\d+)$/gm),
    }),
  };
}

/** Of version 2. */
export function statsV2(directory: string, readFile = tryReadFile): CgroupStats {
  const read = (file: string): string | undefined => readFile(`${directory}/${file}`);
  const cpu = read("cpu.stat");
  const pages = read("memory.stat");
  const io = read("io.stat");
  return {
    cpu: known({
      usage: numberIn(cpu, "usage_usec"),
      user: numberIn(cpu, "user_usec"),
      system: numberIn(cpu, "system_usec"),
      periods: numberIn(cpu, "nr_periods"),
      throttledPeriods: numberIn(cpu, "nr_throttled"),
      throttledTime: numberIn(cpu, "throttled_usec"),
    }),
    memory: known({
      usage: numberIn(read("memory.current")),
      peak: numberIn(read("memory.peak")),
      limit: numberIn(read("memory.max")),
      swap: numberIn(read("memory.swap.current")),
      cache: numberIn(pages, "file"),
      inactiveCache: numberIn(pages, "inactive_file"),
      oomKills: numberIn(read("memory.events"), "oom_kill"),
    }),
    pids: known({ current: numberIn(read("pids.current")), limit: numberIn(read("pids.max")) }),
    io: known({
      readBytes: sumOf(io, /\brbytes=(\d+)/g),
      writeBytes: sumOf(io, /\bwbytes=(\d+)/g),
      reads: sumOf(io, /\brios=(\d+)/g),
      writes: sumOf(io, /\bwios=(\d+)/g),
    }),
  };
}

function sumOf(text: string | undefined, pattern: RegExp): number | undefined {
  if (text === undefined) return undefined;
  let sum = 0;
  for (const [, digits] of text.matchAll(pattern)) sum += Number(digits);
  return sum;
}
