// The namespaces of a container: which are its own, and that its processes see nothing of the host's.

import { describe, expect, test } from "bun:test";
import { readFileSync, readlinkSync } from "node:fs";
import { leavesNothing } from "../support/leftovers.ts";
import { execute, RUN, rootfs, run, scratchRootfs } from "../support/minibox.ts";

const busybox = rootfs("busybox");
leavesNothing();

const namespace = async (type: string, ...flags: string[]): Promise<string> =>
  (await run([...flags, busybox, "readlink", `/proc/self/ns/${type}`])).stdout.trim();
const hostNamespace = (type: string): string => readlinkSync(`/proc/self/ns/${type}`);

describe("namespaces", () => {
  test.each(["pid", "mnt", "uts", "ipc", "net", "cgroup"])("%s is the container's own", async (type) => {
    const own = await namespace(type);
    expect(own).toMatch(new RegExp(`^${type}:\\[\\d+\\]$`));
    expect(own).not.toBe(hostNamespace(type));
  });

  test("--network host keeps the host's network, and no other", async () => {
    expect(await namespace("net", "--network", "host", "--overlay")).toBe(hostNamespace("net"));
    expect(await namespace("uts", "--network", "host", "--overlay")).not.toBe(hostNamespace("uts"));
  });

  test("two containers share none", async () => {
    for (const type of ["pid", "ipc", "uts"]) {
      const reader = [...RUN, busybox, "sh", "-c", `readlink /proc/self/ns/${type}; read x`];
      const children = [0, 1].map(() => Bun.spawn(reader, { stdin: "pipe", stdout: "pipe" }));
      const seen = await Promise.all(
        children.map(async ({ stdout }) => new TextDecoder().decode((await stdout.getReader().read()).value)),
      );
      for (const child of children) child.stdin.end();
      await Promise.all(children.map(({ exited }) => exited));
      expect(seen[0]).not.toBe(seen[1]);
    }
  });

  test("the host's processes are not to be seen or signalled", async () => {
    const { stdout } = await run([
      busybox,
      "sh",
      "-c",
      `ls -d /proc/[0-9]* | wc -l; kill -0 ${process.pid} 2>&1`,
    ]);
    expect(Number(stdout.split("\n")[0])).toBeLessThan(6);
    expect(stdout).toContain("No such process");
  });

  test("a host name set inside stays inside", async () => {
    const name = readFileSync("/proc/sys/kernel/hostname", "utf8");
    expect(
      (await run(["--cap-add", "SYS_ADMIN", busybox, "sh", "-c", "hostname other; hostname"])).stdout,
    ).toBe("other\n");
    expect(readFileSync("/proc/sys/kernel/hostname", "utf8")).toBe(name);
  });

  test("the container's cgroup is the top of what it sees", async () => {
    const { stdout } = await run([busybox, "cat", "/proc/self/cgroup"]);
    expect(stdout).toMatch(/^\d+:(memory|pids|):\/$/m);
    expect(stdout).not.toContain("minibox");
  });
});

describe("/proc and /sys", () => {
  test("are fresh mounts of their own", async () => {
    const { stdout } = await run([busybox, "cat", "/proc/mounts"]);
    expect(stdout).toMatch(/^proc \/proc proc rw,nosuid,nodev,noexec,relatime 0 0$/m);
    expect(stdout).toMatch(/^sysfs \/sys sysfs ro,nosuid,nodev,noexec,relatime 0 0$/m);
  });

  test("/sys cannot be written", async () => {
    expect(
      (await run([busybox, "sh", "-c", "mkdir /sys/x 2>&1; echo 1 2>&1 >/sys/kernel/profiling"])).stdout,
    ).toContain("Read-only file system");
  });

  test("the mount table shows the container's mounts only", async () => {
    const { stdout } = await run([busybox, "cut", "-d", " ", "-f", "2", "/proc/mounts"]);
    // what masks a path of /proc or /sys, or makes it read-only, is a mount too
    const isMask = (path: string) => /^\/(proc|sys)\/./.test(path);
    const mounts = stdout.trimEnd().split("\n");
    expect(mounts.filter((path) => !isMask(path))).toEqual([
      "/",
      "/proc",
      "/dev",
      "/dev/pts",
      "/dev/shm",
      "/dev/mqueue",
      "/sys",
      "/etc/hosts",
    ]);
    expect(mounts.filter(isMask)).toContain("/proc/sys");
  });

  test.each(["proc", "sys", "dev"])("/%s that is a symlink in the rootfs is refused", async (name) => {
    const root = scratchRootfs();
    await execute(["sh", "-c", `rmdir ${root}/${name}; ln -s /tmp ${root}/${name}`]);
    expect(await run([root, "true"])).toEqual({
      status: 125,
      stdout: "",
      stderr: `minibox: /${name} in the rootfs is a symbolic link: it must be a directory\n`,
    });
  });
});
