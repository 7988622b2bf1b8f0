// Limits, exits, signals, leftovers and devices on cgroup v2, and the start from an initramfs: in a virtual machine. Its
// kernel is Debian's, years older than the oldest that is tested otherwise, and has AppArmor: the escapes that either
// of them may matter for are tried in there as well.

import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { inMachine, reasonWithoutMachine } from "../support/machine.ts";
import { rootfs, TOP } from "../support/minibox.ts";
import { compileAll } from "../support/programs.ts";

/** Emulation takes some twenty times as long as the machine itself. */
const SLOWNESS = 20;
setDefaultTimeout(20 * 60_000);

const reason = reasonWithoutMachine();
const roots = ["--disk-dir", `${TOP}/.cache/rootfs`];

const INTEGRATION = [
  "limits",
  "cgroup-parent",
  "cgroup-view",
  "cgroups",
  "exit",
  "init",
  "timeout",
  "leftovers",
];
const SECURITY = [
  "apparmor",
  "attest",
  "cgroup-escape",
  "inherited-state",
  "masked-paths",
  "mknod",
  "open-by-handle",
  "processes",
  "self-exe",
];

describe.skipIf(reason !== "")(`in the virtual machine${reason && `: ${reason}`}`, () => {
  test("on cgroup v2 limits, exits, inits, timeouts, leftovers and escapes are as on v1", async () => {
    rootfs("busybox");
    rootfs("host");
    compileAll();
    const files = [
      ...INTEGRATION.map((name) => `test/integration/${name}.test.ts`),
      ...SECURITY.map((name) => `test/security/${name}.test.ts`),
    ];
    // not /tmp: it is a tmpfs without device nodes there
    const environment = [`MINIBOX_TEST_SLOWNESS=${SLOWNESS}`, "MINIBOX_TEST_IN_VM=1", "TMPDIR=/var/tmp"];
    const bun = ["node_modules/.bin/bun", "test", "--timeout", String(10_000 * SLOWNESS)];
    const flags = [...roots, "--disk-dir", `${TOP}/.cache/programs`, "--timeout", "1080"];
    const { status, stdout, stderr } = await inMachine(flags, ["env", ...environment, ...bun, ...files]);
    const report = stdout + stderr;
    expect(report).not.toMatch(/^\(fail\).*/m);
    expect(report).toMatch(/limits on cgroup v2 > out of memory/);
    expect(report).toMatch(/an AppArmor profile > is in force/);
    expect(status).toBe(0);
  });

  test.each(["v1", "hybrid"])("on cgroup %s a container sees its own groups", async (version) => {
    rootfs("busybox");
    const environment = [`MINIBOX_TEST_SLOWNESS=${SLOWNESS}`, "MINIBOX_TEST_IN_VM=1", "TMPDIR=/var/tmp"];
    const bun = ["node_modules/.bin/bun", "test", "--timeout", String(10_000 * SLOWNESS)];
    const flags = [...roots, "--cgroup", version, "--timeout", "600"];
    const files = ["test/integration/cgroup-view.test.ts", "test/integration/limits.test.ts"];
    const { status, stdout, stderr } = await inMachine(flags, ["env", ...environment, ...bun, ...files]);
    const report = stdout + stderr;
    expect(report).not.toMatch(/^\(fail\).*/m);
    expect(report).toMatch(/in \/sys\/fs\/cgroup on v1 > a container reads its own limits/);
    expect(status).toBe(0);
  });

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
