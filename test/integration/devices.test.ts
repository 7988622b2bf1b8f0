// The container's /dev: which nodes and links it has, whom they belong to, and that they work.

import { describe, expect, test } from "bun:test";
import { leavesNothing } from "../support/leftovers.ts";
import { execute, rootfs, run, scratchRootfs } from "../support/minibox.ts";

leavesNothing();

describe.each(["busybox", "host"] as const)("/dev on the %s rootfs", (kind) => {
  const root = rootfs(kind);

  test("has the standard nodes, for everybody", async () => {
    const nodes = ["null", "zero", "full", "random", "urandom", "tty"].map((name) => `/dev/${name}`);
    const { stdout } = await run([root, "stat", "-c", "%n %F %t:%T %a %u:%g", ...nodes]);
    expect(stdout).toBe(
      [
        "/dev/null character special file 1:3 666 0:0",
        "/dev/zero character special file 1:5 666 0:0",
        "/dev/full character special file 1:7 666 0:0",
        "/dev/random character special file 1:8 666 0:0",
        "/dev/urandom character special file 1:9 666 0:0",
        "/dev/tty character special file 5:0 666 0:0",
        "",
      ].join("\n"),
    );
  });

  test("has the standard links", async () => {
    const { stdout } = await run([
      root,
      "sh",
      "-c",
      "cd /dev; for l in fd stdin stdout stderr ptmx core; do readlink $l; done",
    ]);
    expect(stdout).toBe(
      "/proc/self/fd\n/proc/self/fd/0\n/proc/self/fd/1\n/proc/self/fd/2\npts/ptmx\n/proc/kcore\n",
    );
  });

  test("has nodes that work, also for an ordinary user", async () => {
    const script =
      "echo x >/dev/null; head -c 3 /dev/zero | wc -c; head -c 5 /dev/urandom | wc -c; echo x >/dev/full || echo full";
    const { stdout } = await run(["-u", "1234", root, "sh", "-c", script]);
    expect(stdout.replaceAll(" ", "")).toBe("3\n5\nfull\n");
  });

  test("has links that work in a pipe", async () => {
    const { stdout } = await execute([
      ...[
        "sh",
        "-c",
        'echo in | $RUN "$1" sh -c "cat /dev/stdin; echo out >/dev/stdout; echo err >/dev/stderr" 2>&1 | cat',
      ],
      "sh",
      root,
    ]);
    expect(stdout).toBe("in\nout\nerr\n");
  });

  test("has nothing else", async () => {
    const { stdout } = await run([root, "ls", "/dev"]);
    expect(stdout.trim().split("\n").sort()).toEqual(
      [
        "core",
        "fd",
        "full",
        "mqueue",
        "null",
        "ptmx",
        "pts",
        "random",
        "shm",
        "stderr",
        "stdin",
        "stdout",
        "tty",
        "urandom",
        "zero",
      ].sort(),
    );
  });
});

describe("file systems below /dev", () => {
  const root = rootfs("busybox");

  test("are devpts, shm and mqueue, for everybody", async () => {
    const { stdout } = await run([
      root,
      "sh",
      "-c",
      "grep -E '/dev' /proc/mounts; stat -c '%n %a' /dev/shm /dev/mqueue /dev/pts/ptmx",
    ]);
    expect(stdout).toMatch(
      /^devpts \/dev\/pts devpts rw,nosuid,noexec,relatime,gid=5,mode=620,ptmxmode=666 0 0$/m,
    );
    expect(stdout).toMatch(/^shm \/dev\/shm tmpfs rw,nosuid,nodev,noexec,relatime,size=65536k/m);
    expect(stdout).toMatch(/^mqueue \/dev\/mqueue mqueue rw,nosuid,nodev,noexec,relatime 0 0$/m);
    expect(stdout).toMatch(/^tmpfs \/dev tmpfs rw,nosuid,noexec,size=65536k,mode=755/m);
    expect(stdout).toContain("/dev/shm 1777\n/dev/mqueue 1777\n/dev/pts/ptmx 666\n");
  });

  test("devpts is an instance of its own: terminals count from 0 and the host's are not there", async () => {
    const { stdout } = await run([root, "sh", "-c", "ls /dev/pts; exec 3<>/dev/ptmx; ls /dev/pts"]);
    expect(stdout).toBe("ptmx\n0\nptmx\n");
  });

  test("shared memory and message queues are not the host's", async () => {
    await run([root, "sh", "-c", "echo x >/dev/shm/minibox-test; touch /dev/mqueue/minibox-test"]);
    expect(
      (await execute(["sh", "-c", "ls -d /dev/shm/minibox-test /dev/mqueue/minibox-test 2>/dev/null"]))
        .stdout,
    ).toBe("");
    expect((await run([root, "ls", "/dev/shm", "/dev/mqueue"])).stdout).toBe("/dev/mqueue:\n\n/dev/shm:\n");
  });
});

test("nodes have their modes whatever the caller's umask is, and the command's umask is 022", async () => {
  const { stdout } = await execute([
    ...["sh", "-c", 'umask 077; exec $RUN "$1" sh -c "stat -c %a /dev/null /dev/shm /dev; umask"'],
    "sh",
    rootfs("busybox"),
  ]);
  expect(stdout).toBe("666\n1777\n755\n0022\n");
});

describe("a volume", () => {
  test.each(["/dev", "/dev/", "/./dev", "/tmp/../dev"])(
    "on %s is the host's to fill: nothing is created in it",
    async (path) => {
      const root = scratchRootfs();
      const { stdout, stderr } = await run(["-v", `${root}/srv:${path}`, root, "ls", "-A", "/dev"]);
      expect([stdout, stderr]).toEqual(["", ""]);
      expect((await execute(["ls", "-A", `${root}/srv`])).stdout).toBe("");
    },
  );

  test("on a node of /dev covers it", async () => {
    const root = rootfs("busybox");
    expect(
      (await run(["-v", "/etc/passwd:/dev/random", root, "head", "-c", "4", "/dev/random"])).stdout,
    ).toBe("root");
    expect((await run(["-v", "/dev/null:/dev/null", root, "sh", "-c", "echo x >/dev/null"])).status).toBe(0);
  });

  test("adds a node to /dev", async () => {
    const { stdout } = await run([
      "-v",
      "/dev/zero:/dev/more",
      rootfs("busybox"),
      "stat",
      "-c",
      "%F",
      "/dev/more",
    ]);
    expect(stdout).toBe("character special file\n");
  });
});
