// The mounts of a container: those that it always has, and those of -v, --mount and --tmpfs with their options.

import { describe, expect, test } from "bun:test";
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { leavesNothing } from "../support/leftovers.ts";
import { execute, RUN, run, scratchDirectory, scratchRootfs } from "../support/minibox.ts";

const root = scratchRootfs();
const outside = scratchDirectory();
writeFileSync(join(outside, "file"), "from the host\n");
mkdirSync(join(outside, "sub"));
leavesNothing();

const sh = async (flags: string[], script: string): Promise<string> => {
  const { stdout, stderr } = await run([...flags, root, "sh", "-c", script]);
  return stdout + stderr;
};

/** The options of the mount at a path, as the container sees them. */
const optionsOf = async (flags: string[], path: string): Promise<string[]> => {
  const line = (await sh(flags, `grep " ${path} " /proc/self/mountinfo | tail -1`)).trim();
  const [own, fileSystem] = line.split(" - ");
  return [...own!.split(" ")[5]!.split(","), ...fileSystem!.split(" ")[2]!.split(",")];
};

describe("--volume", () => {
  test("shows a directory of the host's, writable, and makes its mount point", async () => {
    expect(await sh(["-v", `${outside}:/data/new`], "cat /data/new/file; echo in >/data/new/made")).toBe(
      "from the host\n",
    );
    expect(readFileSync(join(outside, "made"), "utf8")).toBe("in\n");
    expect(existsSync(join(root, "data/new/made"))).toBe(false);
  });

  test("shows a single file, in the place of one or where none was", async () => {
    const file = join(outside, "file");
    expect(await sh(["-v", `${file}:/opt/f`, "-v", `${file}:/etc/passwd:ro`], "cat /opt/f /etc/passwd")).toBe(
      "from the host\nfrom the host\n",
    );
    expect(readFileSync(join(root, "etc/passwd"), "utf8")).toStartWith("root:");
  });

  test("takes a relative source from the caller's directory", async () => {
    const { stdout } = await run(["-v", "sub/../file:/opt/f", root, "cat", "/opt/f"], { cwd: outside });
    expect(stdout).toBe("from the host\n");
    expect((await run(["-v", ".:/opt/d", root, "ls", "/opt/d"], { cwd: outside })).stdout).toContain(
      "file\n",
    );
  });

  test("with ro cannot be written, renamed in, nor made writable by the container", async () => {
    const script = "touch /d/x; rm /d/file; mount -o remount,rw,bind /d && touch /d/y";
    const said = await sh(["-u", "0", "-v", `${outside}:/d:ro`], script);
    expect(said).toContain("touch: /d/x: Read-only file system");
    expect(said).toContain("rm: can't remove '/d/file': Read-only file system");
    expect(existsSync(join(outside, "x"))).toBe(false);
    expect(readFileSync(join(outside, "file"), "utf8")).toBe("from the host\n");
  });

  test("with ro is read-only all the way down, other mounts below included", async () => {
    // in a mount namespace of its own: the host's table is left alone
    const { stdout } = await execute([
      ...["unshare", "-m", "sh", "-c"],
      `mount -t tmpfs t ${outside}/sub && mkdir ${outside}/sub/deep && $RUN -v ${outside}:/d:ro "$1" sh -c 'touch /d/sub/x 2>&1; ls /d/sub'
       $RUN -v ${outside}:/d:bind "$1" ls /d/sub`,
      "sh",
      root,
    ]);
    expect(stdout).toBe("touch: /d/sub/x: Read-only file system\ndeep\n");
  });

  test("takes options", async () => {
    const options = await optionsOf(["-v", `${outside}:/d:ro,nosuid,nodev,noexec`], "/d");
    expect(options).toEqual(expect.arrayContaining(["ro", "nosuid", "nodev", "noexec"]));
    expect(await optionsOf(["-v", `${outside}:/d`], "/d")).toContain("rw");
  });

  test("is refused when the source is missing, with what to do", async () => {
    expect(await run(["-v", "/nonexistent/x:/d", root, "true"])).toEqual({
      status: 125,
      stdout: "",
      stderr:
        "minibox: mount bind /nonexistent/x on /d (rbind): ENOENT: no such file or directory\n  the source of a volume must exist: create it first\n",
    });
  });

  test("is refused where a file meets a directory", async () => {
    expect((await run(["-v", `${outside}/file:/tmp`, root, "true"])).stderr).toBe(
      "minibox: /tmp in the rootfs is a directory: a file cannot be mounted on it\n",
    );
    expect((await run(["-v", `${outside}:/etc/passwd`, root, "true"])).stderr).toBe(
      "minibox: /etc/passwd in the rootfs is not a directory: nothing can be mounted there\n",
    );
  });

  test("stays inside the root where its destination is a symlink or goes up", async () => {
    symlinkSync(outside, join(root, "escape"));
    symlinkSync("../../../../../../..", join(root, "opt/up"));
    mkdirSync(join(root, outside), { recursive: true });
    expect(await sh(["--tmpfs", "/escape"], `echo x >/escape/inside; ls ${outside}`)).toBe("inside\n");
    expect(existsSync(join(outside, "inside"))).toBe(false);
    expect(await sh(["--tmpfs", "/opt/up/mnt"], "mount | grep -c ' /mnt '")).toBe("1\n");
    expect(await sh(["--tmpfs", "/../../../srv"], "mount | grep -c ' /srv '")).toBe("1\n");
    rmSync(join(root, "escape"));
  });

  test("may hold any byte in source and destination", async () => {
    const odd = join(outside, "a b\tc");
    mkdirSync(odd);
    expect(
      await sh(["-v", `${odd}:/mnt/x y`], "ls -d '/mnt/x y'; grep ' /mnt/' /proc/mounts | cut -d' ' -f2"),
    ).toBe("/mnt/x y\n/mnt/x\\040y\n");
    const { stdout } = await execute([
      "bash",
      "-c",
      `d=${outside}/$'\\xff'; mkdir "$d" && touch "$d/f" && exec $RUN -v "$d":/mnt/$'\\xfe' "$1" sh -c 'ls /mnt/*'`,
      "sh",
      root,
    ]);
    expect(stdout).toContain("f\n");
  });
});

