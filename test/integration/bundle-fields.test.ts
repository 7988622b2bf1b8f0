// What a bundle's config.json asks for beyond a root and a command: each field does in a container what the runtime
// specification says.

import { afterAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, mkdirSync, readFileSync, readlinkSync, rmdirSync } from "node:fs";
import { BASE, create, minibox, refusal, runs } from "../support/bundle.ts";
import { cgroupOf, hasController, VERSION } from "../support/cgroups.ts";
import { SLOWNESS, tryText, uniqueName, until } from "../support/container.ts";
import { leavesNothing } from "../support/leftovers.ts";
import { skipReason } from "../support/minibox.ts";

setDefaultTimeout(30_000 * SLOWNESS);
leavesNothing();
const skip = skipReason();
const MIB = 1 << 20;
const TOP = `bundle-${uniqueName()}`;

/** A changed `linux`; the rest is as in BASE. */
const withLinux = (linux: object) => (config: typeof BASE) => ({
  ...config,
  linux: { ...config.linux, ...linux },
});

const withNamespaces = (...types: string[]) => ({
  namespaces: [...BASE.linux.namespaces, ...types.map((type) => ({ type }))],
});

/** The directory of a cgroup in the hierarchy of a controller. */
const directoryOf = (path: string, controller: string): string =>
  VERSION === "v2" ? `/sys/fs/cgroup/${path}` : `/sys/fs/cgroup/${controller}/${path}`;

const fileOf = (path: string, controller: string, v1: string, v2: string): string =>
  readFileSync(`${directoryOf(path, controller)}/${VERSION === "v2" ? v2 : v1}`, "utf8").trim();

/** Every hierarchy's directory of this cgroup. */
const placesOf = (path: string): string[] =>
  ["memory", "cpu", "cpuacct", "cpuset", "pids", "devices", "freezer", "blkio", "systemd", "unified"]
    .map((controller) => directoryOf(path, controller))
    .filter((directory, i, all) => existsSync(directory) && all.indexOf(directory) === i);

afterAll(() => {
  for (const path of [`${TOP}/deep`, `${TOP}/kept`, TOP])
    for (const directory of placesOf(path)) rmdirSync(directory);
});

describe.skipIf(skip !== "")(`linux.cgroupsPath and linux.resources of a bundle on ${VERSION} [vm]`, () => {
  test("an absolute path is the container's cgroup, with its limits, and goes with the container", async () => {
    const path = `${TOP}/deep/own`;
    const resources = {
      memory: { limit: 64 * MIB, reservation: 32 * MIB },
      cpu: { shares: 512 },
      pids: { limit: 7 },
    };
    const { name, status, output } = await create(withLinux({ cgroupsPath: `/${path}`, resources }));
    expect([status, tryText(output)]).toEqual([0, ""]);
    expect(fileOf(path, "memory", "memory.limit_in_bytes", "memory.max")).toBe(String(64 * MIB));
    expect(fileOf(path, "memory", "memory.soft_limit_in_bytes", "memory.low")).toBe(String(32 * MIB));
    expect(fileOf(path, "cpu", "cpu.shares", "cpu.weight")).toBe(VERSION === "v2" ? "20" : "512");
    expect(fileOf(path, "pids", "pids.max", "pids.max")).toBe("7");
    const { pid } = JSON.parse((await minibox("state", name)).stdout) as { pid: number };
    expect(fileOf(path, "pids", "cgroup.procs", "cgroup.procs")).toBe(String(pid));
    expect(await minibox("delete", "--force", name)).toEqual({ status: 0, stdout: "", stderr: "" });
    expect(placesOf(path)).toEqual([]);
    for (const directory of placesOf(`${TOP}/deep`)) rmdirSync(directory);
  });

  test("a relative path is below what all containers have in common", async () => {
    const path = `some-${uniqueName()}`;
    const { name, status, output } = await create(withLinux({ cgroupsPath: path }));
    expect([status, tryText(output)]).toEqual([0, ""]);
    const { pid } = JSON.parse((await minibox("state", name)).stdout) as { pid: number };
    expect(readFileSync(`${cgroupOf(path, "pids")}/cgroup.procs`, "utf8")).toBe(`${pid}\n`);
    expect(existsSync(cgroupOf(name, "pids"))).toBe(false);
    expect(await minibox("delete", "--force", name)).toEqual({ status: 0, stdout: "", stderr: "" });
    expect(existsSync(cgroupOf(path, "pids"))).toBe(false);
  });

  test("a directory that was there before stays when the container goes", async () => {
    const path = `${TOP}/kept`;
    mkdirSync(directoryOf(path, "pids"), { recursive: true });
    const { name, status, output } = await create(withLinux({ cgroupsPath: `/${path}` }));
    expect([status, tryText(output)]).toEqual([0, ""]);
    expect(fileOf(path, "pids", "cgroup.procs", "cgroup.procs")).not.toBe("");
    expect(await minibox("delete", "--force", name)).toEqual({ status: 0, stdout: "", stderr: "" });
    expect(placesOf(path)).toEqual([directoryOf(path, "pids")]);
    expect(fileOf(path, "pids", "cgroup.procs", "cgroup.procs")).toBe("");
  });

  test("a path that leads upwards is refused by the field's name, and nothing is made", async () => {
    const said = await refusal(withLinux({ cgroupsPath: `/${TOP}/../../elsewhere` }));
    expect(said).toContain("linux.cgroupsPath");
    expect(said).toContain("must not lead upwards");
  });

  test.skipIf(VERSION === "v2")("unified is refused by its name", async () => {
    expect(await refusal(withLinux({ resources: { unified: { "memory.high": "1000000" } } }))).toContain(
      'linux.resources.unified["memory.high"] cannot be enforced: it is a file of cgroup v2',
    );
  });

  test.skipIf(VERSION === "v1" || !hasController("memory"))(
    "unified sets a file by its own name",
    async () => {
      const path = `${TOP}/unified`;
      const resources = { unified: { "memory.high": String(16 * MIB) } };
      const { name, status, output } = await create(withLinux({ cgroupsPath: `/${path}`, resources }));
      expect([status, tryText(output)]).toEqual([0, ""]);
      expect(fileOf(path, "memory", "", "memory.high")).toBe(String(16 * MIB));
      expect((await minibox("delete", "--force", name)).status).toBe(0);
    },
  );
});

