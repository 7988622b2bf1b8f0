// Limits of memory, swap, cpu, cpuset and pids, read back from the kernel's files; on cgroup v1 and v2 alike.

import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { availableParallelism } from "node:os";
import { cgroupFile, hasCgroup, statOf, VERSION } from "../support/cgroups.ts";
import { SLOWNESS, start, uniqueName, until } from "../support/container.ts";
import { leavesNothing } from "../support/leftovers.ts";
import { execute, RUN, rootfs, run, skipReason } from "../support/minibox.ts";

setDefaultTimeout(30_000 * SLOWNESS);
leavesNothing();
const skip = skipReason("unshare");
const busybox = skip ? "" : rootfs("busybox");
const MIB = 1 << 20;

/** Runs `read` on the host while a container with these flags waits, then ends it. */
async function during<T>(flags: string[], read: (name: string) => T): Promise<T> {
  const name = uniqueName();
  const container = start(["--name", name, ...flags, busybox, "sh", "-c", "echo ready; read -r line"]);
  await container.says("ready");
  const result = read(name);
  container.write("\n");
  expect((await container.ended).status).toBe(0);
  expect(hasCgroup(name)).toBe(false);
  return result;
}

describe.skipIf(skip !== "")(`limits on cgroup ${VERSION} [vm]`, () => {
  test("--memory is the kernel's limit, and as much swap comes with it", async () => {
    const [memory, swap] = await during(["-m", "48m"], (name) => [
      cgroupFile(name, "memory", "memory.limit_in_bytes", "memory.max"),
      VERSION === "v2"
        ? cgroupFile(name, "memory", "", "memory.swap.max")
        : Number(cgroupFile(name, "memory", "memory.memsw.limit_in_bytes", "")) - 48 * MIB,
    ]);
    expect(Number(memory)).toBe(48 * MIB);
    expect(Number(swap)).toBe(48 * MIB);
  });

  test("--memory-swap is memory plus swap, -1 is no limit of swap", async () => {
    const swapOf = (name: string) =>
      VERSION === "v2"
        ? cgroupFile(name, "memory", "", "memory.swap.max")
        : cgroupFile(name, "memory", "memory.memsw.limit_in_bytes", "");
    const limited = await during(["-m", "48m", "--memory-swap", "64m"], swapOf);
    expect(Number(limited)).toBe((VERSION === "v2" ? 16 : 64) * MIB);
    const none = await during(["-m", "48m", "--memory-swap", "48m"], swapOf);
    expect(Number(none)).toBe((VERSION === "v2" ? 0 : 48) * MIB);
    const unlimited = await during(["-m", "48m", "--memory-swap", "-1"], swapOf);
    expect(VERSION === "v2" ? unlimited === "max" : Number(unlimited) > 2 ** 60).toBe(true);
  });

  test("--pids-limit and --cpuset-cpus are in the kernel's files", async () => {
    const pids = await during(["--pids-limit", "33"], (name) =>
      cgroupFile(name, "pids", "pids.max", "pids.max"),
    );
    expect(pids).toBe("33");
    const last = String(availableParallelism() - 1);
    const cpus = await during(["--cpuset-cpus", last], (name) =>
      cgroupFile(name, "cpuset", "cpuset.cpus", "cpuset.cpus.effective"),
    );
    expect(cpus).toBe(last);
    const { stdout } = await run([
      "--cpuset-cpus",
      last,
      busybox,
      "grep",
      "Cpus_allowed_list",
      "/proc/self/status",
    ]);
    expect(stdout.trim().split(/\s+/)[1]).toBe(last);
  });

  test("--cpus is a quota, and it throttles", async () => {
    const name = uniqueName();
    const container = start([
      "--name",
      name,
      "--cpus",
      "0.2",
      busybox,
      "sh",
      "-c",
      "echo ready; while :; do :; done",
    ]);
    await container.says("ready");
    if (VERSION === "v2") expect(cgroupFile(name, "cpu", "", "cpu.max")).toBe("20000 100000");
    else {
      expect(cgroupFile(name, "cpu", "cpu.cfs_quota_us", "")).toBe("20000");
      expect(cgroupFile(name, "cpu", "cpu.cfs_period_us", "")).toBe("100000");
    }
    const throttled = () => statOf(cgroupFile(name, "cpu", "cpu.stat", "cpu.stat"), "nr_throttled");
    await until("it is throttled", () => throttled() >= 3);
    container.signal(15);
    expect((await container.ended).status).toBe(143);
    expect(hasCgroup(name)).toBe(false);
  });

  test("a limit is in force before the first instruction: all of the container is in the cgroup", async () => {
    const name = uniqueName();
    const container = start([
      "--name",
      name,
      "-m",
      "32m",
      "--pids-limit",
      "9",
      busybox,
      "sh",
      "-c",
      "sleep 60 & echo ready; wait",
    ]);
    await container.says("ready");
    for (const controller of ["memory", "pids"])
      expect(cgroupFile(name, controller, "cgroup.procs", "cgroup.procs").split("\n")).toHaveLength(2);
    expect(Number(cgroupFile(name, "pids", "pids.current", "pids.current"))).toBe(2);
    // minibox itself, with the tens of megabytes of its JavaScript engine, is not charged to the container
    const used = Number(cgroupFile(name, "memory", "memory.usage_in_bytes", "memory.current"));
    expect(used).toBeLessThan(6 * MIB);
    container.signal(15);
    await container.ended;
  });

  test("out of memory: 137, and one line with the limit", async () => {
    const name = uniqueName();
    const { status, stderr } = await run([
      "--name",
      name,
      "-m",
      "16m",
      busybox,
      "sh",
      "-c",
      "exec tail /dev/zero",
    ]);
    expect(status).toBe(137);
    expect(stderr.trim().split("\n")).toHaveLength(1);
    expect(stderr).toMatch(/^minibox: out of memory: .*16777216|^minibox: out of memory: .*16/);
    expect(hasCgroup(name)).toBe(false);
  });

  test("out of memory in a child of PID 1: told, and the command's own code stays", async () => {
    const { status, stderr } = await run(["-m", "16m", busybox, "sh", "-c", "tail /dev/zero; exit 5"]);
    expect(status).toBe(5);
    expect(stderr).toMatch(/out of memory: a process in it/);
  });

  test("enough memory is no matter to talk about", async () => {
    expect(await run(["-m", "32m", busybox, "true"])).toEqual({ status: 0, stdout: "", stderr: "" });
  });

  test("a fork bomb is held, ends, and leaves nothing", async () => {
    const name = uniqueName();
    // after its first fork the shell only reads: a shell that had to fork would end when the limit is reached
    const bomb = "bomb() { bomb | bomb & }; bomb; read -r line; exit 6";
    const container = start(["--name", name, "--pids-limit", "20", busybox, "sh", "-c", bomb]);
    const refusals = () => statOf(cgroupFile(name, "pids", "pids.events", "pids.events"), "max");
    await until("a fork is refused", () => hasCgroup(name) && refusals() > 0);
    expect(Number(cgroupFile(name, "pids", "pids.current", "pids.current"))).toBeLessThanOrEqual(20);
    container.write("\n");
    expect((await container.ended).status).toBe(6);
    expect(hasCgroup(name)).toBe(false);
  });

  test("a fork bomb that outlives its shell's patience ends with --timeout", async () => {
    const name = uniqueName();
    const bomb =
      "trap '' TERM; bomb() { while :; do (bomb) & done 2>/dev/null; }; bomb & while :; do :; done";
    const words = ["--name", name, "--pids-limit", "20", "--timeout", "1s", "--stop-timeout", "200ms"];
    const { status } = await run([...words, busybox, "sh", "-c", bomb]);
    expect(status).toBe(124);
    expect(hasCgroup(name)).toBe(false);
  });

  test("a value that the kernel refuses is told with the flag", async () => {
    const { status, stderr } = await run(["--cpuset-cpus", "1000", busybox, "true"]);
    expect(status).toBe(125);
    expect(stderr).toMatch(/--cpuset-cpus cannot be enforced/);
    if (VERSION === "v1") expect(stderr).toMatch(/\n {2}the cpuset\.cpus to choose from are \d[\d,-]*\n$/);
  });
});

