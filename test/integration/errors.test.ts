// What minibox says when a run fails: the exit code 125, one line on stderr, and nothing left behind.

import { describe, expect, test } from "bun:test";
import { chmodSync, mkdirSync, realpathSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { denying } from "../support/deny.ts";
import { expectNothingLeft, leavesNothing } from "../support/leftovers.ts";
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
  TOP,
} from "../support/minibox.ts";

const busybox = realpathSync(rootfs("busybox")); // messages have the path as the kernel resolves it
const directory = scratchDirectory();
leavesNothing();

/** Exit code 125, nothing on stdout, this on stderr. */
function expectFailure(result: Result, ...lines: string[]): void {
  expect(result).toEqual({ status: 125, stdout: "", stderr: [...lines, ""].join("\n") });
}

describe("the rootfs", () => {
  const script = "scripts/build-rootfs.sh";

  test("that is missing is told, with a way to make it that is there", async () => {
    expectFailure(
      await run(["/nonexistent", "true"]),
      "minibox: the rootfs /nonexistent does not exist",
      `  it must be a directory with a root file system in it: ${script} /nonexistent makes one`,
    );
    const elsewhere = await run(["./nonexistent", "true"], { cwd: directory });
    expect(elsewhere.stderr).toContain(`: ${join(TOP, script)} ./nonexistent makes one\n`);
  });

  test("that is missing, with another beside it of nearly that name, is taken for a slip", async () => {
    mkdirSync(join(directory, "my-rootfs"));
    expectFailure(
      await run([join(directory, "my-rotfs"), "true"]),
      `minibox: the rootfs ${join(directory, "my-rotfs")} does not exist`,
      `  did you mean ${join(directory, "my-rootfs")}?`,
    );
  });

  test("that is a flag in the wrong place is told", async () => {
    expectFailure(
      await run(["--", "-m", "true"]),
      "minibox: the rootfs -m does not exist",
      "  flags come before it: minibox run [flags] ROOTFS COMMAND",
    );
  });

  test("that is empty is told", async () => {
    const empty = join(directory, "empty");
    mkdirSync(empty);
    expectFailure(
      await run([empty, "true"]),
      `minibox: the rootfs ${empty} is empty`,
      `  it must be a directory with a root file system in it: ${script} ${empty} makes one`,
    );
  });

  test("that is a file, perhaps an archive, is told", async () => {
    const file = join(directory, "rootfs.tar");
    writeFileSync(file, "");
    expectFailure(
      await run([file, "true"]),
      `minibox: the rootfs ${file} is not a directory`,
      "  an archive must be unpacked first (tar -xf … -C DIR)",
    );
  });

  test.each([
    ["", "minibox: the rootfs is an empty string: give the path of a directory\n"],
    ["/", "minibox: the rootfs is the host's own /\n  a container needs a root directory of its own\n"],
    ["loop", "minibox: the rootfs loop: ELOOP: too many levels of symbolic links\n"],
    ["file/x", "minibox: the rootfs file/x: ENOTDIR: not a directory\n"],
    ["x".repeat(300), `minibox: the rootfs ${"x".repeat(300)}: ENAMETOOLONG: file name too long\n`],
  ])("that is %p is told", async (path, stderr) => {
    await execute(["sh", "-c", "ln -sf loop loop; touch file"], { cwd: directory });
    expect(await run([path, "true"], { cwd: directory })).toEqual({ status: 125, stdout: "", stderr });
  });

  test("whose /proc is a file is told", async () => {
    const root = scratchRootfs();
    await execute(["sh", "-c", `rmdir ${root}/proc; touch ${root}/proc`]);
    expectFailure(
      await run([root, "true"]),
      "minibox: /proc in the rootfs is not a directory: nothing can be mounted there",
    );
  });

  test("without the directories that are mounted on gets them", async () => {
    const root = scratchRootfs();
    await execute(["sh", "-c", `rmdir ${root}/proc ${root}/sys ${root}/dev`]);
    expect((await run([root, "ls", "-d", "/proc/self/ns", "/dev/null", "/sys/kernel"])).status).toBe(0);
  });

  test("on a read-only file system without them says what to do, and --overlay does", async () => {
    const { stdout, stderr } = await execute([
      ...["unshare", "-m", "sh", "-c"],
      `mkdir ${directory}/ro && mount -t tmpfs t ${directory}/ro && cp -a "$1"/bin ${directory}/ro && mount -o remount,ro ${directory}/ro
       $RUN ${directory}/ro true; $RUN --overlay ${directory}/ro echo overlay`,
      "sh",
      busybox,
    ]);
    expect(stderr).toBe(
      "minibox: create the mount point /proc: EROFS: read-only file system\n  the rootfs is on a read-only file system: make the mount point in the rootfs, or use --overlay\n",
    );
    expect(stdout).toBe("overlay\n");
  });
});

