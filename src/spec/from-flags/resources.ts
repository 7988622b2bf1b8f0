// Owns --memory, --memory-swap, --cpus, --cpuset-cpus, --pids-limit and --ulimit: text to the OCI object's limits. Pure.

import { UsageError } from "../../errors.ts";
import { RLIMITS } from "../../sys/names.ts";
import type { Resources, Rlimit, Uint64 } from "../types.ts";
import type { Given } from "./given.ts";
import { parseCount, parseCpuList, parseCpus, parseSize } from "./values.ts";

const CPU_PERIOD_MICROSECONDS = 100_000;
/** The kernel's largest kernel.pid_max on 64 bits (proc_sys_kernel(5)); pids.max takes no more. */
const MOST_PIDS = 4_194_304;

/** The limits that were asked for. @throws UsageError */
export function resourcesFromFlags(given: Given): Resources {
  return { ...memoryLimits(given), ...cpuLimits(given), ...pidsLimit(given) };
}

function cpuLimits(given: Given): Pick<Resources, "cpu"> {
  const cpus = given.one("cpus");
  const cpuset = given.one("cpuset-cpus");
  if (cpus === undefined && cpuset === undefined) return {};
  const time = cpus === undefined ? {} : { quota: quotaOf(cpus), period: CPU_PERIOD_MICROSECONDS };
  return {
    cpu: cpuset === undefined ? time : { ...time, cpus: parseCpuList("--cpuset-cpus", cpuset) },
  };
}

const quotaOf = (cpus: string): number => Math.round(parseCpus("--cpus", cpus) * CPU_PERIOD_MICROSECONDS);

function pidsLimit(given: Given): Pick<Resources, "pids"> {
  const pids = given.one("pids-limit");
  if (pids === undefined) return {};
  const limit = parseCount("--pids-limit", pids, MOST_PIDS, true);
  // docker's 0 and -1 both mean unlimited
  return limit > 0 ? { pids: { limit } } : {};
}

/** In docker a swap of 0 is as if the flag were not given. */
const withoutZero = (size: string | undefined): string | undefined =>
  size !== undefined && size !== "-1" && parseSize("--memory-swap", size) === 0 ? undefined : size;

/** Below this the kernel cannot even start a program. */
const LEAST_MEMORY = 512 * 1024;

function memoryLimits(given: Given): Pick<Resources, "memory"> {
  const memory = given.one("memory");
  const swap = withoutZero(given.one("memory-swap"));
  if (memory === undefined) {
    if (swap !== undefined) throw new UsageError("--memory-swap needs --memory as well");
    return {};
  }
  const limit = parseSize("--memory", memory);
  if (limit < LEAST_MEMORY) throw new UsageError(`--memory: ${memory} is below the least that works, 512k`);
  if (swap === undefined) return { memory: { limit } };
  if (swap === "-1") return { memory: { limit, swap: -1 } };
  const total = parseSize("--memory-swap", swap);
  if (total < limit)
    throw new UsageError(`--memory-swap: ${swap} is memory plus swap, so not below --memory ${memory}`);
  return { memory: { limit, swap: total } };
}
/** "nofile=1024:2048", "nproc=100", "core=unlimited" (docker's form). @throws UsageError */
export function parseUlimit(text: string): Rlimit {
  const match = /^([a-z]+)=(\d+|unlimited|-1)(?::(\d+|unlimited|-1))?$/.exec(text);
  const type = `RLIMIT_${match?.[1]?.toUpperCase()}`;
  if (!match || !(RLIMITS as readonly string[]).includes(type)) {
    const names = RLIMITS.map((name) => name.slice(7).toLowerCase()).join(", ");
    throw new UsageError(`--ulimit: "${text}" must be NAME=SOFT[:HARD], NAME one of ${names}`);
  }
  const soft = rlimitValue(match[2]!);
  const hard = match[3] === undefined ? soft : rlimitValue(match[3]);
  if (BigInt(soft) > BigInt(hard))
    throw new UsageError(`--ulimit: "${text}": the soft limit is above the hard one`);
  return { type, soft, hard };
}

function rlimitValue(text: string): Uint64 {
  const value = text === "unlimited" || text === "-1" ? 0xffffffffffffffffn : BigInt(text);
  if (value > 0xffffffffffffffffn) throw new UsageError(`--ulimit: ${text} is above 2^64-1`);
  return value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : value;
}
