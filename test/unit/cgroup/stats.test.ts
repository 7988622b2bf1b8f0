// The same numbers out of either version's files, and none out of files that are not there.

import { expect, test } from "bun:test";
import { statsV1, statsV2 } from "../../../src/cgroup/stats.ts";

const STATS = {
  cpu: { usage: 3500, user: 2000, system: 1500, periods: 10, throttledPeriods: 4, throttledTime: 250 },
  memory: {
    usage: 5000,
    peak: 6000,
    limit: 8000,
    swap: 10,
    cache: 700,
    inactiveCache: 300,
    oomKills: 2,
  },
  pids: { current: 3, limit: 9 },
  io: { readBytes: 4097, writeBytes: 8, reads: 3, writes: 2 },
};

const V1: Record<string, string> = {
  "cpu/cpu.stat": "nr_periods 10\nnr_throttled 4\nthrottled_time 250000\n",
  "cpuacct/cpuacct.usage": "3500000\n",
  "cpuacct/cpuacct.usage_user": "2000000\n",
  "cpuacct/cpuacct.usage_sys": "1500000\n",
  "memory/memory.usage_in_bytes": "5000\n",
  "memory/memory.max_usage_in_bytes": "6000\n",
  "memory/memory.limit_in_bytes": "8000\n",
  "memory/memory.stat": "cache 1\nswap 1\ntotal_cache 700\ntotal_swap 10\ntotal_inactive_file 300\n",
  "memory/memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 2\n",
  "pids/pids.current": "3\n",
  "pids/pids.max": "9\n",
  "blkio/blkio.throttle.io_service_bytes_recursive":
    "8:0 Read 4096\n8:0 Write 8\n8:0 Total 4104\n8:16 Read 1\nTotal 4105\n",
  "blkio/blkio.throttle.io_serviced_recursive": "8:0 Read 2\n8:0 Write 2\n8:16 Read 1\nTotal 5\n",
};

const V2: Record<string, string> = {
  "/c/cpu.stat":
    "usage_usec 3500\nuser_usec 2000\nsystem_usec 1500\nnr_periods 10\nnr_throttled 4\nthrottled_usec 250\n",
  "/c/memory.current": "5000\n",
  "/c/memory.peak": "6000\n",
  "/c/memory.max": "8000\n",
  "/c/memory.swap.current": "10\n",
  "/c/memory.stat": "anon 1\nfile 700\ninactive_file 300\n",
  "/c/memory.events": "low 0\noom 1\noom_kill 2\n",
  "/c/pids.current": "3\n",
  "/c/pids.max": "9\n",
  "/c/io.stat":
    "8:0 rbytes=4096 wbytes=8 rios=2 wios=2 dbytes=0 dios=0\n8:16 rbytes=1 wbytes=0 rios=1 wios=0 dbytes=0 dios=0\n",
};

const CONTROLLERS = { cpu: "cpu", cpuacct: "cpuacct", memory: "memory", pids: "pids", blkio: "blkio" };
const EMPTY = { cpu: {}, memory: {}, pids: {}, io: {} };

test("version 1", () => expect(statsV1(CONTROLLERS, (path) => V1[path])).toEqual(STATS));
test("version 2", () => expect(statsV2("/c", (path) => V2[path])).toEqual(STATS));

test("files that are missing, and controllers", () => {
  expect(statsV1(CONTROLLERS, () => undefined)).toEqual(EMPTY);
  expect(statsV1({}, (path) => V1[path])).toEqual(EMPTY);
  expect(statsV2("/c", () => undefined)).toEqual(EMPTY);
});

test("no limit is no number", () => {
  const v1: Record<string, string> = {
    "memory/memory.limit_in_bytes": "9223372036854771712\n",
    "pids/pids.max": "max\n",
  };
  const v2: Record<string, string> = { "/c/memory.max": "max\n", "/c/pids.max": "max\n" };
  expect(statsV1(CONTROLLERS, (path) => v1[path])).toEqual(EMPTY);
  expect(statsV2("/c", (path) => v2[path])).toEqual(EMPTY);
});

test("a device that nothing was read from yet is a zero", () => {
  expect(statsV2("/c", (path) => (path === "/c/io.stat" ? "" : undefined)).io).toEqual({
    readBytes: 0,
    writeBytes: 0,
    reads: 0,
    writes: 0,
  });
});
