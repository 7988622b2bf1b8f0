// Owns what linux.resources means for the kernel: which file of which controller gets which value (OCI runtime
// specification, config-linux.md, "Control groups").

import { RunError } from "../errors.ts";
import type { Resources } from "../spec/types.ts";
import { ENOENT, errnoText, isErrno, SysError } from "../sys/errno.ts";
import { writeFile } from "../sys/file.ts";
import { step } from "../sys/libc.ts";
import { literal } from "../sys/printable.ts";

/** One value for a file of the cgroup. */
export interface Setting {
  controller: string;
  file: string;
  value: string;
  /** where the value comes from */
  field: string;
  /** The file may be missing: the value is no limit, or it is not asked for but follows from another limit. */
  optional?: boolean;
}

const UNLIMITED = -1;
const GROUPS = ["memory", "cpu", "pids"] as const;

/** The limits that are asked for, as the paths of their fields; -1 is none. Pure. */
export function limitsIn(resources: Resources): string[] {
  const fields: string[] = [];
  for (const group of GROUPS)
    for (const [name, value] of Object.entries(resources[group] ?? {}))
      if (value !== undefined && value !== UNLIMITED) fields.push(`linux.resources.${group}.${name}`);
  for (const file in resources.unified) fields.push(unifiedField(file));
  return fields;
}

const unifiedField = (file: string): string => `linux.resources.unified[${literal(file)}]`;

type Add = (
  field: string,
  controller: string,
  file: string,
  value: number | string | undefined,
  optional?: boolean,
) => void;

/** Collects settings; a value that is undefined is none. */
function collect(fill: (add: Add) => void): Setting[] {
  const settings: Setting[] = [];
  fill((field, controller, file, value, optional = value === UNLIMITED || value === "max") => {
    if (value === undefined) return;
    settings.push({ field: `linux.resources.${field}`, controller, file, value: String(value), optional });
  });
  return settings;
}

/** The settings for version 1, in the order in which the kernel takes them. @throws RunError for one of version 2 */
export function settingsV1(resources: Resources): Setting[] {
  const { memory, cpu, pids, unified } = resources;
  return memory || cpu || pids || unified ? limitsV1(resources) : [];
}

function limitsV1({ memory, cpu, pids, unified }: Resources): Setting[] {
  for (const file in unified)
    throw new RunError(
      "cannot be enforced: it is a file of cgroup v2, and this host has its controllers on cgroup v1",
      125,
      undefined,
      unifiedField(file),
    );
  return collect((add) => {
    const limit = memory?.limit;
    add("memory.limit", "memory", "memory.limit_in_bytes", limit);
    add("memory.swap", "memory", "memory.memsw.limit_in_bytes", memory?.swap);
    // Where no swap is asked for, docker's rule holds: as much as memory. A host without swap accounting has none.
    if (limit !== undefined && limit !== UNLIMITED && memory?.swap === undefined)
      add("memory.limit", "memory", "memory.memsw.limit_in_bytes", 2 * limit, true);
    add("memory.reservation", "memory", "memory.soft_limit_in_bytes", memory?.reservation);
    add("cpu.period", "cpu", "cpu.cfs_period_us", cpu?.period);
    add("cpu.quota", "cpu", "cpu.cfs_quota_us", cpu?.quota);
    add("cpu.shares", "cpu", "cpu.shares", cpu?.shares);
    add("cpu.cpus", "cpuset", "cpuset.cpus", cpu?.cpus);
    add("cpu.mems", "cpuset", "cpuset.mems", cpu?.mems);
    add("pids.limit", "pids", "pids.max", maximum(pids?.limit));
  });
}

/** The settings for version 2. @throws RunError for values that have no meaning there */
export function settingsV2({ memory, cpu, pids, unified }: Resources): Setting[] {
  const settings = collect((add) => {
    add("memory.limit", "memory", "memory.max", maximum(memory?.limit));
    add("memory.swap", "memory", "memory.swap.max", swapAlone(memory?.limit, memory?.swap));
    // docker's rule, as on version 1: as much swap as memory
    if (memory?.swap === undefined)
      add("memory.limit", "memory", "memory.swap.max", maximum(memory?.limit), true);
    add("memory.reservation", "memory", "memory.low", maximum(memory?.reservation));
    const time = cpu?.quota === undefined ? "cpu.period" : "cpu.quota";
    add(time, "cpu", "cpu.max", quotaAndPeriod(cpu?.quota, cpu?.period));
    add("cpu.shares", "cpu", "cpu.weight", weightOf(cpu?.shares));
    add("cpu.cpus", "cpuset", "cpuset.cpus", cpu?.cpus);
    add("cpu.mems", "cpuset", "cpuset.mems", cpu?.mems);
    add("pids.limit", "pids", "pids.max", maximum(pids?.limit));
  });
  for (const [file, value] of Object.entries(unified ?? {})) settings.push(unifiedSetting(file, value));
  return settings;
}

const maximum = (value: number | undefined): number | string | undefined =>
  value === UNLIMITED ? "max" : value;

/** OCI's swap is the sum of memory and swap, the kernel's is swap alone. @throws RunError where it cannot be told */
function swapAlone(limit: number | undefined, swap: number | undefined): number | string | undefined {
  if (swap === undefined || swap === UNLIMITED) return maximum(swap);
  if (limit !== undefined && limit !== UNLIMITED && swap >= limit) return swap - limit;
  const problem =
    "it is the sum of memory and swap, and needs a linux.resources.memory.limit of at most as much";
  throw new RunError(`cannot be enforced: ${problem}`, 125, undefined, "linux.resources.memory.swap");
}

/** The kernel's own period, in microseconds. */
const PERIOD = 100_000;

function quotaAndPeriod(quota: number | undefined, period: number | undefined): string | undefined {
  if (quota === undefined && period === undefined) return undefined;
  if (quota === UNLIMITED && period === undefined) return "max";
  return `${quota === undefined || quota < 0 ? "max" : quota} ${period ?? PERIOD}`;
}

/** Shares go from 2 to 262144, and weights from 1 to 10000: the same part of its range, as runc has it. */
function weightOf(shares: number | undefined): number | undefined {
  if (shares === undefined) return undefined;
  const within = Math.min(Math.max(shares, 2), 262_144);
  return 1 + Math.floor(((within - 2) * 9999) / 262_142);
}

/** A file of version 2 by its own name, which begins with the controller's ("memory.high"). */
function unifiedSetting(file: string, value: string): Setting {
  const field = unifiedField(file);
  if (!/^\w+\.[\w.]+$/.test(file))
    throw new RunError(": it is no name of a cgroup's file", 125, undefined, field);
  return { field, controller: file.slice(0, file.indexOf(".")), file, value };
}

/** Writes one setting into a cgroup; `hint` tells what the kernel would take. @throws RunError with the field */
export function writeSetting(
  directory: string,
  { controller, file, value, field }: Setting,
  hint: () => string | undefined = () => undefined,
): void {
  step(`set ${file} to ${value}`, "the kernel holds the container to it");
  const path = `${directory}/${file}`;
  try {
    writeFile(path, value);
  } catch (error) {
    if (isErrno(error, ENOENT)) throw missing(`${controller} (${file})`, field);
    if (!(error instanceof SysError)) throw error;
    const why = `writing ${value} to ${path}: ${errnoText(error.errno)}`;
    throw new RunError(`cannot be enforced: ${why}`, 125, hint(), field);
  }
}

/** The error for a field that needs a controller which the host does not have. */
export const missing = (controller: string, field: string): RunError =>
  new RunError(`cannot be enforced: this host has no cgroup controller ${controller}`, 125, undefined, field);