describe.skipIf(skip !== "")("in a bundle", () => {
  test("process.oomScoreAdj is the command's, and without it the caller's stays", async () => {
    const shown = "cat /proc/self/oom_score_adj";
    const asked = await runs(shown, (config) => ({
      ...config,
      process: { ...config.process, oomScoreAdj: 321 },
    }));
    expect(asked).toBe("321\n");
    expect(await runs(shown)).toBe(readFileSync("/proc/self/oom_score_adj", "utf8"));
  });

  test("annotations are in the state that the container shows", async () => {
    const annotations = { "org.example.key": "a value", "org.example.empty": "" };
    const { name, status } = await create((config) => ({ ...config, annotations }));
    expect(status).toBe(0);
    const state = JSON.parse((await minibox("state", name)).stdout) as { annotations: unknown };
    expect(state.annotations).toEqual(annotations);
    expect((await minibox("delete", "--force", name)).status).toBe(0);
  });

  test("linux.devices are made with their mode and owner, and one by a default's path takes its place", async () => {
    const devices = [
      { type: "c", path: "/dev/mine", major: 1, minor: 3, fileMode: 0o640, uid: 3, gid: 4 },
      { type: "p", path: "/dev/pipe", fileMode: 0o600 },
      { type: "c", path: "/dev/zero", major: 1, minor: 3, fileMode: 0o600 },
    ];
    const script =
      "stat -c '%n %F %t:%T %a %u:%g' /dev/mine /dev/pipe /dev/zero /dev/full; head -c 1 /dev/zero | wc -c";
    expect(await runs(script, withLinux({ devices }))).toBe(
      [
        "/dev/mine character special file 1:3 640 3:4",
        "/dev/pipe fifo 0:0 600 0:0",
        "/dev/zero character special file 1:3 600 0:0",
        "/dev/full character special file 1:7 666 0:0",
        "0\n",
      ].join("\n"),
    );
  });

  test("linux.sysctl is set in the container's own namespaces, and the host's value stays", async () => {
    const file = "/proc/sys/net/ipv4/ip_default_ttl";
    const before = readFileSync(file, "utf8");
    const wanted = before === "77\n" ? "78" : "77";
    const linux = {
      ...withNamespaces("network", "ipc"),
      sysctl: { "net.ipv4.ip_default_ttl": wanted, "kernel.msgmax": "4321" },
    };
    expect(await runs(`cat ${file} /proc/sys/kernel/msgmax`, withLinux(linux))).toBe(`${wanted}\n4321\n`);
    expect(readFileSync(file, "utf8")).toBe(before);
    expect(await refusal(withLinux({ sysctl: { "net.ipv4.ip_default_ttl": wanted } }))).toStartWith(
      'linux.sysctl["net.ipv4.ip_default_ttl"]: needs a network namespace',
    );
  });

  test("hostname and domainname are set in a uts namespace that the container joins, and not on the host", async () => {
    const holder = Bun.spawn(["unshare", "-u", "sleep", "1000"]);
    const own = readlinkSync("/proc/self/ns/uts");
    try {
      const path = `/proc/${holder.pid}/ns/uts`;
      await until("it has its namespace", () => tryText(`/proc/${holder.pid}/comm`) === "sleep\n");
      const before = readFileSync("/proc/sys/kernel/hostname", "utf8");
      const script = "hostname; cat /proc/sys/kernel/domainname; readlink /proc/self/ns/uts";
      const written = await runs(script, (config) => ({
        ...config,
        hostname: "joined",
        domainname: "example.org",
        linux: { namespaces: [...config.linux.namespaces, { type: "uts", path }] },
      }));
      expect(written).toBe(`joined\nexample.org\n${readlinkSync(path)}\n`);
      expect(readlinkSync(path)).not.toBe(own);
      expect(readFileSync("/proc/sys/kernel/hostname", "utf8")).toBe(before);
    } finally {
      holder.kill(9);
      await holder.exited;
    }
  });

  test("what keeps the command from starting is told by the fields, not by flags of run", async () => {
    const { name, status } = await create((config) => ({
      ...config,
      process: {
        ...config.process,
        args: ["/bin/true", ..."xxxx".split("").map((letter) => letter.repeat(100_000))],
        rlimits: [{ type: "RLIMIT_STACK", soft: 1 << 20, hard: 1 << 20 }],
      },
    }));
    expect(status).toBe(0);
    const started = await minibox("start", name);
    expect(started.status).toBe(126);
    expect(started.stderr).toContain("a quarter of that for the stack (process.rlimits stack)");
    expect(started.stderr).not.toContain(" --");
    expect((await minibox("delete", "--force", name)).status).toBe(0);
  });

  test("hostname without a uts namespace is refused", async () => {
    expect(await refusal((config) => ({ ...config, hostname: "x" }))).toStartWith(
      "hostname: needs a uts namespace",
    );
  });
});