describe("--mount", () => {
  test("binds, with commas and colons in the path", async () => {
    const odd = join(outside, "a,b:c");
    mkdirSync(odd);
    writeFileSync(join(odd, "f"), "odd\n");
    expect(await sh(["--mount", `type=bind,"src=${odd}",dst=/d,ro`], "cat /d/f; touch /d/x")).toBe(
      "odd\ntouch: /d/x: Read-only file system\n",
    );
  });

  test("makes a tmpfs of a size", async () => {
    const flags = ["--mount", "type=tmpfs,dst=/t,tmpfs-size=1m,tmpfs-mode=1770"];
    expect(
      await sh(flags, "stat -c %a /t; dd if=/dev/zero of=/t/x bs=1M count=2 2>&1 | grep -c 'No space'"),
    ).toBe("1770\n1\n");
    expect(await optionsOf(flags, "/t")).toEqual(
      expect.arrayContaining(["nosuid", "nodev", "noexec", "size=1024k"]),
    );
  });
});

describe("--tmpfs", () => {
  test("is empty, writable, and gone afterwards", async () => {
    writeFileSync(join(root, "srv/below"), "");
    expect(await sh(["--tmpfs", "/srv"], "ls -A /srv; echo x >/srv/y; cat /srv/y")).toBe("x\n");
    expect(await sh([], "ls /srv")).toBe("below\n");
  });

  test("takes options, over docker's defaults", async () => {
    expect(await optionsOf(["--tmpfs", "/t"], "/t")).toEqual(
      expect.arrayContaining(["rw", "nosuid", "nodev", "noexec"]),
    );
    const options = await optionsOf(["--tmpfs", "/t:size=2m,exec,mode=700,uid=5"], "/t");
    expect(options).toEqual(expect.arrayContaining(["size=2048k", "mode=700", "uid=5"]));
    expect(options).not.toContain("noexec");
  });

  test("has the mode and the owner of the directory that it covers, else /tmp's, unless told", async () => {
    mkdirSync(join(root, "srv/closed"));
    chmodSync(join(root, "srv/closed"), 0o710);
    chownSync(join(root, "srv/closed"), 12, 34);
    const modes = async (...flags: string[]): Promise<string> =>
      sh(flags, "stat -c '%a %u:%g' /srv/closed /srv/new 2>/dev/null");
    expect(await modes("--tmpfs", "/srv/closed", "--tmpfs", "/srv/new")).toBe("710 12:34\n1777 0:0\n");
    expect(await modes("--tmpfs", "/srv/closed:size=1m,uid=7")).toBe("710 7:34\n");
    expect(await modes("--tmpfs", "/srv/closed:mode=0750")).toBe("750 0:0\n");
    expect(await modes("--tmpfs", "/srv/closed", "--userns", "300000:300000:65536")).toBe("710 12:34\n");
  });

  test("with an option that there is none is refused", async () => {
    expect((await run(["--tmpfs", "/t:bogus", root, "true"])).stderr).toStartWith(
      'minibox: --tmpfs: unknown option "bogus" in "/t:bogus"\n',
    );
  });
});

