// Where mounts and the working directory end up: nested ones, those behind links that lead to nothing, those made under
// any umask of the caller's, and those in directories that not everybody may enter.

import { afterAll, describe, expect, test } from "bun:test";
import {
  chmodSync,
  chownSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { leavesNothing } from "../support/leftovers.ts";
import { execute, type Result, ROOT, run, scratchDirectory, scratchRootfs } from "../support/minibox.ts";
import { makePlace, runAsUser } from "../support/user.ts";

const root = scratchRootfs();
const outside = scratchDirectory();
writeFileSync(join(outside, "file"), "from the host\n");
const inner = join(outside, "inner");
const outer = join(outside, "outer");
for (const path of [inner, outer]) mkdirSync(path);
writeFileSync(join(inner, "in"), "");
writeFileSync(join(outer, "out"), "");
const place = makePlace();
afterAll(() => place.remove());
leavesNothing();

/** Ids that nobody has. */
const USERNS = "300000:300000:65536";

/** The two ways that everybody has, and an ordinary user's. */
const WAYS: [string, (words: string[]) => Promise<Result>][] = [
  ["root", (words) => run([...words.slice(0, -3), root, ...words.slice(-3)])],
  ["--userns", (words) => run(["--userns", USERNS, ...words.slice(0, -3), root, ...words.slice(-3)])],
  [
    "an ordinary user",
    (words) => runAsUser(place, [...words.slice(0, -3), place.ownRootfs, ...words.slice(-3)]),
  ],
];

describe.each(WAYS)("as %s", (_, go) => {
  const sh = async (flags: string[], script: string): Promise<string> => {
    const { stdout, stderr } = await go([...flags, "sh", "-c", script]);
    return stdout + stderr;
  };

  test("an inner mount is seen, in whatever order the flags come", async () => {
    chmodSync(outside, 0o755);
    // the mount point exists: an ordinary user could not make it in a directory of root's
    mkdirSync(join(outer, "in"), { recursive: true });
    const volumes = ["-v", `${inner}:/mnt/in`, "-v", `${outer}:/mnt`];
    expect(await sh(volumes, "ls /mnt /mnt/in")).toBe("/mnt:\nin\nout\n\n/mnt/in:\nin\n");
    expect(await sh(["-v", `${inner}:/tmp/y`, "--tmpfs", "/tmp"], "ls /tmp /tmp/y")).toBe(
      "/tmp:\ny\n\n/tmp/y:\nin\n",
    );
    expect(await sh(["--tmpfs", "/tmp", "-v", `${inner}:/tmp/y`], "ls /tmp/y")).toBe("in\n");
    expect(await sh(["--tmpfs", "/dev/shm/x/in", "-v", `${outer}:/dev/shm/x`], "ls /dev/shm/x")).toBe(
      "in\nout\n",
    );
  });
});

test("a default mount gives way to one of the user's in its place", async () => {
  const script = 'grep -c " /dev/shm " /proc/mounts; df -k /dev/shm | tail -1 | tr -s " " | cut -d" " -f2';
  expect((await run(["--tmpfs", "/dev/shm:size=1m", root, "sh", "-c", script])).stdout).toBe("1\n1024\n");
});

test("two mounts on one place are refused", async () => {
  const { status, stderr } = await run(["-v", `${inner}:/x`, "--tmpfs", "/x/", root, "true"]);
  expect([status, stderr.split("\n")[0]]).toEqual([
    125,
    "minibox: two mounts have the destination /x: of --volume, --mount and --tmpfs only one may name it",
  ]);
});

describe("a link of the rootfs that leads to nothing", () => {
  const host = scratchDirectory();
  const LINKS: [name: string, target: string, made: string][] = [
    ["etc/relative", "../run/a/b/c", "/run/a/b/c"],
    ["etc/absolute", "/var/new/x", "/var/new/x"],
    ["etc/climbing", "../../../../../../new/x", "/new/x"],
    ["etc/host", join(host, "x"), join(host, "x")],
    ["etc/chain", "chain2", "/srv/chain/x"],
    ["etc/chain2", "/etc/chain3/chain/x", "/srv/chain/x"],
    ["etc/chain3", "../srv", "/srv"],
    ["etc/dots", "./../run/./q/../r/", "/run/r"],
  ];
  for (const [name, target] of LINKS) symlinkSync(target, join(root, name));

  test.each(LINKS.filter(([name]) => name !== "etc/chain3"))(
    "%s -> %s takes mounts inside",
    async (name, _, made) => {
      const script = 'grep -q " $0 " /proc/mounts && echo there';
      for (const flags of [
        ["--tmpfs", `/${name}`],
        ["-v", `${inner}:/${name}`],
        ["--read-only", "-v", `${inner}:/${name}`],
      ])
        expect(await run([...flags, root, "sh", "-c", script, made])).toEqual({
          status: 0,
          stdout: "there\n",
          stderr: "",
        });
      const file = await run([
        "--overlay",
        "-v",
        `${outside}/file:/${name}/below`,
        root,
        "cat",
        `${made}/below`,
      ]);
      expect(file).toEqual({ status: 0, stdout: "from the host\n", stderr: "" });
      expect((await run(["--overlay", "-w", `/${name}`, root, "pwd"])).stdout).toBe(`${made}\n`);
      expect((await run(["--overlay", "--read-only", "-w", `/${name}/b`, root, "pwd"])).stdout).toBe(
        `${made}/b\n`,
      );
      expect(readdirSync(host)).toEqual([]);
    },
  );

  test("takes a file, as /etc/resolv.conf of a distribution's rootfs", async () => {
    symlinkSync("../run/systemd/resolve/stub-resolv.conf", join(root, "etc/resolv.conf"));
    const script = "cat /etc/resolv.conf /run/systemd/resolve/stub-resolv.conf";
    const { stdout } = await run(["-v", `${outside}/file:/etc/resolv.conf:ro`, root, "sh", "-c", script]);
    expect(stdout).toBe("from the host\nfrom the host\n");
    expect(lstatSync(join(root, "etc/resolv.conf")).isSymbolicLink()).toBe(true);
  });

  test("but in a circle is told so", async () => {
    symlinkSync("loop2", join(root, "etc/loop1"));
    symlinkSync("loop1", join(root, "etc/loop2"));
    for (const path of ["/etc/loop1", "/etc/loop1/x/y"])
      expect(await run(["--tmpfs", path, root, "true"])).toEqual({
        status: 125,
        stdout: "",
        stderr: `minibox: ${path} cannot be reached: symbolic links of the rootfs lead in a circle, or through one of /proc\n`,
      });
  });

  test("and a file on the way is told so", async () => {
    expect((await run(["--tmpfs", "/etc/passwd/x", root, "true"])).stderr).toStartWith(
      "minibox: open the mount point /etc/passwd/x: ENOTDIR",
    );
  });
});

describe("the caller's umask", () => {
  const masked = (flags: string[], script: string): Promise<Result> =>
    execute(["sh", "-c", 'umask 077; exec $RUN "$@"', "sh", ...flags, root, "sh", "-c", script]);

  test("has no say in what minibox makes", async () => {
    const flags = [
      "--overlay",
      "-u",
      "1000",
      "-w",
      "/made/work/dir",
      "-v",
      `${outside}/file:/other/made/file`,
    ];
    const script =
      "pwd; cat /other/made/file; stat -c %a /made /made/work/dir /other /other/made /dev /dev/shm /tmp /empty; umask";
    expect(await masked([...flags, "--tmpfs", "/empty"], script)).toEqual({
      status: 0,
      stdout: "/made/work/dir\nfrom the host\n755\n755\n755\n755\n755\n1777\n1777\n1777\n0022\n",
      stderr: "",
    });
  });

  test("lets the container see its own cgroup", async () => {
    const name = `umask-${process.pid}`;
    const path = `d=$(find /sys/fs/cgroup -name ${name} -type d | head -1); stat -c %a "$d"; stat -c %a ${ROOT}/${name}`;
    const child = Bun.spawn(
      [
        "sh",
        "-c",
        'umask 077; exec $RUN "$@"',
        "sh",
        "--name",
        name,
        "-m",
        "64m",
        root,
        "sh",
        "-c",
        "echo up; read x",
      ],
      { stdin: "pipe", stdout: "pipe", env: process.env },
    );
    await child.stdout.getReader().read();
    expect((await execute(["sh", "-c", path])).stdout).toBe("1755\n1700\n");
    child.stdin.end();
    expect(await child.exited).toBe(1);
  });

  test("still holds for the file of --attest, which is the caller's own", async () => {
    const file = join(outside, "attested");
    await masked(["--attest", file], "true");
    expect(lstatSync(file).mode & 0o777).toBe(0o600);
    rmSync(file);
  });
});

describe("--workdir", () => {
  test("that only root may enter is entered before the user is changed", async () => {
    chmodSync(join(root, "root"), 0o700);
    const script = "pwd; id -u; ls . || echo closed";
    expect((await run(["-u", "1000", "-w", "/root", root, "sh", "-c", script])).stdout).toBe(
      "/root\n1000\nclosed\n",
    );
  });

  test("that only the user may enter is entered as the user, or told in one line", async () => {
    // the owner is outside of the user namespace: its root has no power over the directory, the group may enter
    const closed = join(root, "closed");
    mkdirSync(closed);
    chownSync(closed, 100_000, 5);
    chmodSync(closed, 0o750);
    const pwd = (user: string) => run(["--userns", USERNS, "-u", user, "-w", "/closed", root, "pwd"]);
    expect(await pwd("1000:5")).toEqual({ status: 0, stdout: "/closed\n", stderr: "" });
    expect(await pwd("1000:6")).toEqual({
      status: 125,
      stdout: "",
      stderr: "minibox: change to the directory /closed: EACCES: permission denied\n",
    });
  });

  test("is made also in a root that is read-only afterwards", async () => {
    const { stdout } = await run(["--read-only", "-w", "/work/dir", root, "sh", "-c", "pwd; touch x 2>&1"]);
    expect(stdout).toBe("/work/dir\ntouch: x: Read-only file system\n");
  });
});
