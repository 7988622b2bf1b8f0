// The host's keys, memory, timers and sysctls in /proc and /sys, which are masked or read-only, and attacks on the masks:
// a /dev/null or a symbolic link that the image has prepared (CVE-2025-31133), unmounting, remounting.

import { beforeAll, expect, test } from "bun:test";
import { existsSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { attackRootfs, undefended } from "../support/attack.ts";
import { leavesNothing } from "../support/leftovers.ts";
import { run } from "../support/minibox.ts";

leavesNothing();

let root: ReturnType<typeof attackRootfs>;
beforeAll(() => {
  root = attackRootfs();
});

const FILES = ["/proc/keys", "/proc/timer_list", "/proc/interrupts", "/proc/kcore"].filter((path) =>
  existsSync(path),
);
const DIRECTORIES = ["/proc/acpi", "/sys/firmware"].filter((path) => existsSync(path));
const SYSCTL = "/proc/sys/kernel/core_pattern";

test("without masks the host's state is there to be read and written", async () => {
  const script = `for f in ${FILES.join(" ")}; do head -c 1 $f | wc -c; done; ls ${DIRECTORIES.at(-1)} | wc -l; cat ${SYSCTL} >${SYSCTL} && echo written`;
  const { stdout } = await undefended(root.path, ["/bin/sh", "-c", script]);
  expect(stdout).toContain("1\n");
  expect(stdout).toEndWith("written\n");
  expect(stdout).not.toContain("\n0\n");
});

test("masked files are empty and masked directories have nothing in them [vm]", async () => {
  const script = `cat ${FILES.join(" ")}; ls -A ${DIRECTORIES.map((path) => `${path}/`).join(" ")} | grep -v :`;
  const { stdout, stderr } = await run([root.path, "/bin/sh", "-c", script]);
  expect([stdout.trim(), stderr]).toEqual(["", ""]);
});

test("what is masked cannot be written, unmasked, or changed on the host, with any capability", async () => {
  const script = `for f in ${FILES.join(" ")}; do echo x >$f || chmod 777 $f || echo closed; done
    for d in ${DIRECTORIES.join(" ")}; do touch $d/x || echo closed; done`;
  const { stdout } = await run([root.path, "/bin/sh", "-c", script]);
  expect(stdout).toBe("closed\n".repeat(FILES.length + DIRECTORIES.length));
  const unmask = await run([
    root.path,
    "/bin/sh",
    "-c",
    `umount ${FILES[0]}; umount -l /proc; cat ${FILES[0]}`,
  ]);
  expect(unmask.stdout).toBe("");
  expect(unmask.stderr).toContain("umount");
});

test("sysctls and other switches of the host's cannot be written", async () => {
  const before = readFileSync(SYSCTL, "utf8");
  const script = `for f in ${SYSCTL} /proc/sys/vm/drop_caches /proc/irq/default_smp_affinity /sys/kernel/mm/transparent_hugepage/enabled; do [ ! -e $f ] || (echo 1 >$f) 2>/dev/null && echo "wrote $f"; done; mount -o remount,rw /proc/sys; (echo x >${SYSCTL}) 2>/dev/null && echo wrote`;
  const { stdout } = await run([root.path, "/bin/sh", "-c", script]);
  expect(stdout.split("\n").filter((line) => line.startsWith("wrote") && existsSync(line.slice(6)))).toEqual(
    [],
  );
  expect(readFileSync(SYSCTL, "utf8")).toBe(before);
});

test("a /dev/null of the image's own, file, link or node, takes no part in it", async () => {
  const target = join(root.path, "stolen");
  for (const prepare of [
    () => symlinkSync("/proc/sys/kernel/core_pattern", join(root.path, "dev/null")),
    () => writeFileSync(join(root.path, "dev/null"), "hostile"),
    () => symlinkSync("../stolen", join(root.path, "dev/null")),
  ]) {
    rmSync(join(root.path, "dev/null"), { force: true });
    writeFileSync(target, "stolen");
    prepare();
    const { stdout, stderr } = await run([root.path, "cat", ...FILES]);
    expect([stdout, stderr]).toEqual(["", ""]);
  }
  rmSync(join(root.path, "dev/null"), { force: true });
});

test("systempaths=unconfined takes the masks away, for who asks for it", async () => {
  const { stdout } = await run(["--security-opt", "systempaths=unconfined", root.path, "cat", "/proc/keys"]);
  expect(stdout).not.toBe("");
});
