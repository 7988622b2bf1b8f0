// --cgroup-parent: the container's cgroup is below the parent, the parent's limits hold too, and the container's cgroup is
// removed however the run ends; on cgroup v1 and v2 alike.

import { afterAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { VERSION } from "../support/cgroups.ts";
import { SLOWNESS, start, uniqueName, until } from "../support/container.ts";
import { leavesNothing } from "../support/leftovers.ts";
import { rootfs, run, skipReason } from "../support/minibox.ts";

setDefaultTimeout(60_000 * SLOWNESS);
leavesNothing();
const skip = skipReason();
const busybox = skip ? "" : rootfs("busybox");
const MIB = 1 << 20;
const TOP = `parent-${uniqueName()}`;

/** The mounted hierarchies. */
const mounts: string[] = [];
if (VERSION === "v2") mounts.push("/sys/fs/cgroup");
else for (const name of readdirSync("/sys/fs/cgroup")) mounts.push(`/sys/fs/cgroup/${name}`);
const memory = VERSION === "v2" ? "/sys/fs/cgroup" : "/sys/fs/cgroup/memory";

const places = (path: string): string[] =>
  mounts.map((mount) => `${mount}/${path}`).filter((directory) => existsSync(directory));

afterAll(() => {
  for (const path of [`${TOP}/deep/minibox`, `${TOP}/deep`, `${TOP}/minibox`, TOP])
    for (const directory of places(path)) rmdirSync(directory);
});

describe.skipIf(skip !== "")(`--cgroup-parent on cgroup ${VERSION} [vm]`, () => {
  test("a container with limits is below it, and nothing of it stays but the parent", async () => {
    const name = uniqueName();
    const limits = ["-m", "48m", "--cpus", "1", "--cpuset-cpus", "0", "--pids-limit", "9"];
    const words = ["--name", name, "--cgroup-parent", `/${TOP}/deep/`, ...limits, busybox];
    const container = start([...words, "sh", "-c", "echo ready; read -r line"]);
    await container.says("ready");
    const own = `${TOP}/deep/minibox/${name}`;
    const file = VERSION === "v2" ? "memory.max" : "memory.limit_in_bytes";
    expect(readFileSync(`${memory}/${own}/${file}`, "utf8")).toBe(`${48 * MIB}\n`);
    expect(places(`minibox/${name}`)).toEqual([]);
    container.write("\n");
    expect((await container.ended).status).toBe(0);
    expect(places(own)).toEqual([]);
    expect(places(`${TOP}/deep`)).not.toEqual([]);
  });

  test("the parent's limit holds too, and is told from the container's own", async () => {
    expect((await run(["-m", "64m", "--cgroup-parent", TOP, busybox, "true"])).status).toBe(0);
    if (VERSION === "v2") {
      writeFileSync(`${memory}/${TOP}/memory.max`, String(16 * MIB));
      writeFileSync(`${memory}/${TOP}/memory.swap.max`, "0");
    } else writeFileSync(`${memory}/${TOP}/memory.limit_in_bytes`, String(16 * MIB));
    const words = ["-m", "64m", "--memory-swap", "64m", "--cgroup-parent", TOP, busybox];
    const { status, stderr } = await run([...words, "tail", "/dev/zero"]);
    expect(status).toBe(137);
    expect(stderr).toBe(
      `minibox: out of memory: the container was killed, because all that is in the cgroup ${memory}/${TOP} reached its limit of ${16 * MIB} bytes\n`,
    );
  });

  test("what a killed minibox left below it is removed by the next", async () => {
    const name = uniqueName();
    const words = ["--name", name, "--cgroup-parent", `${TOP}/deep`, busybox];
    const container = start([...words, "sh", "-c", "echo ready; read -r line"]);
    await container.says("ready");
    container.signal(9);
    await container.ended;
    expect(places(`${TOP}/deep/minibox/${name}`)).not.toEqual([]);
    await until("it is removed", async () => {
      await run([busybox, "true"]);
      return places(`${TOP}/deep/minibox/${name}`).length === 0;
    });
  });

  test("one that leads upwards is refused", async () => {
    for (const path of ["..", `/${TOP}/../${TOP}`]) {
      const { status, stderr } = await run(["--cgroup-parent", path, busybox, "true"]);
      expect(status).toBe(125);
      expect(stderr).toContain(`minibox: --cgroup-parent: "${path}" must not lead upwards (..)`);
    }
  });
});
