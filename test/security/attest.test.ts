// The attestation, which is what the kernel says of a container, is compared line by line with what was asked for.

import { expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Attestation } from "../../src/attest/index.ts";
import { expectNothingLeft, leavesNothing } from "../support/leftovers.ts";
import { rootfs, run, scratchDirectory, skipReason } from "../support/minibox.ts";

leavesNothing();

const reason = skipReason("busybox");

const DOCKER_CAPABILITIES = [
  "CAP_CHOWN",
  "CAP_DAC_OVERRIDE",
  "CAP_FOWNER",
  "CAP_FSETID",
  "CAP_KILL",
  "CAP_SETGID",
  "CAP_SETUID",
  "CAP_SETPCAP",
  "CAP_NET_BIND_SERVICE",
  "CAP_NET_RAW",
  "CAP_SYS_CHROOT",
  "CAP_MKNOD",
  "CAP_AUDIT_WRITE",
  "CAP_SETFCAP",
];

/** Runs a container with these flags; returns its attestation and what its command printed. */
async function attested(flags: string[]): Promise<{ posture: Attestation; stdout: string }> {
  const file = join(scratchDirectory(), "posture.json");
  const { status, stdout, stderr } = await run(["--attest", file, ...flags, rootfs("busybox"), "true"]);
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  await expectNothingLeft();
  return { posture: JSON.parse(readFileSync(file, "utf8")), stdout };
}

const isOwn = (posture: Attestation) =>
  Object.fromEntries(Object.entries(posture.namespaces).map(([name, { own }]) => [name, own]));

test.skipIf(reason !== "")(`a default container has the posture of docker's [vm] ${reason}`, async () => {
  const { posture } = await attested([]);
  expect(isOwn(posture)).toEqual({
    cgroup: true,
    ipc: true,
    mnt: true,
    net: true,
    pid: true,
    time: false,
    user: false,
    uts: true,
  });
  expect(posture.user).toEqual({ uid: 0, gid: 0, additionalGids: posture.user.additionalGids, umask: 0o022 });
  expect(posture.capabilities).toEqual({
    bounding: DOCKER_CAPABILITIES,
    effective: DOCKER_CAPABILITIES,
    permitted: DOCKER_CAPABILITIES,
    inheritable: [],
    ambient: [],
  });
  expect(posture.noNewPrivileges).toBe(true);
  expect(posture.seccomp).toEqual({ mode: "filter", filters: 1 });
  expect(posture.root.readonly).toBe(false);
  expect(posture.readonlyPaths).toEqual(expect.arrayContaining(["/proc/sys", "/proc/bus", "/proc/irq"]));
  expect(posture.maskedPaths).toEqual(
    expect.arrayContaining(["/proc/kcore", "/proc/keys", "/sys/firmware"].filter((path) => existsSync(path))),
  );
  // a masked directory is an empty tmpfs; the tmpfs with the hierarchies of cgroup v1 is none
  expect(posture.maskedPaths).not.toContain("/sys/fs/cgroup");
  const options = Object.fromEntries(posture.mounts.map((mount) => [mount.destination, mount.options]));
  expect(options["/proc"]).toEqual(expect.arrayContaining(["nosuid", "nodev", "noexec"]));
  expect(options["/sys"]).toEqual(expect.arrayContaining(["ro", "nosuid", "nodev", "noexec"]));
  expect(options["/sys/fs/cgroup"]).toEqual(expect.arrayContaining(["ro", "nosuid", "nodev", "noexec"]));
  expect(options["/dev"]).toEqual(expect.arrayContaining(["nosuid", "noexec"]));
  expect(options["/dev/shm"]).toEqual(expect.arrayContaining(["nosuid", "nodev", "noexec"]));
});

test.skipIf(reason !== "")(
  `a container has every limit and every restriction that was asked for [vm] ${reason}`,
  async () => {
    const flags =
      "-m 64m --cpus 0.5 --pids-limit 20 --read-only -u 1000:1001 --ulimit nofile=100:200 --ulimit core=0 --cap-drop ALL --overlay --network host";
    const { posture } = await attested([...flags.split(" "), "--tmpfs", "/tmp:size=1m"]);
    expect(isOwn(posture).net).toBe(false);
    expect(posture.user).toEqual({ uid: 1000, gid: 1001, additionalGids: [], umask: 0o022 });
    expect(posture.capabilities).toEqual({
      bounding: [],
      effective: [],
      permitted: [],
      inheritable: [],
      ambient: [],
    });
    expect(posture.root.readonly).toBe(true);
    expect(posture.rlimits.RLIMIT_NOFILE).toEqual({ soft: "100", hard: "200" });
    expect(posture.rlimits.RLIMIT_CORE).toEqual({ soft: "0", hard: "0" });
    const { cgroup } = posture;
    expect(cgroup["memory.max"] ?? cgroup["memory.limit_in_bytes"]).toBe(String(64 << 20));
    expect(cgroup["cpu.max"] ?? `${cgroup["cpu.cfs_quota_us"]} ${cgroup["cpu.cfs_period_us"]}`).toBe(
      "50000 100000",
    );
    expect(cgroup["pids.max"]).toBe("20");
    const tmp = posture.mounts.find(({ destination }) => destination === "/tmp");
    expect(tmp?.options).toEqual(expect.arrayContaining(["rw", "nosuid", "nodev", "noexec"]));
  },
);

test.skipIf(reason !== "")(
  `what is switched off shows as off, so the attestation can fail ${reason}`,
  async () => {
    const flags =
      "--security-opt seccomp=unconfined --security-opt no-new-privileges=false --cap-add SYS_ADMIN";
    const { posture } = await attested(flags.split(" "));
    expect(posture.seccomp.mode).toBe("disabled");
    expect(posture.noNewPrivileges).toBe(false);
    expect(posture.capabilities.effective).toEqual(expect.arrayContaining(["CAP_SYS_ADMIN"]));
  },
);

test.skipIf(reason !== "")(
  `a place that cannot be written is told before anything runs ${reason}`,
  async () => {
    const { status, stdout, stderr } = await run([
      "--attest",
      "/nonexistent/x",
      rootfs("busybox"),
      "echo",
      "ran",
    ]);
    expect(status).toBe(125);
    expect(stdout).toBe("");
    expect(stderr).toBe("minibox: --attest: /nonexistent/x: ENOENT: no such file or directory\n");
  },
);