describe("a binary alone, far from its source,", () => {
  const alone = join(directory, "alone");
  const said = async (word: string, path: string): Promise<string> => {
    mkdirSync(alone, { recursive: true });
    await execute(["cp", MINIBOX, join(alone, "minibox")]);
    const { stderr } = await execute([join(alone, "minibox"), "run", word, "sh"], {
      cwd: alone,
      env: { PATH: path },
    });
    return stderr.split("\n")[1]!.trim();
  };

  /** A podman or docker that has one image, alpine, which is the busybox rootfs. */
  const engine = join(directory, "bin/docker");
  const makeEngine = (): void => {
    mkdirSync(join(directory, "bin"), { recursive: true });
    const create = '[ "$*" = "create alpine:3 sh" ] && exec echo 1234';
    const exporting = `[ "$*" = "export 1234" ] && exec tar -cC "${busybox}" .`;
    writeFileSync(engine, `#!/bin/sh\n${create}\n${exporting}\nexit 1\n`);
    chmodSync(engine, 0o755);
  };

  test("takes a word like alpine for an image, says that none are pulled, and how to unpack one", async () => {
    makeEngine();
    const path = `${join(directory, "bin")}:${process.env.PATH}`;
    const hint = await said("alpine:3", path);
    const command = "mkdir -p alpine && docker export $(docker create alpine:3 sh) | tar -xC alpine";
    expect(hint).toBe(`minibox takes a directory, and pulls no images: ${command} unpacks this one`);
    await execute(["sh", "-c", command], { cwd: alone, env: { PATH: path } });
    expect((await run(["alpine", "echo", "ran"], { cwd: alone })).stdout).toBe("ran\n");
  });

  test("names no script and no engine that is not there", async () => {
    expect(await said("./rootfs", "/nowhere")).toMatch(
      /: where docker is, mkdir -p .*; or unpack the archive of one: tar -xf /,
    );
    expect(await said("./rootfs", "/nowhere")).not.toContain("build-rootfs");
  });
});

describe("without privileges", () => {
  test("nobody, without a home or a runtime directory, gets a container too", async () => {
    // nobody may not look everywhere, and /tmp holds its state: both are made for this run alone
    await execute(["cp", MINIBOX, join(directory, "minibox")]);
    await execute(["cp", "-a", busybox, join(directory, "root")]);
    const script = `mount --bind "$0" /mnt && chmod 755 /mnt && mount -t tmpfs -o mode=1777 t /tmp && cd / &&
      setpriv --reuid=65534 --regid=65534 --clear-groups env -i /mnt/minibox run /mnt/root echo ran && ls /tmp /tmp/*`;
    expect(await execute(["unshare", "-m", "sh", "-c", script, directory])).toEqual({
      status: 0,
      stdout: "ran\n/tmp:\nminibox-65534\n\n/tmp/minibox-65534:\n",
      stderr: expect.stringMatching(
        /^minibox: the container has one user id [^\n]*: the user nobody has no range in [^\n]*\n$/,
      ),
    });
  });

  const withoutSysAdmin = ["setpriv", "--bounding-set=-sys_admin", "--inh-caps=-sys_admin"];

  test("root without CAP_SYS_ADMIN gets a container in a user namespace", async () => {
    const words = [...RUN, busybox, "readlink", "/proc/self/ns/user"];
    const { status, stdout } = await execute([...withoutSysAdmin, ...words]);
    expect(status).toBe(0);
    expect(stdout).toMatch(/^user:\[\d+\]\n$/);
    expect(stdout).not.toBe((await execute(["readlink", "/proc/self/ns/user"])).stdout);
  });

  test("root without CAP_SYS_ADMIN is told what is missing where user namespaces are forbidden", async () => {
    // the kernel makes no user namespace for a process in a chroot (user_namespaces(7))
    const script = 'mount --rbind / "$0" && exec chroot "$0" "$@"';
    const { status, stderr } = await execute([
      ...["unshare", "-m", "sh", "-c", script, join(busybox, "mnt")],
      ...[...withoutSysAdmin, ...RUN, busybox, "true"],
    ]);
    expect(status).toBe(125);
    expect(stderr).toContain("EPERM: operation not permitted\n");
    expect(stderr).toContain("the kernel makes no user namespace in a chroot");
  });
});

