// The options that stand before the command: where states are kept, and where errors are logged.

import { describe, expect, test } from "bun:test";
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
} from "node:fs";
import { join } from "node:path";
import { startMinibox, uniqueName } from "../support/container.ts";
import { leavesNothing } from "../support/leftovers.ts";
import {
  execute,
  MINIBOX,
  minibox,
  ROOT,
  rootfs,
  run,
  scratchDirectory,
  skipReason,
} from "../support/minibox.ts";

const busybox = rootfs("busybox");
const directory = scratchDirectory();
leavesNothing();

let count = 0;
const fresh = (): string => join(directory, `fresh-${++count}`);
const lines = (path: string): string[] => readFileSync(path, "utf8").split("\n").slice(0, -1);

describe("--root DIR", () => {
  test("is where a container's state is while it runs, and is made with the directories above it", async () => {
    const root = join(fresh(), "deep", "root");
    const name = uniqueName();
    const container = startMinibox([
      "--root",
      root,
      "run",
      "--name",
      name,
      busybox,
      "sh",
      "-c",
      "echo up; read x",
    ]);
    await container.says("up");
    expect(readdirSync(root)).toEqual([name]);
    expect(existsSync(join("/run/minibox", name))).toBe(false);
    expect(statSync(root).mode & 0o777).toBe(0o700);
    container.closeInput();
    await container.ended;
    expect(readdirSync(root)).toEqual([]);
  });

  test.each([
    ["--root=DIR", (root: string) => [`--root=${root}`]],
    ["the last of several", (root: string) => ["--root", "/proc/no", "--debug", "--root", root]],
    ["relative to the caller's directory", (root: string) => ["--root", root.slice(directory.length + 1)]],
    ["with slashes at its end", (root: string) => ["--root", `${root}//`]],
  ] as [string, (root: string) => string[]][])("%s", async (_, words) => {
    const root = fresh();
    const result = await minibox([...words(root), "run", busybox, "echo", "ran"], { cwd: directory });
    expect(result).toEqual({ status: 0, stdout: "ran\n", stderr: "" });
    expect(statSync(root).isDirectory()).toBe(true);
  });

  test("is a name's own room: the same name may be in use elsewhere, but not twice in one", async () => {
    const [root, name] = [fresh(), uniqueName()];
    const first = startMinibox([
      "--root",
      root,
      "run",
      "--name",
      name,
      busybox,
      "sh",
      "-c",
      "echo up; read x",
    ]);
    await first.says("up");
    const again = await minibox(["--root", root, "run", "--name", name, busybox, "true"]);
    expect(again.stderr).toBe(`minibox: the name ${name} is in use by another container\n`);
    expect((await run(["--name", name, busybox, "true"])).status).toBe(0);
    first.closeInput();
    await first.ended;
  });

  test("keeps what else is in it, also empty directories", async () => {
    const root = fresh();
    mkdirSync(join(root, "empty"), { recursive: true });
    mkdirSync(join(root, "full", "x"), { recursive: true });
    // what a minibox leaves that is killed before it has written anything
    mkdirSync(join(root, "dead"));
    chmodSync(join(root, "dead"), 0o1700);
    const result = await minibox(["--root", root, "run", busybox, "true"]);
    expect(result).toEqual({ status: 0, stdout: "", stderr: "" });
    expect(readdirSync(root).sort()).toEqual(["empty", "full"]);
  });

  const refused = (path: string) => `minibox: ${path} belongs to somebody else or is writable for others`;
  test.each([
    ["somebody else's", (path: string) => chownSync(path, 1, 1), refused],
    ["writable to all", (path: string) => chmodSync(path, 0o777), refused],
    ["writable to a group", (path: string) => chmodSync(path, 0o770), refused],
  ])("that is %s is refused", async (_, change, message) => {
    const root = fresh();
    mkdirSync(root);
    change(root);
    const { status, stdout, stderr } = await minibox(["--root", root, "run", busybox, "echo", "ran"]);
    expect([status, stdout]).toEqual([125, ""]);
    expect(stderr).toStartWith(message(root));
    expect(readdirSync(root)).toEqual([]);
  });

  test("may be a symbolic link to a directory", async () => {
    const [root, link] = [fresh(), fresh()];
    mkdirSync(root, { mode: 0o700 });
    symlinkSync(root, link);
    const name = uniqueName();
    const container = startMinibox([
      "--root",
      link,
      "run",
      "--name",
      name,
      busybox,
      "sh",
      "-c",
      "echo up; read x",
    ]);
    await container.says("up");
    expect(readdirSync(root)).toEqual([name]);
    container.closeInput();
    await container.ended;
    expect(readdirSync(root)).toEqual([]);
  });

  test("that is a file, empty, or / is refused", async () => {
    for (const [root, message] of [
      ["/proc/version", "open the state directory /proc/version: ENOTDIR: not a directory"],
      ["", '--root: "" must be a directory below /'],
      ["//", '--root: "//" must be a directory below /'],
    ] as const) {
      const { status, stderr } = await minibox(["--root", root, "run", busybox, "true"]);
      expect([status, stderr.split("\n")[0]]).toEqual([125, `minibox: ${message}`]);
    }
  });
});

