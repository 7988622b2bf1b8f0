// Where cgroups are mounted is read from mountinfo (proc_pid_mountinfo(5)): version 1, version 2, and both.

import { expect, test } from "bun:test";
import { parseHierarchies } from "../../../src/cgroup/hierarchies.ts";

const line = (mountPoint: string, rest: string): string =>
  `34 25 0:29 / ${mountPoint} rw,nosuid shared:9 - ${rest}\n`;

test("version 2 alone", () => {
  const found = parseHierarchies(
    line("/", "ext4 /dev/vda rw") + line("/sys/fs/cgroup", "cgroup2 cgroup2 rw,nsdelegate"),
  );
  expect(found.v2?.point).toBe("/sys/fs/cgroup");
  expect(found.v1.size).toBe(0);
});

test("version 1, several controllers in one hierarchy", () => {
  const { v1, v2 } = parseHierarchies(
    line("/sys/fs/cgroup", "tmpfs tmpfs ro") +
      line("/sys/fs/cgroup/cpu,cpuacct", "cgroup cgroup rw,cpu,cpuacct") +
      line("/sys/fs/cgroup/memory", "cgroup cgroup rw,memory"),
  );
  expect(v2).toBeUndefined();
  expect(v1.get("cpu")).toBe("/sys/fs/cgroup/cpu,cpuacct");
  expect(v1.get("cpuacct")).toBe("/sys/fs/cgroup/cpu,cpuacct");
  expect(v1.get("memory")).toBe("/sys/fs/cgroup/memory");
  expect(v1.has("pids")).toBe(false);
});

test("hybrid: both, and the first mount of each counts", () => {
  const { v1, v2 } = parseHierarchies(
    line("/sys/fs/cgroup/memory", "cgroup cgroup rw,memory") +
      line("/sys/fs/cgroup/unified", "cgroup2 cgroup2 rw") +
      line("/mnt/memory", "cgroup cgroup rw,memory") +
      line("/mnt/unified", "cgroup2 cgroup2 rw"),
  );
  expect(v1.get("memory")).toBe("/sys/fs/cgroup/memory");
  expect(v2?.point).toBe("/sys/fs/cgroup/unified");
});

test("a mount point with spaces and a backslash is read as it is", () => {
  expect(parseHierarchies(line("/a\\040b\\134c", "cgroup2 none rw")).v2?.point).toBe("/a b\\c");
});

test("a container is shown version 2 alone as it is", () => {
  expect(parseHierarchies(line("/sys/fs/cgroup", "cgroup2 cgroup2 rw,nsdelegate")).view).toEqual({
    version: 2,
    hierarchies: [],
  });
});

test("of version 1 each hierarchy it has a group in, and those without controllers, as they were mounted", () => {
  const { view } = parseHierarchies(
    line("/sys/fs/cgroup/unified", "cgroup2 cgroup2 rw,nsdelegate") +
      line("/sys/fs/cgroup/systemd", "cgroup cgroup rw,xattr,release_agent=/lib/agent,name=systemd") +
      line("/sys/fs/cgroup/cpu,cpuacct", "cgroup cgroup rw,cpu,cpuacct") +
      line("/sys/fs/cgroup/freezer", "cgroup cgroup rw,freezer") +
      line("/sys/fs/cgroup/cpuset", "cgroup cgroup ro,cpuset,clone_children") +
      line("/mnt/sets", "cgroup cgroup rw,cpuset,clone_children") +
      line("/sys/fs/cgroup/memory", "cgroup cgroup rw,memory"),
  );
  expect(view).toEqual({
    version: 1,
    hierarchies: [
      ["unified", null],
      ["systemd", "xattr,name=systemd"],
      ["cpu,cpuacct", "cpu,cpuacct"],
      ["cpuset", "cpuset,clone_children"],
      ["memory", "memory"],
    ],
  });
});

test("none at all, an empty file, and a mount that only looks like one", () => {
  const none = { v1: new Map(), v2: undefined, view: undefined };
  expect(parseHierarchies("")).toEqual(none);
  expect(parseHierarchies(line("/", "ext4 /dev/vda rw"))).toEqual(none);
  expect(parseHierarchies(line("/x", "fuse cgroup2 rw"))).toEqual(none);
});

const version2 = (root: string, options: string): string =>
  `34 25 0:29 ${root} /sys/fs/cgroup rw - cgroup2 cgroup2 ${options}\n`;

test("a version 2 of another cgroup namespace is told from one's own, and left for that", () => {
  const foreign = { point: "/sys/fs/cgroup", root: "/../..", foreign: true };
  expect(parseHierarchies(version2("/../..", "rw,nsdelegate")).v2).toEqual(foreign);
  expect(parseHierarchies(version2("/../..", "rw")).v2?.foreign).toBe(false);
  const both = version2("/../..", "rw,nsdelegate") + version2("/", "rw,nsdelegate");
  expect(parseHierarchies(both).v2).toEqual({ point: "/sys/fs/cgroup", root: "/", foreign: false });
});