describe.skipIf(skipReason("cc") !== "")("a host that has run out of something is told:", () => {
  test.each([
    ["keyctl", 122, "join a new session keyring: EDQUOT: disk quota exceeded", "kernel.keys.root_maxkeys"],
    ["move_mount", 28, `attach ${busybox} over /: ENOSPC: no space left on device`, "fs.mount-max"],
    ["signalfd4", 24, "take the signals: EMFILE: too many open files", "ulimit -n"],
  ] as const)("%s fails with %d", async (name, errno, line, setting) => {
    const { status, stderr } = await execute(denying(name, errno, [...RUN, busybox, "true"]));
    const [first, hint] = stderr.split("\n");
    expect({ status, first }).toEqual({ status: 125, first: `minibox: ${line}` });
    expect(hint).toContain(setting);
  });
});

test("where no pid namespace more may be made, the setting is told", async () => {
  const forbid = 'echo 0 >/proc/sys/user/max_pid_namespaces && exec "$@"';
  const { status, stderr } = await execute([
    "unshare",
    "-Ur",
    "sh",
    "-c",
    forbid,
    "sh",
    ...RUN,
    busybox,
    "true",
  ]);
  expect(status).toBe(125);
  expect(stderr).toStartWith("minibox: spawn /proc/self/exe child: ENOSPC: no space left on device\n");
  expect(stderr).toContain("the sysctl user.max_pid_namespaces is 0");
});

describe("where /proc is partly covered, as in many containers,", () => {
  test("a fresh one is refused by the kernel in a user namespace, and the reason is told", async () => {
    const { status, stderr } = await execute([
      // a mount over part of /proc: the kernel then lets no new user namespace mount a full /proc
      ...["unshare", "-m", "sh", "-c", 'mount -t tmpfs t /proc/fs && exec unshare -Urmpf $RUN "$1" true'],
      "sh",
      busybox,
    ]);
    expect(status).toBe(125);
    expect(stderr).toMatch(/^minibox: mount proc on \/proc \([a-z,]+\): EPERM: operation not permitted$/m);
    expect(stderr).toContain("is partly covered, as inside many containers, the kernel refuses a fresh one");
  });
});

describe("on a terminal", () => {
  const onTerminal = async (env: Record<string, string>): Promise<string> => {
    const words = [
      "script",
      "-qec",
      `${MINIBOX} run --memroy 1 x y; ${MINIBOX} run /nonexistent x`,
      "/dev/null",
    ];
    return (await execute(words, { env: { PATH: process.env.PATH!, ...env } })).stdout.replaceAll("\r", "");
  };

  test("an error has colours, and says the same", async () => {
    const plain = await onTerminal({ TERM: "dumb" });
    expect(plain).toStartWith(
      "minibox: unknown flag --memroy, did you mean --memory?\n  see minibox run --help\nminibox: the rootfs",
    );
    const coloured = await onTerminal({ TERM: "xterm" });
    expect(coloured).toStartWith("\x1b[31mminibox:\x1b[0m unknown flag --memroy");
    expect(Bun.stripANSI(coloured)).toBe(plain);
  });

  test("has no colours where none are wanted", async () => {
    expect(await onTerminal({ TERM: "xterm", NO_COLOR: "1" })).toBe(await onTerminal({ TERM: "dumb" }));
    expect(await onTerminal({})).not.toContain("\x1b");
  });
});

describe("a failure in the child", () => {
  test.each([
    ["a volume that is missing", ["-v", "/nonexistent:/x"], []],
    ["a limit above the hard one", ["--ulimit", "nofile=1:1048577000"], []],
    ["a directory that is a file", ["-w", "/etc/passwd/x"], []],
    ["a tmpfs option with a wrong value", ["--tmpfs", "/t:size=many"], []],
  ] as [string, string[], string[]][])("%s: one line, 125, nothing left behind", async (_, flags) => {
    for (const more of [[], ["--init"], ["--overlay"], ["-m", "64m"]]) {
      const { status, stdout, stderr } = await run([...more, ...flags, busybox, "echo", "ran"]);
      expect([status, stdout]).toEqual([125, ""]);
      expect(stderr).toMatch(/^minibox: [^\n]+\n( {2}[^\n]+\n)?$/);
    }
    await expectNothingLeft();
  });
});
