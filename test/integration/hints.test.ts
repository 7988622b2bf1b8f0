// Each hint of minibox works: the failure is provoked, and then the hint is followed.

import { describe, expect, test } from "bun:test";
import { chmodSync, chownSync, existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { leavesNothing } from "../support/leftovers.ts";
import {
  execute,
  MINIBOX,
  type Result,
  RUN,
  rootfs,
  run,
  scratchDirectory,
  scratchRootfs,
  skipReason,
} from "../support/minibox.ts";

const busybox = rootfs("busybox");
const directory = scratchDirectory();
leavesNothing();

/** Runs a script in a mount namespace of its own; $1 is the busybox rootfs, $2 a scratch directory. */
const shell = (script: string, ...before: string[]): Promise<Result> =>
  execute([...before, "unshare", "-m", "sh", "-c", script, "sh", busybox, scratchDirectory()]);

const needsRoot = skipReason();

describe.skipIf(needsRoot !== "")("a namespace of which none may be made:", () => {
  // the sysctls of namespaces(7) are the user namespace's own, so nobody else's change
  test.each(["net", "user", "pid", "mnt", "uts", "ipc", "cgroup"])("%s", async (kind) => {
    const script = `echo 0 >/proc/sys/user/max_${kind}_namespaces; $RUN "$1" true
      echo 10000 >/proc/sys/user/max_${kind}_namespaces; $RUN "$1" echo allowed`;
    const { stdout, stderr } = await execute(["unshare", "-Ur", "sh", "-c", script, "sh", busybox]);
    const name = `user.max_${kind}_namespaces`;
    expect(stderr).toEndWith(
      `: ENOSPC: no space left on device\n  the sysctl ${name} is 0: no such namespace may be made (sysctl -w ${name}=10000 allows them)\n`,
    );
    expect(stdout).toBe("allowed\n");
  });
});

describe.skipIf(needsRoot !== "")("file systems:", () => {
  test("an overlay on an overlay on an overlay is refused; without --overlay it runs", async () => {
    const { stdout, stderr } = await shell(`mount -t tmpfs t "$2"; cd "$2"; mkdir u1 w1 u2 w2 one two
      mount -t overlay o -o "lowerdir=$1,upperdir=u1,workdir=w1" one
      $RUN --overlay one echo on one
      mount -t overlay o -o lowerdir=one,upperdir=u2,workdir=w2 two
      $RUN --overlay two true; $RUN two echo without`);
    expect(stderr).toBe(
      "minibox: no overlay can be made: the rootfs lies on an overlay that is itself on another, and the kernel stacks no more than two: put the rootfs on another file system, or go without an overlay\n",
    );
    expect(stdout).toBe("on one\nwithout\n");
  });

  test("a working directory that a read-only rootfs lacks", async () => {
    const { stdout, stderr } = await shell(`mount -t tmpfs t "$2"; cp -a "$1/." "$2"; mount -o remount,ro "$2"
      $RUN -w /new "$2" true; $RUN --overlay -w /new "$2" pwd
      mount -o remount,rw "$2"; mkdir "$2/new"; mount -o remount,ro "$2"; $RUN -w /new "$2" pwd`);
    expect(stderr).toBe(
      "minibox: create the working directory /new: EROFS: read-only file system\n  the rootfs is on a read-only file system: make the working directory in the rootfs, or use --overlay\n",
    );
    expect(stdout).toBe("/new\n/new\n");
  });

  test("a file to mount on that a read-only rootfs lacks", async () => {
    const { stdout, stderr } = await shell(`mount -t tmpfs t "$2"; cp -a "$1/." "$2"; mount -o remount,ro "$2"
      $RUN -v /etc/hostname:/new "$2" true; $RUN --overlay -v /etc/hostname:/new "$2" echo overlay
      mount -o remount,rw "$2"; touch "$2/new"; mount -o remount,ro "$2"
      $RUN -v /etc/hostname:/new "$2" echo made`);
    expect(stderr).toBe(
      "minibox: create the mount point /new: EROFS: read-only file system\n  the rootfs is on a read-only file system: make the mount point in the rootfs, or use --overlay\n",
    );
    expect(stdout).toBe("overlay\nmade\n");
  });

  test("a directory to mount on that another user's rootfs lacks", async () => {
    const root = scratchRootfs();
    const minibox = join(directory, "minibox");
    const states = join(directory, "nobody's");
    mkdirSync(states);
    chownSync(states, 65_534, 65_534);
    await execute([
      "sh",
      "-c",
      'chmod a+rx "$2" "$2/.." "$3"; rmdir "$2/proc"; cp "$0" "$3"',
      MINIBOX,
      "",
      root,
      directory,
    ]);
    const asNobody = (...words: string[]) =>
      execute(
        [
          "setpriv",
          "--reuid=65534",
          "--regid=65534",
          "--clear-groups",
          ...[minibox, "--root", states, "run"],
          ...words,
          root,
          "echo",
          "ran",
        ],
        { cwd: "/" },
      );
    expect((await asNobody()).stderr).toEndWith(
      "minibox: create the mount point /proc: EACCES: permission denied\n  the rootfs belongs to another user: make the mount point in the rootfs, or use --overlay\n",
    );
    expect((await asNobody("--overlay")).stdout).toBe("ran\n");
    // below / an overlay is no help, and is not said to be
    for (const flags of [[], ["--overlay"]])
      expect((await asNobody(...flags, "--tmpfs", "/var/new")).stderr).toEndWith(
        flags.length === 0
          ? "make the mount point in the rootfs, or use --overlay\n"
          : "minibox: create the mount point /var/new: EACCES: permission denied\n  the rootfs belongs to another user: make the mount point in the rootfs\n",
      );
    mkdirSync(join(root, "proc"));
    expect((await asNobody("--tmpfs", "/var/new")).stderr).toEndWith("make the mount point in the rootfs\n");
    mkdirSync(join(root, "var/new"));
    expect((await asNobody("--tmpfs", "/var/new")).stdout).toBe("ran\n");
    expect((await asNobody()).stdout).toBe("ran\n");
  });

  test("the source of a volume that is missing, with and without a user namespace", async () => {
    const source = join(directory, "source");
    for (const userns of [[], ["--userns", "100000:100000:65536"]]) {
      const words = [...userns, "-v", `${source}:/mnt`, busybox, "ls", "-d", "/mnt"];
      expect((await run(words)).stderr).toEndWith("\n  the source of a volume must exist: create it first\n");
      mkdirSync(source);
      expect((await run(words)).stdout).toBe("/mnt\n");
      await execute(["rmdir", source]);
    }
  });

  test("a tmpfs of a user that the container does not have", async () => {
    const owned = (uid: number) =>
      run(["--userns", "100000:100000:65536", "--tmpfs", `/t:uid=${uid}`, busybox, "echo", "ran"]);
    const { stderr } = await owned(99_999_999);
    expect(stderr).toContain("(nosuid,nodev,noexec,uid=99999999): EINVAL: invalid argument\n");
    expect(stderr).toContain("does not know one of the options, or its value");
    expect((await owned(65_535)).stdout).toBe("ran\n");
  });
});

describe.skipIf(skipReason("prlimit") !== "")("limits of minibox's own:", () => {
  test("too few files", async () => {
    const limited = (most: number) =>
      execute(["prlimit", `--nofile=${most}:${most}`, ...RUN, busybox, "echo", "ran"]);
    const { status, stderr } = await limited(8);
    expect(status).toBe(125);
    expect(stderr).toMatch(/^minibox: .*: EMFILE: too many open files\n {2}.*: raise ulimit -n,/);
    expect(stderr).toContain(" which is 8, or ");
    expect((await limited(256)).stdout).toBe("ran\n");
  });

  test("a hard limit above the caller's", async () => {
    const limited = (most: number) =>
      execute([
        "prlimit",
        "--nofile=512:512",
        "setpriv",
        "--bounding-set=-sys_resource",
        ...RUN,
        "--ulimit",
        `nofile=1:${most}`,
        busybox,
        "echo",
        "ran",
      ]);
    expect((await limited(513)).stderr).toContain(
      "EPERM: operation not permitted\n  only CAP_SYS_RESOURCE raises",
    );
    expect((await limited(512)).stdout).toBe("ran\n");
  });

  test("one process, which with --init is minibox", async () => {
    const limited = (...words: string[]) => run([...words, busybox, "echo", "ran"]);
    expect(await limited("--pids-limit", "1", "--init")).toEqual({
      status: 126,
      stdout: "",
      stderr:
        "minibox: /bin/echo: one process is allowed, and with an init that is minibox\n  raise --pids-limit to 2 or more, or go without the init\n",
    });
    for (const words of [
      ["--pids-limit", "2", "--init"],
      ["--pids-limit", "1"],
    ])
      expect((await limited(...words)).stdout).toBe("ran\n");
  });
});

describe.skipIf(skipReason("python3") !== "")("keys:", () => {
  /** A user of this run of the tests alone: the quota of keys is a user's, wherever its processes are. */
  const USER = 2_000_000_000 + (process.pid % 10_000) * 200_000;
  const usernsFrom = (id: number): string[] => ["--userns", `${id}:${id}:65536`];

  /** Fills a user's quota with keys of its own, and holds them until its stdin ends. */
  const FILL = `
import ctypes, os, platform, sys
add_key = 217 if platform.machine() == "aarch64" else 248
os.setgid(${USER}); os.setuid(${USER})
libc, i = ctypes.CDLL(None), 0
while libc.syscall(add_key, b"user", b"minibox-test-%d" % i, b"x", 1, -2) > 0: i += 1
print("full", flush=True); sys.stdin.read()`;

  /** Executes its words with a session keyring, as a login gives one: only a second one counts against the quota. */
  const LOGGED_IN = `
import ctypes, os, platform, sys
keyctl, KEYCTL_JOIN_SESSION_KEYRING = 219 if platform.machine() == "aarch64" else 250, 1
ctypes.CDLL(None).syscall(keyctl, KEYCTL_JOIN_SESSION_KEYRING, None)
os.execv(sys.argv[1], sys.argv[1:])`;
  const loggedIn = (...words: string[]): Promise<Result> =>
    execute(["python3", "-c", LOGGED_IN, ...RUN, ...words]);

  test("a user who has no room for one more keyring", async () => {
    const filling = Bun.spawn(["python3", "-c", FILL], { stdin: "pipe", stdout: "pipe" });
    const reader = filling.stdout.getReader();
    expect(new TextDecoder().decode((await reader.read()).value)).toStartWith("full");
    const { status, stderr } = await loggedIn(...usernsFrom(USER), busybox, "true");
    const other = await loggedIn(...usernsFrom(USER + 100_000), busybox, "echo", "other");
    filling.stdin.end();
    await filling.exited;
    expect(status).toBe(125);
    expect(stderr).toContain("join a new session keyring: EDQUOT: disk quota exceeded\n");
    expect(stderr).toContain("or give the container other ids with --userns");
    expect(other.stdout).toBe("other\n");
  });
});

describe("files that flags name are named in the error:", () => {
  test.each([
    ["--env-file", "/nonexistent", "--env-file: /nonexistent: ENOENT: no such file or directory"],
    [
      "--security-opt",
      "seccomp=/nonexistent",
      "--security-opt seccomp=/nonexistent: ENOENT: no such file or directory",
    ],
    ["--security-opt", "seccomp=/proc", "--security-opt seccomp=/proc: EISDIR: is a directory"],
    ["--attest", "/nonexistent/file", "--attest: /nonexistent/file: ENOENT: no such file or directory"],
    ["--attest", "/dev/full", "--attest: /dev/full: ENOSPC: no space left on device"],
  ])("%s %s", async (flag, value, message) => {
    expect(await run([flag, value, busybox, "echo", "ran"])).toEqual({
      status: 125,
      stdout: "",
      stderr: `minibox: ${message}\n`,
    });
  });

  test("a standard output that is full", async () => {
    const words = [...RUN, "--attest", "-", busybox, "true"];
    const { status, stderr } = await execute(["sh", "-c", '"$@" >/dev/full', "sh", ...words]);
    expect(status).toBe(125);
    expect(stderr).toBe("minibox: --attest: standard output: ENOSPC: no space left on device\n");
  });
});

/** A root in which minibox itself runs, with the busybox rootfs beside it. */
function rootWithMinibox(): string {
  const root = join(directory, "outer");
  if (existsSync(root)) return root;
  const made = Bun.spawnSync([
    "sh",
    "-c",
    `cp -a "$1" "$3" && cp -a "$2" "$3/inner" && cp "$0" "$3/minibox" &&
     ldd "$0" | sed -n 's/.*\\(=>\\|^\\)[[:blank:]]*\\(\\/[^ ]*\\) (.*/\\2/p' | while read -r file; do
       mkdir -p "$3$(dirname "$file")" && cp -L "$file" "$3$file"; done`,
    ...[MINIBOX, rootfs("host"), busybox, root],
  ]);
  if (!made.success) throw new Error(`${made.stderr}`);
  chmodSync(join(root, "minibox"), 0o755);
  return root;
}

describe.skipIf(needsRoot !== "")("minibox in minibox:", () => {
  const nested = (outer: string[], inner: string[] = []): Promise<Result> =>
    run([...outer, rootWithMinibox(), "/minibox", "run", ...inner, "/inner", "echo", "nested"]);
  const option = (...values: string[]): string[] => values.flatMap((value) => ["--security-opt", value]);
  const capabilities = (...names: string[]): string[] => names.flatMap((name) => ["--cap-add", name]);
  const [noFilter, unmasked] = ["seccomp=unconfined", "systempaths=unconfined"];
  const options = `${option(noFilter).join(" ")} --security-opt ${unmasked} (podman: unmask=ALL)`;

  test("without anything, the options that it takes are named; with them it runs", async () => {
    const { status, stdout, stderr } = await nested([]);
    expect([status, stdout]).toEqual([125, ""]);
    expect(stderr).toStartWith("minibox: unshare the user namespace: EPERM: operation not permitted\n");
    expect(stderr).toContain(options);
    expect(await nested(option(noFilter, unmasked))).toEqual({ status: 0, stdout: "nested\n", stderr: "" });
  });

  test("a partly covered /proc is told, and what uncovers it", async () => {
    const { stdout, stderr } = await nested(option(noFilter));
    expect(stdout).toBe("");
    expect(stderr).toStartWith("minibox: mount proc on /proc (nosuid,nodev,noexec): EPERM");
    expect(stderr).toContain(`start that container with ${options}`);
  });

  test("for an ordinary user inside, and inside a user namespace", async () => {
    // what it says of ids beside that is another test's
    for (const outer of [
      ["-u", "1000"],
      ["--userns", "0:100000:65536"],
    ])
      expect(await nested([...outer, ...option(noFilter, unmasked)])).toMatchObject({
        status: 0,
        stdout: "nested\n",
      });
  });

  test("with CAP_SYS_ADMIN alone, CAP_NET_ADMIN is missed; --network host does without", async () => {
    const admin = [...capabilities("SYS_ADMIN"), ...option(noFilter)];
    const { stdout, stderr } = await nested(admin);
    expect(stdout).toBe("");
    expect(stderr).toContain("make a network namespace: EPERM: operation not permitted\n");
    expect(stderr).toContain("--cap-add NET_ADMIN");
    expect((await nested(admin, ["--network", "host"])).stdout).toBe("nested\n");
    expect((await nested([...admin, ...capabilities("NET_ADMIN")])).stdout).toBe("nested\n");
  });

  test("under docker's filter pivot_root is missed; --chroot does without", async () => {
    const admin = capabilities("SYS_ADMIN", "NET_ADMIN");
    const { stdout, stderr } = await nested(admin);
    expect(stdout).toBe("");
    expect(stderr).toContain("pivot_root: EPERM: operation not permitted\n");
    expect(stderr).toContain("run with --chroot");
    expect((await nested(admin, ["--chroot"])).stdout).toBe("nested\n");
  });

  test("in a chroot that is no mount point, and one that was made one", async () => {
    const root = rootWithMinibox();
    const script = (bind: string) =>
      `${bind} mount -t proc p "$3/proc"; exec chroot "$3" /minibox run /inner echo nested`;
    const inside = (bind: string) =>
      execute(["unshare", "-m", "sh", "-c", script(bind), "sh", busybox, directory, root]);
    const { stderr } = await inside("");
    expect(stderr).toContain("minibox: make every mount private: EINVAL: invalid argument\n");
    expect(stderr).toContain("(mount --bind DIR DIR) before the chroot");
    expect((await inside('mount --bind "$3" "$3";')).stdout).toBe("nested\n");
  });
});
