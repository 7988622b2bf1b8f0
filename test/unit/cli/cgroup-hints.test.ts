// The hint for a cgroup that cannot be made names the mount that is read-only, or the limit that is reached.

import { expect, test } from "bun:test";
import { readOnlyCgroups, tooManyCgroups } from "../../../src/cli/cgroup-hints.ts";

const files = (contents: Record<string, string>) => (path: string) => contents[path];

test("the mount that is read-only is the nearest one", () => {
  const mounts =
    "tmpfs / tmpfs\ncgroup /cg/memory cgroup ro,memory 0 0\ncgroup /cg/pids cgroup ro,pids 0 0\n";
  expect(readOnlyCgroups("/cg/memory/minibox/a", files({ "/proc/self/mounts": mounts }))).toEndWith(
    "mount -o remount,bind,rw /cg/memory",
  );
});

test("the bound that is reached is named, and where", () => {
  const unbounded = { "/cg/cgroup.max.depth": "max\n", "/cg/cgroup.max.descendants": "max\n" };
  const full = {
    ...unbounded,
    "/cg/a/cgroup.max.descendants": "2\n",
    "/cg/a/cgroup.stat": "nr_descendants 2\n",
  };
  expect(tooManyCgroups("/cg/a/minibox/x", files(full))).toContain("/cg/a/cgroup.max.descendants allows: 2");
  const deep = { ...unbounded, "/cg/cgroup.max.depth": "1\n" };
  expect(tooManyCgroups("/cg/a/x", files(deep))).toContain("/cg/cgroup.max.depth allows: 1");
  expect(tooManyCgroups("/cg/a", files(deep))).toBeUndefined();
});