describe("--log FILE", () => {
  const LOGGED = ["run", "/nonexistent", "true"];
  const message = "the rootfs /nonexistent does not exist";

  test("is made where nothing goes wrong, and left empty", async () => {
    const log = fresh();
    expect(await minibox(["--root", ROOT, "--log", log, "run", busybox, "true"])).toEqual({
      status: 0,
      stdout: "",
      stderr: "",
    });
    expect(readFileSync(log, "utf8")).toBe("");
  });

  test("with --log-format json gets one object a failure, which stderr is told as well", async () => {
    const log = fresh();
    for (const format of [
      ["--log-format", "json"],
      ["--log-format=text", "--log-format=json"],
    ]) {
      const { status, stderr } = await minibox(["--log", log, ...format, ...LOGGED]);
      expect([status, stderr.split("\n")[0]]).toEqual([125, `minibox: ${message}`]);
    }
    expect(lines(log).length).toBe(2);
    for (const line of lines(log)) {
      const { time, ...rest } = JSON.parse(line);
      expect(rest).toEqual({ level: "error", msg: message });
      expect(time).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/);
      expect(Math.abs(Date.parse(time) - Date.now())).toBeLessThan(60_000);
    }
  });

  test("has text by default, of one line also where the message has more", async () => {
    const log = fresh();
    await minibox(["--log", log, "run", "/none\nsuch", "true"]);
    expect(lines(log)).toEqual([
      expect.stringMatching(/^time="[^"]+" level=error msg="the rootfs \/none\\nsuch does not exist"$/),
    ]);
  });

  test("gets the errors of wrong flags and commands, and of a command that cannot be executed", async () => {
    const log = fresh();
    const logging = ["--root", ROOT, "--log", log, "--log-format", "json"];
    await minibox([...logging, "run", "--memroy", "1", busybox, "true"]);
    await minibox([...logging, "rnu"]);
    expect((await minibox([...logging, "run", busybox, "nonesuch"])).status).toBe(127);
    await minibox([...logging, "--root", "", "run", busybox, "true"]);
    const messages = lines(log).map((line) => JSON.parse(line).msg);
    expect(messages).toEqual([
      "unknown flag --memroy, did you mean --memory?",
      'unknown command "rnu", did you mean "run"?',
      expect.stringContaining("nonesuch: not found on the PATH"),
      '--root: "" must be a directory below /',
    ]);
  });

  test("is no descriptor of the container's", async () => {
    const { stdout } = await minibox([
      "--root",
      ROOT,
      "--log",
      fresh(),
      "run",
      busybox,
      "sh",
      "-c",
      "echo /proc/self/fd/*",
    ]);
    expect(stdout).toBe("/proc/self/fd/0 /proc/self/fd/1 /proc/self/fd/2 /proc/self/fd/3\n"); // 3: the glob's own
  });

  test("that cannot be opened is refused, and so is an unknown format", async () => {
    const log = join(directory, "missing", "log");
    expect((await minibox(["--root", ROOT, "--log", log, "run", busybox, "true"])).stderr).toBe(
      `minibox: --log: ${log}: ENOENT: no such file or directory\n`,
    );
    expect((await minibox(["--log-format", "xml", "run", busybox, "true"])).stderr).toBe(
      'minibox: --log-format: "xml" is not one of text, json\n  see minibox --help\n',
    );
  });
});

describe("the words before the command", () => {
  test("are minibox's, and the same words after the rootfs the container's", async () => {
    const { stdout } = await minibox([
      "--root",
      ROOT,
      "--debug",
      "run",
      busybox,
      "echo",
      "--root",
      "x",
      "--debug",
    ]);
    expect(stdout).toBe("--root x --debug\n");
  });

  test("may hold bytes that are no UTF-8", async () => {
    const root = join(fresh(), "$'\\xff'");
    const { stdout, stderr } = await execute([
      ...["bash", "-c", `"$0" --root ${root} run "$1" echo ran && [ -d ${root} ]; echo $?`, MINIBOX, busybox],
    ]);
    expect([stdout, stderr]).toEqual(["ran\n0\n", ""]);
  });

  test.skipIf(skipReason("strace") !== "")(
    "do not delay a run: its first process is spawned before they are looked at",
    async () => {
      const [log, calls] = [fresh(), join(directory, "calls")];
      const traced = ["strace", "-f", "-o", calls, "-e", "trace=clone,openat", MINIBOX];
      await execute([...traced, "--root", fresh(), `--log=${log}`, "run", busybox, "true"]);
      const order = lines(calls).flatMap(
        (line) => /(clone)\(.*CLONE_NEWPID|(openat)\(.*fresh/.exec(line)?.slice(1) ?? [],
      );
      expect(order.find(Boolean)).toBe("clone");
      expect(order).toContain("openat");
    },
  );

  test("--systemd-cgroup is known, and a container with it refused", async () => {
    expect((await minibox(["--systemd-cgroup", "version"])).status).toBe(0);
    expect(await minibox(["--systemd-cgroup", "run", busybox, "echo", "ran"])).toEqual({
      status: 125,
      stdout: "",
      stderr: "minibox: --systemd-cgroup: minibox does not make cgroups through systemd yet\n",
    });
  });

  test("cannot make minibox a container's first process", async () => {
    for (const word of ["child", "userns"])
      expect((await minibox(["--debug", word, "3"])).stderr).toStartWith(
        `minibox: unknown command "${word}"`,
      );
  });

  test("--help and --version are answered whatever follows", async () => {
    const help = await minibox(["--help", "run", busybox, "true"]);
    expect(help).toEqual(await minibox(["run", "--help"]));
    expect(help.stdout).toContain("Run a command in a new container");
    expect((await minibox(["--version", "run"])).stdout).toMatch(/^minibox \d/);
    expect((await minibox(["--help"])).stdout).toContain("--log-format");
  });
});
