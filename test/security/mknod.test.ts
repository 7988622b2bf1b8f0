// The host's disks, opened through a device node that the container makes (mknod(2)) or that the image contains.

import { beforeAll, expect, test } from "bun:test";
import { join } from "node:path";
import { attackRootfs, undefended } from "../support/attack.ts";
import { leavesNothing } from "../support/leftovers.ts";
import { execute, RUN, run } from "../support/minibox.ts";

leavesNothing();

/** The numbers of a disk (loop0), of /dev/loop-control, which makes more disks, and of /dev/fuse. */
const NODES = [
  ["disk", "b", "7", "0"],
  ["control", "c", "10", "237"],
  ["fuse", "c", "10", "229"],
] as const;
/** Tries to open each node, and prints a line for each success. */
const OPEN = 'for n in disk control fuse; do (exec 3<"$D/$n") && echo open; done; true';
const make = (directory: string): string =>
  `D=${directory}; ${NODES.map(([name, ...node]) => `rm -f $D/${name}; mknod -m 666 $D/${name} ${node.join(" ")}`).join("; ")}`;

let root: ReturnType<typeof attackRootfs>;
beforeAll(() => {
  root = attackRootfs();
});

test("without device rules a node is as good as the device [vm]", async () => {
  const { stdout } = await undefended(root.path, ["/bin/sh", "-c", `${make("/tmp")}; ${OPEN}`]);
  expect(stdout).toBe("open\n".repeat(NODES.length));
});

test("a node can be made, and not opened, with any capability [vm]", async () => {
  for (const flags of [[], ["--cap-add", "MKNOD"], ["-q", "--cap-add", "ALL"]])
    for (const directory of ["/tmp", "/dev"]) {
      const script = `${make(directory)}; ls $D/disk $D/control $D/fuse | wc -l; ${OPEN}`;
      const { stdout, stderr } = await run([...flags, root.path, "/bin/sh", "-c", script]);
      expect(stdout).toBe(`${NODES.length}\n`);
      expect(stderr.match(/Operation not permitted/g)?.length).toBe(NODES.length);
    }
});

test("a node that the image brings along is as closed [vm]", async () => {
  for (const [name, ...node] of NODES) {
    await execute(["rm", "-f", join(root.path, name)]);
    await execute(["mknod", "-m", "666", join(root.path, name), ...node]);
  }
  const { stdout, stderr } = await run([root.path, "/bin/sh", "-c", `D=; ${OPEN}`]);
  expect(stdout).toBe("");
  expect(stderr.match(/Operation not permitted/g)?.length).toBe(NODES.length);
});

test("where no cgroup can limit the devices, nodes cannot be made, and are none [vm]", async () => {
  // all cgroup mounts are made read-only
  const script = `for m in $(grep -o '/sys/fs/cgroup[^ ]*' /proc/mounts); do mount -o remount,ro,bind $m || mount --bind -o ro $m $m; done; exec "$0" "$@"`;
  const words = [
    ...RUN,
    root.path,
    "/bin/sh",
    "-c",
    `D=; ${OPEN}; ${make("/dev")}; ${OPEN}; echo >/dev/null && echo fine`,
  ];
  const { stdout, stderr } = await execute(["unshare", "-m", "sh", "-c", script, ...words]);
  expect(stderr).toContain(
    "minibox: the container does not get CAP_MKNOD: no cgroup limits the devices here\n",
  );
  expect(stdout).toBe("fine\n");
  const asked = await execute([
    "unshare",
    "-m",
    "sh",
    "-c",
    script,
    ...RUN,
    "--cap-add",
    "mknod",
    root.path,
    "/bin/true",
  ]);
  expect([asked.status, asked.stderr]).toEqual([125, expect.stringContaining("CAP_MKNOD cannot be given")]);
});

test("the devices that belong to a container work [vm]", async () => {
  const script =
    "echo x >/dev/null; head -c 3 /dev/zero | wc -c; head -c 3 /dev/urandom | wc -c; echo >/dev/full || echo full";
  const { stdout } = await run([root.path, "/bin/sh", "-c", script]);
  expect(stdout).toBe("3\n3\nfull\n");
  expect((await run(["-t", root.path, "/bin/sh", "-c", "test -t 0 && echo y >/dev/tty"])).stdout).toContain(
    "y",
  );
});
