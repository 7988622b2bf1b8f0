// A bundle becomes a container by its config.json alone: what that says is done or refused, and nothing is added to it.

import { describe, expect, test } from "bun:test";
import { mkdirSync, readlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { BASE, create, minibox, refusal, runs } from "../support/bundle.ts";
import { tryText, uniqueName, until } from "../support/container.ts";
import { leavesNothing } from "../support/leftovers.ts";
import { MINIBOX, ROOT, rootfs, scratchDirectory, skipReason } from "../support/minibox.ts";

leavesNothing();

const skip = skipReason();
const busybox = rootfs("busybox");

describe.skipIf(skip !== "")("a bundle", () => {
  test("without seccomp, capabilities or a hostname has none of them", async () => {
    const status = "grep -E 'Seccomp:|NoNewPrivs|CapEff' /proc/self/status";
    expect(await runs(status)).toBe("CapEff:\t0000000000000000\nNoNewPrivs:\t0\nSeccomp:\t0\n");
  });

  test("with seccomp has that filter", async () => {
    const seccomp = {
      defaultAction: "SCMP_ACT_ALLOW",
      syscalls: [{ names: ["mkdir", "mkdirat"], action: "SCMP_ACT_ERRNO", errnoRet: 95 }],
    };
    const noNewPrivileges = true;
    const written = await runs("exec 2>&1; mkdir /tmp/x; grep Seccomp: /proc/self/status", (config) => ({
      ...config,
      process: { ...config.process, noNewPrivileges },
      linux: { ...config.linux, seccomp },
    }));
    expect(written).toMatch(/^mkdir: .*: (Operation|Not) .*supported\nSeccomp:\t2\n$/);
  });

  test("without a pid namespace of its own is known again, signalled and deleted all the same", async () => {
    const sharing = (args: string[]) =>
      create((config) => {
        config.process.args = args;
        config.linux.namespaces = [{ type: "mount" }];
        return config;
      });
    const trap = "trap 'exit 0' USR1; while :; do sleep 0.1; done";
    const { name, status } = await sharing(["sh", "-c", trap]);
    expect([status, (await minibox("state", name)).stdout]).toEqual([
      0,
      expect.stringContaining('"created"'),
    ]);
    expect((await minibox("start", name)).status).toBe(0);
    expect((await minibox("state", name)).stdout).toContain('"running"');
    const has = async (word: string): Promise<boolean> =>
      (await minibox("state", name)).stdout.includes(word);
    await until("it has heard", async () => {
      await minibox("kill", name, "USR1");
      return has('"stopped"');
    });
    expect((await minibox("delete", name)).status).toBe(0);
    for (const started of [true, false]) {
      const { name } = await sharing(["sleep", "1000"]);
      if (started) expect((await minibox("start", name)).status).toBe(0);
      const { pid } = JSON.parse((await minibox("state", name)).stdout) as { pid: number };
      expect((await minibox("delete", "--force", name)).status).toBe(0);
      const isGone = (): boolean => !/^State:\t[^ZX]/m.test(tryText(`/proc/${pid}/status`) ?? "");
      await until("its process has ended", isGone);
    }
  });

  test("has the limits of 64 bits that it asks for", async () => {
    const bundle = join(scratchDirectory(), "bundle");
    mkdirSync(bundle);
    const config = JSON.stringify({
      ...BASE,
      root: { path: busybox },
      process: {
        ...BASE.process,
        args: ["sh", "-c", "grep 'Max core' /proc/self/limits"],
        rlimits: [{ type: "RLIMIT_CORE", soft: "SOFT", hard: "MOST" }],
      },
    })
      .replace('"SOFT"', "9007199254740993")
      .replace('"MOST"', String(2n ** 64n - 1n));
    writeFileSync(join(bundle, "config.json"), config);
    const name = uniqueName();
    const child = Bun.spawn([MINIBOX, "--root", ROOT, "create", "--bundle", bundle, name], {
      stdout: Bun.file(join(bundle, "output")),
      stdin: "ignore",
    });
    expect(await child.exited).toBe(0);
    expect((await minibox("start", name)).status).toBe(0);
    await until("it has written", () => (tryText(join(bundle, "output")) ?? "").includes("\n"));
    expect(tryText(join(bundle, "output"))).toMatch(/ 9007199254740993 +unlimited /);
    expect((await minibox("delete", "--force", name)).status).toBe(0);
  });

  test("with a read-only root can write to no mount in it, also where root.path is a symbolic link", async () => {
    const onSrv = ["unshare", "-m", "sh", "-c", 'mount -t tmpfs t "$0/srv" && exec "$@"', busybox];
    const { name, status, output } = await create(
      (config) => ({
        ...config,
        root: { ...config.root, readonly: true },
        process: {
          ...config.process,
          args: ["sh", "-c", "touch /srv/x 2>&1; grep -c ' /srv ' /proc/mounts"],
        },
      }),
      onSrv,
    );
    expect([status, tryText(output)]).toEqual([0, ""]);
    expect((await minibox("start", name)).status).toBe(0);
    await until("it has written", () => /^\d/m.test(tryText(output) ?? ""));
    expect(tryText(output)).toBe("touch: /srv/x: Read-only file system\n1\n");
    expect((await minibox("delete", "--force", name)).status).toBe(0);
  });

  test.each([
    ["", [], {}],
    [
      " and a user namespace",
      [{ type: "user" }],
      {
        uidMappings: [{ containerID: 0, hostID: 300000, size: 65536 }],
        gidMappings: [{ containerID: 0, hostID: 300000, size: 65536 }],
      },
    ],
  ])("with the relative source of a bind%s looks for it in the bundle", async (_, more, linux) => {
    const written = await runs("cat /etc/group", (config) => ({
      ...config,
      mounts: [
        ...config.mounts,
        { destination: "/etc/group", type: "bind", source: "config.json", options: ["bind"] },
      ],
      linux: { ...config.linux, ...linux, namespaces: [...config.linux.namespaces, ...more] },
    }));
    expect(JSON.parse(written)).toMatchObject({ ociVersion: BASE.ociVersion });
  });

  test("without a pid namespace stays in its caller's, and all of it ends with delete", async () => {
    const { name, status, output } = await create((config) => {
      config.process.args = ["sh", "-c", "sleep 1000 & readlink /proc/self/ns/pid; wait"];
      config.linux.namespaces = [{ type: "mount" }];
      return config;
    });
    expect(status).toBe(0);
    expect((await minibox("start", name)).status).toBe(0);
    await until("it has written", () => (tryText(output) ?? "").includes("\n"));
    expect(tryText(output)).toBe(`${readlinkSync("/proc/self/ns/pid")}\n`);
    expect(await minibox("delete", "--force", name)).toEqual({ status: 0, stdout: "", stderr: "" });
  });

  test("joins namespaces that have a path, in whatever order they are listed", async () => {
    const holder = Bun.spawn(["unshare", "-Uuinm", "--map-root-user", "sleep", "1000"]);
    try {
      await until("they are there", () => tryText(`/proc/${holder.pid}/comm`) === "sleep\n");
      const at = (type: string, file: string) => ({ type, path: `/proc/${holder.pid}/ns/${file}` });
      const written = await runs("readlink /proc/self/ns/uts; readlink /proc/self/ns/ipc", (config) => {
        config.linux.namespaces = [
          { type: "mount" },
          at("uts", "uts"),
          at("ipc", "ipc"),
          at("user", "user"),
          { type: "pid" },
        ];
        return config;
      });
      const inodes = ["uts", "ipc"].map((file) => `${readlinkSync(`/proc/${holder.pid}/ns/${file}`)}\n`);
      expect(written).toBe(inodes.join(""));
    } finally {
      holder.kill(9);
      await holder.exited;
    }
  });

  test("is refused by the name of the field that is wrong or not supported", async () => {
    const changes: [unknown, string][] = [
      [{ hooks: { prestart: [{ path: "/bin/true" }] } }, "hooks: is not supported by minibox"],
      [{ mounts: [{ destination: 3 }] }, "mounts[0].destination: must be a string, not 3"],
      [{ process: { ...BASE.process, args: [] } }, "process.args"],
      [{ process: { ...BASE.process, terminal: true } }, "process.terminal"],
      [
        { linux: { ...BASE.linux, intelRdt: { closID: "x" } } },
        "linux.intelRdt: is not supported by minibox",
      ],
      [{ linux: { namespaces: [{ type: "mount" }, { type: "mount" }] } }, "linux.namespaces[1]"],
    ];
    for (const [change, words] of changes)
      expect(await refusal((config) => ({ ...config, ...(change as object) }))).toStartWith(words);
  });

  test("takes no flag of a container that is made from flags", async () => {
    const { stderr } = await minibox("create", "--bundle", "/nosuch", "--memory", "3m", "x");
    expect(stderr).toStartWith("minibox: --memory and --bundle contradict each other");
  });
});
