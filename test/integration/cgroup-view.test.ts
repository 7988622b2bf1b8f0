// A container's /sys/fs/cgroup shows its own control groups alone, read-only, in the places where programs look for their
// limits; on cgroup v1, on v2 and where both are mounted.

import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { mkdirSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { parseHierarchies } from "../../src/cgroup/hierarchies.ts";
import { cgroupFile, VERSION } from "../support/cgroups.ts";
import { SLOWNESS, start, uniqueName } from "../support/container.ts";
import { leavesNothing } from "../support/leftovers.ts";
import { execute, RUN, rootfs, run, scratchDirectory, skipReason } from "../support/minibox.ts";
import { makePlace, type Place, runAsUser } from "../support/user.ts";

setDefaultTimeout(30_000 * SLOWNESS);
leavesNothing();
const skip = skipReason("unshare", "setpriv", "chrt");
const busybox = skip ? "" : rootfs("busybox");
const MIB = 1 << 20;
const CPU = String(availableParallelism() - 1);
const LIMITS = ["-m", "48m", "--cpus", "0.5", "--pids-limit", "33", "--cpuset-cpus", CPU];

/** The file of a limit inside, on either version. */
const inside = (controller: string, v1: string, v2: string): string =>
  VERSION === "v2" ? `/sys/fs/cgroup/${v2}` : `/sys/fs/cgroup/${controller}/${v1}`;

const LIMIT_FILES = [
  inside("memory", "memory.limit_in_bytes", "memory.max"),
  inside("cpu", "cpu.cfs_quota_us", "cpu.max"),
  inside("pids", "pids.max", "pids.max"),
  inside("cpuset", "cpuset.cpus", "cpuset.cpus"),
];
const LIMIT_VALUES = [String(48 * MIB), VERSION === "v2" ? "50000 100000" : "50000", "33", CPU];

/** The control groups' mounts of a mountinfo, and what their mount points are. */
function cgroupMounts(mountinfo: string): { root: string; place: string; options: string[]; type: string }[] {
  const lines = mountinfo.split("\n").filter((line) => / - cgroup2? /.test(line));
  return lines.map((line) => {
    const [, , , root = "", place = "", options = ""] = line.split(" ");
    return { root, place, options: options.split(","), type: / - (\S+)/.exec(line)![1]! };
  });
}

describe.skipIf(skip !== "")(`in /sys/fs/cgroup on ${VERSION} [vm]`, () => {
  test("a container reads its own limits", async () => {
    const { stdout, stderr } = await run([...LIMITS, busybox, "cat", ...LIMIT_FILES]);
    expect(stderr).toBe("");
    expect(stdout.trim().split("\n")).toEqual(LIMIT_VALUES);
  });

  test("as any user, whatever its caller's umask", async () => {
    const words = [...RUN, "-u", "1000", ...LIMITS, busybox, "cat", ...LIMIT_FILES];
    const { stdout, stderr } = await execute(["sh", "-c", 'umask 077; exec "$@"', "sh", ...words]);
    expect(stderr).toBe("");
    expect(stdout.trim().split("\n")).toEqual(LIMIT_VALUES);
  });

  test("so does one in a user namespace", async () => {
    const flags = ["--userns", "200000:300000:65536", ...LIMITS];
    const { stdout, stderr } = await run([...flags, busybox, "cat", ...LIMIT_FILES]);
    expect(stderr).toBe("");
    expect(stdout.trim().split("\n")).toEqual(LIMIT_VALUES);
  });

  test("what it uses is counted, inside and outside, without any limit", async () => {
    const name = uniqueName();
    const memory = inside("memory", "memory.usage_in_bytes", "memory.current");
    const pids = inside("pids", "pids.current", "pids.current");
    const container = start([
      "--name",
      name,
      busybox,
      "sh",
      "-c",
      `cat ${memory} ${pids}; echo; read -r line`,
    ]);
    await container.says("\n\n");
    const outside = [
      cgroupFile(name, "memory", "memory.usage_in_bytes", "memory.current"),
      cgroupFile(name, "pids", "pids.current", "pids.current"),
    ];
    container.write("\n");
    expect((await container.ended).status).toBe(0);
    const [used, count] = container.stdout.split("\n");
    // inside there were the shell and cat
    expect(count).toBe("2");
    expect(Number(used)).toBeGreaterThan(0);
    expect(outside[1]).toBe("1");
    expect(Number(outside[0])).toBeGreaterThan(0);
  });

  test("every hierarchy that is shown has the host's name, and the container's own group as its top", async () => {
    const script = "cat /proc/self/mountinfo; echo =; cat /proc/self/cgroup";
    const { stdout } = await run([busybox, "sh", "-c", script]);
    const [mountinfo = "", membership = ""] = stdout.split("=\n");
    const mounts = cgroupMounts(mountinfo);
    const host = cgroupMounts(readFileSync("/proc/self/mountinfo", "utf8")).map(({ place }) => place);
    const wanted = host.filter(
      (place) =>
        /\/(memory|pids|devices|cpu|cpuacct|cpu,cpuacct|cpuset|systemd|unified|cgroup)$/.test(place) &&
        place.startsWith("/sys/fs/cgroup"),
    );
    expect(wanted.length).toBeGreaterThan(0);
    expect(mounts.map(({ place }) => place).sort()).toEqual(wanted.sort());
    for (const mount of mounts) {
      expect(mount).toMatchObject({ root: "/", type: expect.any(String) });
      expect(mount.options).toEqual(expect.arrayContaining(["ro", "nosuid", "nodev", "noexec"]));
    }
    const own = membership.split("\n").filter((line) => /:(memory|pids|devices|cpu\b.*|cpuset|):/.test(line));
    expect(own.length).toBeGreaterThan(0);
    for (const line of own) expect(line).toEndWith(":/");
  });

  test("a program finds its limits by the files in /proc, as Go's runtime, the JVM and libuv look for them", async () => {
    // the mount of the controller, and below it the path that /proc/self/cgroup has for it
    const script = `find() {
      mount= own=
      while read -r _ _ _ root place _ rest; do
        case ",\${rest##* }," in *",$1,"*) mount=$place ;; esac
        case $rest in *"- cgroup2 "*) mount2=$place ;; esac
      done </proc/self/mountinfo
      while IFS=: read -r _ names path; do
        case ",$names," in *",$1,"*) own=$path ;; ,,) own2=$path ;; esac
      done </proc/self/cgroup
      if [ -n "$mount" ]; then cat "$mount/$own/$2"; else cat "$mount2/$own2/$3"; fi
    }
    find memory memory.limit_in_bytes memory.max
    find cpu cpu.cfs_quota_us cpu.max
    find pids pids.max pids.max
    find cpuset cpuset.cpus cpuset.cpus`;
    const { stdout, stderr } = await run([...LIMITS, busybox, "sh", "-c", script]);
    expect(stderr).toBe("");
    expect(stdout.trim().split("\n")).toEqual(LIMIT_VALUES);
  });

  test("nproc says how many CPUs there are to run on", async () => {
    expect((await run(["--cpuset-cpus", CPU, busybox, "nproc"])).stdout).toBe("1\n");
  });

  test.skipIf(VERSION === "v2")("of controllers that share a hierarchy each has its name", async () => {
    const { v1 } = parseHierarchies(readFileSync("/proc/self/mountinfo", "utf8"));
    const names = ["memory", "pids", "devices", "cpu", "cpuacct", "cpuset"].filter((name) => v1.has(name));
    const files = names.map((name) => `/sys/fs/cgroup/${name}/cgroup.procs`);
    const { stdout } = await run([busybox, "sh", "-c", `for f in ${files.join(" ")}; do cat $f; done`]);
    // each file lists PID 1 and cat; the line "1" is PID 1
    expect(stdout.split("\n").filter((line) => line === "1")).toHaveLength(names.length);
  });

  test("no other container is seen, and none can be made", async () => {
    const other = start(["--cpus", "1", busybox, "sh", "-c", "echo ready; read -r line"]);
    await other.says("ready");
    const top = "/sys/fs/cgroup";
    const own = VERSION === "v2" ? top : `${top}/memory ${top}/cpu/ ${top}/cpuset ${top}/pids ${top}/devices`;
    const script = `find ${own} -mindepth 1 -type d; for d in ${top} ${own}; do mkdir $d/new 2>&1; done`;
    const { stdout } = await run([busybox, "sh", "-c", script]);
    other.write("\n");
    expect((await other.ended).status).toBe(0);
    for (const line of stdout.trim().split("\n")) expect(line).toEndWith("Read-only file system");
  });

  test("nothing can be written, with or without a user namespace, nor be made writable", async () => {
    const script = `for f in $(find /sys/fs/cgroup/ -type f); do (: >>$f) 2>/dev/null && echo $f; done
      for m in $(grep -o '/sys/fs/cgroup[^ ]*' /proc/mounts); do mount -o remount,rw,bind $m 2>/dev/null && echo $m; done
      find /sys/fs/cgroup/ -type f | wc -l`;
    for (const flags of [[], ["--userns", "200000:300000:65536"]]) {
      const { stdout } = await run([...flags, busybox, "sh", "-c", script]);
      expect(stdout).toMatch(/^[1-9]\d+\n$/);
    }
  });

  test("a container that gets no group of its own sees its caller's", async () => {
    const readOnly = `for m in $(grep -o '/sys/fs/cgroup[^ ]*' /proc/mounts); do mount -o remount,ro,bind $m || mount --bind -o ro $m $m; done; exec "$0" "$@"`;
    const wrapper = ["unshare", "-m", "sh", "-c", readOnly];
    const command = [busybox, "sh", "-c", "cat /proc/self/mountinfo; ls /sys/fs/cgroup/*"];
    const { status, stdout } = await execute([...wrapper, ...RUN, ...command]);
    expect(status).toBe(0);
    const mounts = cgroupMounts(stdout);
    expect(mounts.length).toBeGreaterThan(0);
    for (const { root, options } of mounts) expect([root, options[0]]).toEqual(["/", "ro"]);
    expect(stdout).toContain("cgroup.procs");
  });

  test("a real-time process, which the cpu controller may not take in, runs as before", async () => {
    const { status, stderr } = await execute(["chrt", "-r", "1", ...RUN, busybox, "true"]);
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  });
});

describe.skipIf(skip !== "")("an ordinary user [vm]", () => {
  let place: Place;
  beforeAll(() => {
    place = makePlace();
  });
  afterAll(() => place.remove());

  test("sees its own control groups, read-only", async () => {
    const script = "cat /proc/self/mountinfo; find /sys/fs/cgroup/ -name cgroup.procs | wc -l";
    const { status, stdout } = await runAsUser(place, [place.rootfs, "sh", "-c", script]);
    expect(status).toBe(0);
    const mounts = cgroupMounts(stdout);
    expect(mounts.length).toBeGreaterThan(0);
    for (const { root, options } of mounts) expect([root, options[0]]).toEqual(["/", "ro"]);
    expect(Number(stdout.trim().split("\n").at(-1))).toBeGreaterThanOrEqual(mounts.length);
  });
});

/** Runs one of the host's programs in a root that consists of binds of the host's directories; returns its stdout. */
async function withHostsPrograms(flags: string[], words: string[]): Promise<string> {
  const root = scratchDirectory();
  for (const name of ["usr", "etc", "tmp"]) mkdirSync(join(root, name));
  for (const name of ["bin", "lib", "lib64", "sbin"]) symlinkSync(`usr/${name}`, join(root, name));
  const binds = ["-v", "/usr:/usr:ro", "-v", "/etc:/etc:ro"];
  const { status, stdout, stderr } = await run([...binds, ...flags, root, ...words]);
  rmSync(root, { recursive: true });
  if (status !== 0) throw new Error(stderr);
  return stdout;
}

const needsJava = skip || skipReason("java");
test.skipIf(needsJava !== "")("java sizes its heap and its threads by the limits", async () => {
  const java = ["java", "-Xlog:os+container=trace", "-XX:+PrintFlagsFinal", "-version"];
  const stdout = await withHostsPrograms(["-m", "256m", "--cpus", "1"], java);
  expect(Number(/ MaxHeapSize += (\d+)/.exec(stdout)?.[1])).toBeLessThan(256 * MIB);
  expect(stdout).toMatch(/active_processor_count.*: 1$/m);
});

const needsNode = skip || skipReason("node");
test.skipIf(needsNode !== "")("node sizes its heap by the limit", async () => {
  const script = "console.log(v8.getHeapStatistics().heap_size_limit, process.constrainedMemory?.())";
  const stdout = await withHostsPrograms(["-m", "256m", "--cpuset-cpus", CPU], ["node", "-p", script]);
  const [heap, constrained] = stdout.split(/\s+/).map(Number);
  expect(heap).toBeLessThan(512 * MIB);
  if (Number.isFinite(constrained)) expect(constrained).toBe(256 * MIB);
});
