// A cgroup of its own, found again from its record: joined, frozen, killed, counted, removed; on cgroup v1 and v2 alike.
// The processes are the host's, and the kernel's files say what became of them.

import { afterAll, afterEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { chmodSync, existsSync, mkdirSync, readFileSync, rmdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { openCgroup, planCgroup } from "../../src/cgroup/index.ts";
import { statsOf } from "../../src/cgroup/stats.ts";
import type { Cgroup, CgroupRecord, NewCgroup } from "../../src/cgroup/types.ts";
import { RunError } from "../../src/errors.ts";
import type { Resources } from "../../src/spec/types.ts";
import { hasCgroup, hasController, VERSION } from "../support/cgroups.ts";
import { SLOWNESS, start, uniqueName, until } from "../support/container.ts";
import { leavesNothing } from "../support/leftovers.ts";
import { ROOT, rootfs, scratchDirectory, skipReason } from "../support/minibox.ts";

setDefaultTimeout(30_000 * SLOWNESS);
leavesNothing();
const skip = skipReason();
const MIB = 1 << 20;
const TOP = `cgroups-${uniqueName()}`;

/** The tops of the hierarchies that were used. */
const tops = new Set<string>();
const made: Cgroup[] = [];

/** A new cgroup below a directory of this test's. */
function make(resources: Resources = {}, cgroupsPath = `/${TOP}/${uniqueName()}`): NewCgroup {
  const cgroup = planCgroup("unused", { resources, cgroupsPath });
  if (cgroup === undefined) throw new Error("this host has no cgroups");
  made.push(cgroup);
  for (const path of cgroup.record.directories) tops.add(path.slice(0, path.indexOf(`/${TOP}`)));
  cgroup.create();
  cgroup.apply(resources);
  return cgroup;
}

/** What another process finds in a state file. */
const reopen = (cgroup: Cgroup): Cgroup =>
  openCgroup(JSON.parse(JSON.stringify(cgroup.record)) as CgroupRecord)!;

/** A shell of the host's that joins the cgroup as a container does, and then runs a script. */
function shellIn(cgroup: Cgroup, script: string): ReturnType<typeof Bun.spawn<"ignore", "pipe", "inherit">> {
  const join = cgroup.joinFiles.map((file) => `echo 0 >${file}`).join("; ");
  return Bun.spawn(["sh", "-c", `${join}; ${script}`], {
    stdin: "ignore",
    stdout: "pipe",
    stderr: "inherit",
  });
}

/** Waits for a word on stdout. */
async function says(child: { stdout: ReadableStream<Uint8Array> }, word: string): Promise<void> {
  const reader = child.stdout.getReader();
  for (let text = ""; !text.includes(word); ) {
    const { value, done } = await reader.read();
    if (done) throw new Error(`it ended without "${word}": ${text}`);
    text += new TextDecoder().decode(value);
  }
  reader.releaseLock();
}

/** What a file of the cgroup says; its controller, its name on version 1, and on version 2. */
function fileOf({ record }: Cgroup, controller: string, v1: string, v2: string): string {
  const directory = record.version === 1 ? record.controllers[controller] : record.directories[0];
  return readFileSync(`${directory}/${record.version === 1 ? v1 : v2}`, "utf8").trim();
}

afterEach(() => {
  for (const cgroup of made.splice(0)) expect(cgroup.remove()).toEqual([]);
});

afterAll(() => {
  for (const top of tops)
    for (const path of [`${top}/${TOP}/deep`, `${top}/${TOP}`]) if (existsSync(path)) rmdirSync(path);
});

describe.skipIf(skip !== "")(`a cgroup on ${VERSION} [vm]`, () => {
  test("is described before it is made, made where linux.cgroupsPath says, and removed from its record", () => {
    const cgroupsPath = `/${TOP}/deep/${uniqueName()}`;
    const planned = planCgroup("unused", { cgroupsPath })!;
    const { directories } = planned.record;
    expect(directories.length).toBeGreaterThan(0);
    for (const directory of directories) {
      expect(directory).toEndWith(cgroupsPath);
      expect(existsSync(directory)).toBe(false);
    }
    planned.create();
    for (const directory of directories) expect(existsSync(directory)).toBe(true);
    expect(reopen(planned).remove()).toEqual([]);
    for (const directory of directories) {
      expect(existsSync(directory)).toBe(false);
      expect(existsSync(directory.slice(0, directory.lastIndexOf("/")))).toBe(true);
      tops.add(directory.slice(0, directory.indexOf(`/${TOP}`)));
    }
    // once more, as somebody else may have been faster
    expect(openCgroup(planned.record)?.remove() ?? []).toEqual([]);
    expect(openCgroup(planned.record)?.pids() ?? []).toEqual([]);
  });

  test("a relative linux.cgroupsPath is below what all containers have in common", () => {
    const planned = planCgroup("unused", { cgroupsPath: "some/where" })!;
    for (const directory of planned.record.directories) expect(directory).toEndWith("/minibox/some/where");
  });

  test("is believed only with its mark, which one that was there before has while a container is in it", async () => {
    const before = make();
    const sticky = (): number[] =>
      before.record.directories.map((directory) => statSync(directory).mode & 0o1000);
    const all = (bits: number): number[] => before.record.directories.map(() => bits);
    expect(sticky()).toEqual(all(0o1000));
    for (const directory of before.record.directories) chmodSync(directory, 0o755);
    expect(openCgroup(before.record)).toBeUndefined();
    const path = before.record.directories[0]!.slice(before.record.directories[0]!.indexOf(`/${TOP}`));
    const taken = make({}, path);
    expect(sticky()).toEqual(all(0o1000));
    const sleep = Bun.spawn(["sleep", "600"]);
    reopen(taken).add(sleep.pid);
    expect(reopen(taken).remove()).toEqual([]);
    await sleep.exited;
    expect([sleep.signalCode, sticky()]).toEqual(["SIGKILL", all(0)]);
    for (const directory of before.record.directories) rmdirSync(directory);
  });

  test("takes processes in, and knows those below it, too", async () => {
    const cgroup = make();
    const [sleep, other] = [Bun.spawn(["sleep", "600"]), Bun.spawn(["sleep", "600"])];
    reopen(cgroup).add(sleep.pid);
    const below = `${cgroup.record.directories[0]}/below`;
    mkdirSync(below);
    writeFileSync(`${below}/cgroup.procs`, String(other.pid));
    expect(
      reopen(cgroup)
        .pids()
        .sort((a, b) => a - b),
    ).toEqual([sleep.pid, other.pid].sort((a, b) => a - b));
    const membership = readFileSync(`/proc/${sleep.pid}/cgroup`, "utf8");
    const own = membership.split("\n").filter((line) => line.includes(TOP));
    expect(own.length).toBeGreaterThanOrEqual(cgroup.record.directories.length);
    expect(reopen(cgroup).remove()).toEqual([]);
    await Promise.all([sleep.exited, other.exited]);
    expect([sleep.signalCode, other.signalCode]).toEqual(["SIGKILL", "SIGKILL"]);
    expect(existsSync(cgroup.record.directories[0]!)).toBe(false);
  });

  test("is frozen: a process answers no signal until it goes on", async () => {
    const cgroup = make();
    const file = join(scratchDirectory(), "progress");
    const child = shellIn(cgroup, `trap 'exit 3' TERM; echo ready; while :; do echo >>${file}; done`);
    await says(child, "ready");
    await until("it makes progress", async () => existsSync(file) && statSync(file).size > 100);
    reopen(cgroup).freeze();
    expect(reopen(cgroup).isFrozen()).toBe(true);
    const progress = statSync(file).size;
    child.kill("SIGTERM");
    // others get their turn meanwhile, and the CPU that it would have
    for (let i = 0; i < 5; i++) await Bun.spawn(["true"]).exited;
    expect(child.exitCode).toBe(null);
    expect(statSync(file).size).toBe(progress);
    reopen(cgroup).thaw();
    expect(await child.exited).toBe(3);
    expect(reopen(cgroup).isFrozen()).toBe(false);
  });

  test("one without processes can be frozen, and a process that joins it stops", async () => {
    const cgroup = make();
    cgroup.freeze();
    expect(cgroup.isFrozen()).toBe(true);
    const sleep = Bun.spawn(["sleep", "600"]);
    cgroup.add(sleep.pid);
    await until("it is frozen as well", async () => cgroup.isFrozen());
    cgroup.thaw();
    expect(cgroup.kill()).toBe(true);
    await sleep.exited;
  });

  test("kills what is frozen", async () => {
    const cgroup = make();
    const child = shellIn(cgroup, "sleep 600 & echo ready; trap '' TERM; wait");
    await says(child, "ready");
    cgroup.freeze();
    expect(reopen(cgroup).kill()).toBe(true);
    await child.exited;
    expect(child.signalCode).toBe("SIGKILL");
    expect(cgroup.pids()).toEqual([]);
  });

  test("kills what forks without end", async () => {
    const cgroup = make({ pids: { limit: 40 } });
    const child = shellIn(
      cgroup,
      "trap '' TERM; f() { while :; do (f) & (sleep 0) & done 2>/dev/null; }; echo ready; f",
    );
    await says(child, "ready");
    await until("it has forked", async () => cgroup.pids().length > 10);
    expect(reopen(cgroup).kill(20_000 * SLOWNESS)).toBe(true);
    await child.exited;
    expect(cgroup.pids()).toEqual([]);
  });

  test("removes a frozen cgroup with what is in it", async () => {
    const cgroup = make();
    const child = shellIn(cgroup, "echo ready; sleep 600");
    await says(child, "ready");
    cgroup.freeze();
    expect(reopen(cgroup).remove()).toEqual([]);
    await child.exited;
    for (const directory of cgroup.record.directories) expect(existsSync(directory)).toBe(false);
  });

  test("an empty directory that was there before stays", () => {
    const first = make();
    const path = first.record.directories[0]!;
    const cgroupsPath = path.slice(path.indexOf(`/${TOP}`));
    const second = make({}, cgroupsPath);
    expect(second.record.kept).toEqual(second.record.directories);
    expect(reopen(second).remove()).toEqual([]);
    expect(existsSync(path)).toBe(true);
    expect(first.remove()).toEqual([]);
    expect(existsSync(path)).toBe(false);
  });

  test("one that has a process is nobody else's", async () => {
    const first = make();
    const sleep = Bun.spawn(["sleep", "600"]);
    first.add(sleep.pid);
    const path = first.record.directories[0]!;
    const second = planCgroup("unused", { cgroupsPath: path.slice(path.indexOf(`/${TOP}`)) })!;
    expect(() => second.create()).toThrow(`the cgroup ${path} is in use: process ${sleep.pid} is in it`);
    first.remove();
    await sleep.exited;
  });
});

describe.skipIf(skip !== "")(`a container on cgroup ${VERSION} [vm]`, () => {
  test("is paused and continued by whoever reads its state file", async () => {
    const name = uniqueName();
    const loop = "echo ready; while read -r line; do echo got $line; done";
    const container = start(["--name", name, rootfs("busybox"), "sh", "-c", loop]);
    await container.says("ready");
    const state = JSON.parse(readFileSync(`${ROOT}/${name}/state.json`, "utf8"));
    const cgroup = openCgroup(state.cgroup as CgroupRecord)!;
    expect(cgroup.pids()).toHaveLength(1);
    cgroup.freeze();
    expect(cgroup.isFrozen()).toBe(true);
    container.write("first\n");
    for (let i = 0; i < 5; i++) await Bun.spawn(["true"]).exited;
    expect(container.stdout).toBe("ready\n");
    cgroup.thaw();
    await container.says("got first\n");
    // a paused one ends, too, and leaves nothing
    cgroup.freeze();
    expect(cgroup.kill()).toBe(true);
    expect((await container.ended).status).toBe(137);
    expect(hasCgroup(name)).toBe(false);
  });
});

describe.skipIf(skip !== "")(`limits on cgroup ${VERSION} [vm]`, () => {
  test("memory.reservation, cpu.shares and cpu.period are in the kernel's files", () => {
    const cgroup = make({
      memory: { reservation: 8 * MIB },
      cpu: { shares: 512, period: 50_000, quota: 25_000 },
    });
    expect(fileOf(cgroup, "memory", "memory.soft_limit_in_bytes", "memory.low")).toBe(String(8 * MIB));
    expect(fileOf(cgroup, "cpu", "cpu.shares", "cpu.weight")).toBe(VERSION === "v1" ? "512" : "20");
    expect(fileOf(cgroup, "cpu", "cpu.cfs_period_us", "cpu.max")).toBe(
      VERSION === "v1" ? "50000" : "25000 50000",
    );
  });

  test("-1 is no limit, also after there was one", () => {
    const cgroup = make({ memory: { limit: 16 * MIB, swap: 32 * MIB }, pids: { limit: 9 } });
    expect(statsOf(cgroup.record)).toMatchObject({ memory: { limit: 16 * MIB }, pids: { limit: 9 } });
    // the sum is never below the memory
    reopen(cgroup).apply({ memory: { limit: 16 * MIB, swap: -1 } });
    reopen(cgroup).apply({ memory: { limit: -1 }, pids: { limit: -1 } });
    const { memory, pids } = statsOf(cgroup.record);
    expect([memory.limit, pids.limit]).toEqual([undefined, undefined]);
  });

  test.skipIf(VERSION !== "v2")("unified writes files of version 2", () => {
    const cgroup = make({ unified: { "memory.high": String(12 * MIB), "cgroup.max.depth": "1" } });
    expect(fileOf(cgroup, "memory", "", "memory.high")).toBe(String(12 * MIB));
    expect(fileOf(cgroup, "", "", "cgroup.max.depth")).toBe("1");
  });

  test.each([
    ["memory.nothing", "1"],
    ["nothing.max", "1"],
    ["memory.high", "much"],
  ])("unified %s=%s is refused by its name", (name, value) => {
    let error: unknown;
    try {
      make({ unified: { [name]: value } });
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toBeInstanceOf(RunError);
    expect((error as RunError).field).toBe(`linux.resources.unified["${name}"]`);
    expect((error as RunError).message).toContain(" cannot be enforced: ");
  });

  test("a value that the kernel refuses is told with its field", () => {
    let error: unknown;
    try {
      make({ cpu: { cpus: "8000" } });
    } catch (thrown) {
      error = thrown;
    }
    expect((error as RunError).field).toBe("linux.resources.cpu.cpus");
    expect((error as RunError).message).toMatch(/^linux\.resources\.cpu\.cpus (8000 )?cannot be enforced: /);
  });
});

describe.skipIf(skip !== "")(`statistics on cgroup ${VERSION} [vm]`, () => {
  test("count CPU time and its throttling, memory and processes", async () => {
    const cgroup = make({ memory: { limit: 64 * MIB }, cpu: { quota: 20_000 }, pids: { limit: 7 } });
    const child = shellIn(cgroup, "echo ready; while :; do :; done");
    await says(child, "ready");
    const opened = reopen(cgroup);
    await until("it is throttled", async () => (statsOf(opened.record).cpu.throttledTime ?? 0) > 0);
    const { cpu, memory, pids } = statsOf(opened.record);
    expect(cpu.usage).toBeGreaterThan(0);
    // each of the three is read at a moment of its own
    expect(cpu.user! + cpu.system!).toBeGreaterThan(0);
    expect(cpu.throttledPeriods).toBeGreaterThan(0);
    expect(cpu.periods).toBeGreaterThanOrEqual(cpu.throttledPeriods!);
    expect(memory.usage).toBeGreaterThan(0);
    expect(memory.usage).toBeLessThan(64 * MIB);
    expect(memory.limit).toBe(64 * MIB);
    expect(memory.oomKills).toBe(0);
    expect(pids).toEqual({ current: 1, limit: 7 });
    cgroup.kill();
    await child.exited;
    expect(statsOf(opened.record).pids.current).toBe(0);
  });

  test.skipIf(!hasController(VERSION === "v2" ? "io" : "blkio"))(
    "count what is read and written",
    async () => {
      const { io } = statsOf(make().record);
      for (const count of [io.readBytes, io.writeBytes, io.reads, io.writes])
        expect(count).toBeGreaterThanOrEqual(0);
    },
  );

  test("who was killed for want of memory, and that the limit was the cgroup's own", async () => {
    const cgroup = make({ memory: { limit: 16 * MIB, swap: 16 * MIB } });
    const child = shellIn(cgroup, "exec tail /dev/zero");
    await child.exited;
    expect(child.signalCode).toBe("SIGKILL");
    expect(reopen(cgroup).oomKills()).toEqual({ count: 1, own: true });
    expect(statsOf(cgroup.record).memory.oomKills).toBe(1);
    expect(statsOf(cgroup.record).memory.peak ?? 16 * MIB).toBeGreaterThan(8 * MIB);
  });
});
