// Files of the image that minibox might read or load while it still has the host's rights: libraries, name services, a
// passwd or group that is a FIFO, a link or a device, and configuration files of Bun's.

import { beforeAll, expect, test } from "bun:test";
import { chmodSync, copyFileSync, existsSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { attackRootfs, compile } from "../support/attack.ts";
import { leavesNothing } from "../support/leftovers.ts";
import { execute, RUN, run, scratchDirectory } from "../support/minibox.ts";

leavesNothing();

/** A library that leaves a file in the root of the process that loads it. */
const EVIL = `#include <fcntl.h>
#include <unistd.h>
__attribute__((constructor)) static void evil(void) { close(open("/loaded", O_CREAT | O_WRONLY, 0644)); }`;

let root: ReturnType<typeof attackRootfs>;
let host: string;
beforeAll(() => {
  root = attackRootfs();
  host = scratchDirectory();
  writeFileSync(join(host, "passwd"), "hosted:x:4242:4242::/:/bin/sh\n");
});

const NAMES =
  "libc.so.6 libm.so.6 libdl.so.2 libpthread.so.0 libgcc_s.so.1 libstdc++.so.6 libnss_files.so.2 libnss_compat.so.2 libnss_systemd.so.2 libicudata.so libseccomp.so.2".split(
    " ",
  );

function plantLibraries(): void {
  const evil = compile(EVIL, ["-shared", "-fPIC", "-nostartfiles"]);
  for (const directory of [
    "lib",
    "lib64",
    "usr/lib",
    "lib/x86_64-linux-gnu",
    "usr/lib/x86_64-linux-gnu",
    "lib/aarch64-linux-gnu",
  ])
    for (const name of NAMES) {
      const place = join(root.path, directory, name);
      mkdirSync(dirname(place), { recursive: true });
      if (!existsSync(place)) copyFileSync(evil, place);
    }
  copyFileSync(evil, join(root.path, "evil.so"));
  writeFileSync(join(root.path, "etc/ld.so.preload"), "/evil.so\n");
  writeFileSync(
    join(root.path, "etc/nsswitch.conf"),
    "passwd: files systemd compat\ngroup: files systemd compat\n",
  );
}

const loaded = (): boolean => existsSync(join(root.path, "loaded"));

test("a program of the host's in that root loads the image's libraries", async () => {
  plantLibraries();
  // the runtime is such a process: it already runs when the image becomes its root
  const source = `#include <dlfcn.h>
#include <unistd.h>
int main(int n, char **v) { chroot(v[1]); chdir("/"); dlopen("libnss_systemd.so.2", RTLD_NOW); return 0; }`;
  await execute([compile(source, []), root.path]);
  expect(loaded()).toBe(true);
  rmSync(join(root.path, "loaded"));
});

test("minibox loads none, whatever it has to do", async () => {
  writeFileSync(join(root.path, "etc/passwd"), "root:x:0:0::/:/bin/sh\napp:x:1000:1000::/:/bin/sh\n");
  for (const flags of [
    [],
    ["--init"],
    ["-u", "app"],
    ["-t"],
    ["--overlay"],
    ["--userns", "100000:100000:65536"],
  ]) {
    const { status } = await run(["-q", ...flags, root.path, "/bin/true"]);
    expect([flags, status, loaded()]).toEqual([flags, 0, false]);
  }
  // nor when minibox reads files of the image to explain an error
  expect((await run([root.path, "/bin/missing"])).status).toBe(127);
  expect((await run(["-u", "nobody-here", root.path, "/bin/true"])).status).toBe(125);
  expect(loaded()).toBe(false);
});

test("a passwd or group that never answers keeps nobody waiting", async () => {
  for (const name of ["passwd", "group"])
    for (const kind of ["fifo", "directory", "device", "socket link"]) {
      const place = join(root.path, "etc", name);
      rmSync(place, { recursive: true, force: true });
      if (kind === "fifo") await execute(["mkfifo", place]);
      else if (kind === "directory") mkdirSync(place);
      else if (kind === "device") await execute(["mknod", place, "c", "1", "5"]);
      else symlinkSync("/dev/stdin", place);
      const started = performance.now();
      const { status, stdout } = await run([
        "-u",
        "7:8",
        root.path,
        "/bin/sh",
        "-c",
        "grep ^Uid /proc/self/status",
      ]);
      expect([name, kind, status, stdout]).toEqual([name, kind, 0, "Uid:\t7\t7\t7\t7\n"]);
      expect(performance.now() - started).toBeLessThan(30_000);
      const named = await run(["-u", "hosted", root.path, "/bin/true"]);
      expect([name, kind, named.status]).toEqual([name, kind, 125]);
    }
  for (const name of ["passwd", "group"])
    rmSync(join(root.path, "etc", name), { recursive: true, force: true });
});

test("a passwd that is a link to the host's is the image's own, or none", async () => {
  for (const target of [
    join(host, "passwd"),
    `../../../../../../../..${host}/passwd`,
    `/proc/self/root${host}/passwd`,
  ]) {
    rmSync(join(root.path, "etc/passwd"), { force: true });
    symlinkSync(target, join(root.path, "etc/passwd"));
    const { status, stderr } = await run(["-u", "hosted", root.path, "/bin/true"]);
    expect([target, status, stderr]).toEqual([target, 125, expect.stringContaining('no user "hosted"')]);
  }
  rmSync(join(root.path, "etc/passwd"));
});

test("a passwd without end is not read to its end", async () => {
  await execute(["truncate", "-s", "20G", join(root.path, "etc/passwd")]);
  const { status, stderr } = await run(["-u", "7", root.path, "/bin/true"]);
  expect(stderr).toBe("minibox: read /etc/passwd in the rootfs, at most 4 MiB: EFBIG: file too large\n");
  expect(status).toBe(125);
  rmSync(join(root.path, "etc/passwd"));
});

test("files of the directory that it is started in, or starts in, configure nothing", async () => {
  const touch = `require("fs").writeFileSync(${JSON.stringify(join(host, "preloaded"))}, "")`;
  for (const directory of [host, root.path]) {
    writeFileSync(join(directory, "bunfig.toml"), 'preload = ["./preload.js"]\n');
    writeFileSync(join(directory, "preload.js"), touch);
    writeFileSync(join(directory, ".env"), "BUN_OPTIONS=--preload=./preload.js\nSECRET=1\n");
    writeFileSync(join(directory, "package.json"), "{");
    writeFileSync(join(directory, "tsconfig.json"), "{");
    chmodSync(join(directory, "preload.js"), 0o755);
  }
  for (const cwd of [host, root.path]) {
    const result = await execute([...RUN, root.path, "env"], { cwd, env: { PATH: "/bin" } });
    expect([result.status, result.stdout.includes("SECRET")]).toEqual([0, false]);
  }
  expect(existsSync(join(host, "preloaded"))).toBe(false);
});
