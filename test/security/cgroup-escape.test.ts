// Escapes through control groups: a release_agent that the host executes (CVE-2022-0492), limits raised from inside the
// container, and processes moved out of the cgroup.

import { beforeAll, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { attackRootfs, undefended } from "../support/attack.ts";
import { VERSION } from "../support/cgroups.ts";
import { leavesNothing } from "../support/leftovers.ts";
import { run } from "../support/minibox.ts";
import { NEST } from "../support/programs.ts";

leavesNothing();

let root: ReturnType<typeof attackRootfs>;
beforeAll(() => {
  root = attackRootfs({ nest: NEST });
});

/** Mounts each kind of cgroup hierarchy, and looks for files that can be written. */
const ATTACK = `mkdir -p /tmp/cg
for k in memory pids devices freezer rdma name=x none,name=y; do mount -t cgroup -o $k cgroup /tmp/cg 2>/dev/null && { echo mounted; test -e /tmp/cg/release_agent && test -z "$(cat /tmp/cg/release_agent)" && (echo >/tmp/cg/release_agent) 2>/dev/null && echo agent; umount /tmp/cg; }; done
mount -t cgroup2 cgroup2 /tmp/cg 2>/dev/null && { echo mounted; umount /tmp/cg; }
for f in $(find /sys/fs/cgroup -type f 2>/dev/null); do (: >>$f) 2>/dev/null && echo writable; done
true`;

test("root with its capabilities mounts control groups, and may name an agent [vm]", async () => {
  const { stdout } = await undefended(root.path, ["/bin/sh", "-c", ATTACK]);
  expect(stdout).toContain("mounted\n");
  // only cgroup v1 has a release_agent
  if (existsSync("/sys/fs/cgroup/memory")) expect(stdout).toContain("agent\n");
});

test("a container mounts none, and finds none that it can write [vm]", async () => {
  expect((await run([root.path, "/bin/sh", "-c", ATTACK])).stdout).toBe("");
});

test("nor does it get there by a user namespace of its own [vm]", async () => {
  const nested = ["/nest", "/bin/sh", "-c", `echo nested; ${ATTACK}`];
  expect((await run([root.path, ...nested])).stdout).toBe("Operation not permitted\n");
  // without the filter it gets its user namespace, and can still write no file of a cgroup
  const free = await run(["--security-opt", "seccomp=unconfined", root.path, ...nested]);
  expect(free.stdout).toStartWith("nested\n");
  expect(free.stdout).not.toMatch(/agent|writable/);
});

test("a limit stays what it is, and its cgroup is the top of what can be seen [vm]", async () => {
  const script =
    "cat /proc/self/cgroup; echo 1000 >/sys/fs/cgroup/pids.max; echo 1000 >/sys/fs/cgroup/pids/pids.max; true";
  const { stdout } = await run(["--pids-limit", "20", root.path, "/bin/sh", "-c", script]);
  const isOwn = VERSION === "v2" ? /^0::/ : /^\d+:(pids|memory|devices):/;
  const own = stdout.split("\n").filter((line) => isOwn.test(line));
  expect(own.length).toBeGreaterThan(0);
  for (const line of own) expect(line).toEndWith(":/");
  const bomb = "i=0; while [ $i -lt 40 ]; do sleep 2 & i=$((i+1)); done; echo never";
  const fork = await run(["--pids-limit", "20", root.path, "/bin/sh", "-c", `${bomb} 2>/dev/null`]);
  expect(fork.stdout).not.toContain("never");
});