describe("--read-only", () => {
  test("makes the root read-only, and leaves /dev/shm, tmpfs and volumes writable", async () => {
    const said = await sh(
      ["--read-only", "--tmpfs", "/t", "-v", `${outside}:/d`],
      "touch /x; touch /tmp/x; touch /dev/shm/x /t/x /d/rw && echo ok; mount -o remount,rw / 2>/dev/null; echo >/etc/x",
    );
    expect(said).toContain("touch: /x: Read-only file system\n");
    expect(said).toContain("touch: /tmp/x: Read-only file system\n");
    expect(said).toContain("ok\n");
    expect(existsSync(join(root, "x"))).toBe(false);
    expect(existsSync(join(outside, "rw"))).toBe(true);
  });

  test("does not make the host's directory read-only", async () => {
    await run(["--read-only", root, "true"]);
    writeFileSync(join(root, "writable"), "");
    expect(existsSync(join(root, "writable"))).toBe(true);
  });
});

describe("a mount point that cannot be made", () => {
  test.each([
    [
      "in /proc",
      ["-v", `${outside}:/proc/new`],
      "/proc/new cannot be made: in /proc there is only what the kernel shows",
    ],
    [
      "in /sys",
      ["--tmpfs", "/sys/new/deep"],
      "/sys/new/deep cannot be made: in /sys there is only what the kernel shows",
    ],
    [
      "in a read-only volume",
      ["-v", `${outside}:/d:ro`, "--tmpfs", "/d/missing"],
      "/d/missing cannot be made: what is mounted on the way there is read-only, so it must exist in it",
    ],
  ])("%s, is told so", async (_, flags, line) => {
    expect(await run([...flags, root, "true"])).toEqual({
      status: 125,
      stdout: "",
      stderr: `minibox: the mount point ${line}\n`,
    });
  });

  test("exists in a read-only volume, and is used", async () => {
    expect(await sh(["-v", `${outside}:/d:ro`, "--tmpfs", "/d/sub"], "touch /d/sub/x && ls /d/sub")).toBe(
      "x\n",
    );
  });
});

describe("a volume of any kind of file", () => {
  test("is what it is on the host", async () => {
    await execute([
      "sh",
      "-c",
      'mkfifo "$0/fifo" && python3 -c "import socket, sys; socket.socket(socket.AF_UNIX).bind(sys.argv[1])" "$0/socket"',
      outside,
    ]);
    const kinds = ["fifo", "socket", "sub", "file"];
    const flags = kinds.flatMap((kind) => ["-v", `${outside}/${kind}:/kinds/${kind}/`]);
    expect(await sh([...flags, "-v", "/dev/null:/kinds/null"], "stat -c '%F' /kinds/* | sort")).toBe(
      "character special file\ndirectory\nfifo\nregular file\nsocket\n",
    );
    expect(existsSync(join(root, "kinds"))).toBe(false);
  });

  test("is found through links of the rootfs on the way to its destination", async () => {
    expect(
      await sh(
        ["-v", `${outside}:/var/run/x/y`],
        "ls -d /run/x/y /var/run/x/y; grep -c ' /run/x/y ' /proc/mounts",
      ),
    ).toBe("/run/x/y\n/var/run/x/y\n1\n");
  });
});

describe("the host's mount table", () => {
  const table = (): string => readFileSync("/proc/self/mountinfo", "utf8");

  test("is the same before, during and after", async () => {
    const start = table();
    const child = Bun.spawn(
      [...RUN, "--overlay", "-v", `${outside}:/d`, root, "sh", "-c", "echo up; read x"],
      {
        stdin: "pipe",
        stdout: "pipe",
      },
    );
    await child.stdout.getReader().read();
    expect(table()).toBe(start);
    child.stdin.end();
    await child.exited;
    expect(table()).toBe(start);
  });

  test("stays the same also where the host's mounts are shared, as systemd makes them", async () => {
    const { stdout } = await execute([
      ...["unshare", "-m", "--propagation", "shared", "sh", "-c"],
      `cat /proc/self/mountinfo >${outside}/a
       $RUN -v ${outside}:/d --tmpfs /t "$1" sh -c 'mount -t tmpfs x /mnt; mount -t tmpfs x /d/sub; cat /dev/null'
       cat /proc/self/mountinfo >${outside}/b; cmp ${outside}/a ${outside}/b && echo same`,
      "sh",
      root,
    ]);
    expect(stdout).toBe("same\n");
  });
});