/** Runs minibox in a mount namespace of its own, after some words of shell. */
const inOwnMounts = (prepare: string, words: string[]) =>
  execute([
    "unshare",
    "-m",
    "--propagation",
    "private",
    "sh",
    "-c",
    `${prepare} && exec "$@"`,
    "sh",
    ...RUN,
    ...words,
  ]);

describe.skipIf(skip !== "")("where cgroups are missing [vm]", () => {
  const none = "umount -R /sys/fs/cgroup";

  test("a container without limits runs", async () => {
    expect(await inOwnMounts(none, [busybox, "echo", "hi"])).toMatchObject({ status: 0, stdout: "hi\n" });
  });

  test.each([
    ["-m", "64m"],
    ["--cpus", "1"],
    ["--cpuset-cpus", "0"],
    ["--pids-limit", "9"],
  ])("%s is refused with the reason", async (flag, value) => {
    const { status, stderr } = await inOwnMounts(none, [flag, value, busybox, "true"]);
    expect(status).toBe(125);
    expect(stderr).toMatch(/cannot be enforced: this host has no cgroups mounted/);
  });

  test.skipIf(VERSION !== "v1")("one controller that is missing is named, and the others work", async () => {
    const prepare = "umount /sys/fs/cgroup/pids";
    const refused = await inOwnMounts(prepare, ["--pids-limit", "9", busybox, "true"]);
    expect(refused.status).toBe(125);
    expect(refused.stderr).toMatch(/--pids-limit cannot be enforced: .*controller pids/);
    expect(await inOwnMounts(prepare, ["-m", "64m", busybox, "echo", "hi"])).toMatchObject({
      status: 0,
      stdout: "hi\n",
    });
  });

  test("a read-only /sys/fs/cgroup refuses limits with the reason, and runs without", async () => {
    const prepare = `for m in $(grep -o ' /sys/fs/cgroup[^ ]*' /proc/self/mounts); do mount -o remount,bind,ro $m; done`;
    const refused = await inOwnMounts(prepare, ["-m", "64m", busybox, "true"]);
    expect(refused.status).toBe(125);
    expect(refused.stderr).toMatch(/EROFS: read-only file system/);
    expect(await inOwnMounts(prepare, [busybox, "echo", "hi"])).toMatchObject({ status: 0, stdout: "hi\n" });
  });
});
