// Tests that have another answer on cgroup v2, on a hybrid of both versions, on an older kernel or one with AppArmor: those
// with [vm] in their names are run again in a virtual machine, which has all of that. Also the start from an initramfs.

import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { VERSION } from "../support/cgroups.ts";
import { inMachine, reasonWithoutMachine } from "../support/machine.ts";
import { type Result, rootfs, TOP } from "../support/minibox.ts";
import { compileAll } from "../support/programs.ts";

/** Emulation takes some twenty times as long as the machine itself. */
const SLOWNESS = 20;
setDefaultTimeout(20 * 60_000);

const reason = reasonWithoutMachine();
const roots = ["--disk-dir", `${TOP}/.cache/rootfs`];

/** The test files in which a name has the mark. */
const marked = (): string[] =>
  [...new Bun.Glob("test/**/*.test.ts").scanSync({ cwd: TOP })]
    .filter((file) => !file.endsWith("cgroup-v2.test.ts"))
    .filter((file) => readFileSync(join(TOP, file), "utf8").includes(" [vm]"))
    .sort();

/** Runs the marked tests of these files in a machine, and expects all of them to pass. */
async function testInMachine(flags: string[], files: string[]): Promise<string> {
  rootfs("busybox");
  rootfs("host");
  compileAll();
  const disks = [...roots, "--disk-dir", `${TOP}/.cache/programs`];
  // not /tmp: it is a tmpfs without device nodes there
  const environment = [`MINIBOX_TEST_SLOWNESS=${SLOWNESS}`, "MINIBOX_TEST_IN_VM=1", "TMPDIR=/var/tmp"];
  const bun = ["node_modules/.bin/bun", "test", "--timeout", String(10_000 * SLOWNESS), "-t", "\\[vm\\]"];
  const words = ["env", ...environment, ...bun, ...files];
  const { status, stdout, stderr }: Result = await inMachine(
    [...disks, ...flags, "--timeout", "1080"],
    words,
  );
  const report = stdout + stderr;
  expect(report).not.toMatch(/^\(fail\).*/m);
  expect([status, report]).toEqual([0, report]);
  return report;
}

describe.skipIf(reason !== "")(`in the virtual machine${reason && `: ${reason}`}`, () => {
  test("on cgroup v2 limits, exits, leftovers, devices and escapes are as on v1", async () => {
    const report = await testInMachine([], marked());
    expect(report).toMatch(/limits on cgroup v2 \[vm\] > out of memory/);
    expect(report).toMatch(/an AppArmor profile \[vm\] > is in force/);
  });

  // on a host with version 1 these tests have already run on it
  test.each(VERSION === "v1" ? ["hybrid"] : ["v1", "hybrid"])(
    "on cgroup %s a container sees its own groups",
    async (version) => {
      const files = ["test/integration/cgroup-view.test.ts", "test/integration/limits.test.ts"];
      const report = await testInMachine(["--cgroup", version], files);
      expect(report).toMatch(/in \/sys\/fs\/cgroup on v1 \[vm\] > a container reads its own limits/);
    },
  );

  test("on an initramfs, where pivot_root cannot work, chroot is chosen, with a note", async () => {
    const script =
      './minibox run .cache/rootfs/busybox sh -c \'ls / | tr "\\n" " "; ls /.. | wc -l; grep -c . /proc/self/mountinfo; exit 7\'';
    const { status, stdout, stderr } = await inMachine(
      [...roots, "--initramfs", "--timeout", "120"],
      ["sh", "-c", script],
    );
    expect(stderr).toContain("minibox: pivot_root cannot work on this root (an initramfs?): using chroot");
    expect(stdout).toMatch(/^bin dev etc /);
    expect(status).toBe(7);
  });
});
