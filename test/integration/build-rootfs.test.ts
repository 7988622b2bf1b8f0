// scripts/build-rootfs.sh: each source is built and used for real; refusals, --force, interruption.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { chmod, mkdir, readdir, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { leavesNothing } from "../support/leftovers.ts";
import { RUN, scratchDirectory } from "../support/minibox.ts";
import { Tmux } from "../support/tmux.ts";

const script = join(import.meta.dir, "../../scripts/build-rootfs.sh");
const isRoot = process.getuid?.() === 0;
const path = `${process.env.PATH}:/usr/sbin:/sbin`;
leavesNothing();
const scratch = scratchDirectory();
await chmod(scratch, 0o755);

type Ran = { status: number; out: string; err: string };

async function run(
  cmd: string[],
  options: { cwd?: string; env?: Record<string, string> } = {},
): Promise<Ran> {
  const child = start(cmd, options);
  const [out, err, status] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
  return { status, out, err };
}

function start(cmd: string[], { cwd = scratch, env = {} } = {}) {
  return Bun.spawn(cmd, {
    cwd,
    env: { ...process.env, PATH: path, ...env },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
}

const build = (...args: string[]) => run([script, ...args]);

/** A command in the root, in namespaces of its own, with /proc. */
function inside(root: string, ...cmd: string[]): string[] {
  const user = isRoot ? [] : ["--user", "--map-root-user"];
  const namespaces = ["unshare", ...user, "--mount", "--pid", "--fork", `--mount-proc=${root}/proc`];
  const env = [
    "env",
    "-i",
    "PATH=/usr/bin:/usr/sbin:/bin:/sbin",
    "HOME=/root",
    "TERM=xterm",
    "LC_ALL=C.UTF-8",
  ];
  return [...namespaces, ...env, Bun.which("chroot", { PATH: path }) ?? "chroot", root, ...cmd];
}

/** The output of a shell line in the root, which must succeed. */
async function shell(root: string, line: string): Promise<string> {
  const { status, out, err } = await run(inside(root, "/bin/sh", "-c", line));
  expect({ line, status, err }).toEqual({ line, status: 0, err: "" });
  return out;
}

/** Why a test that needs these programs is skipped, or "". In CI nothing that apt could install may be missing. */
function without(...programs: string[]): string {
  const missing = programs.filter((name) => !Bun.which(name, { PATH: path }));
  return missing.length === 0 || process.env.CI === "true" ? "" : ` (skipped: no ${missing.join(", ")} here)`;
}

const withoutRoot = isRoot ? "" : " (skipped: needs root)";

function testIf(why: string, name: string, body: () => Promise<void>, timeout = 120_000) {
  test.skipIf(why !== "")(name + why, body, timeout);
}

/** What stands beside DIR because of it: nothing, once a run has ended. */
const beside = (dir: string) =>
  readdirSync(join(dir, "..")).filter((name) =>
    name.startsWith(`${dir.slice(dir.lastIndexOf("/") + 1)}.tmp.`),
  );

const mountsIn = (dir: string) => readFileSync("/proc/self/mountinfo", "utf8").split(`${dir}/`).length - 1;

/** Processes, ourselves apart, whose command line names `text`. */
function processesNaming(text: string): string[] {
  const commands: string[] = [];
  for (const pid of readdirSync("/proc")) {
    if (!/^\d+$/.test(pid) || Number(pid) === process.pid) continue;
    try {
      const command = readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ");
      if (command.includes(text)) commands.push(command);
    } catch {
      // it has ended meanwhile
    }
  }
  return commands;
}

async function until(what: string, holds: () => boolean | Promise<boolean>, milliseconds = 10_000) {
  const end = Date.now() + milliseconds;
  while (!(await holds())) {
    if (Date.now() > end) throw new Error(`waited in vain: ${what}`);
    await Bun.sleep(20);
  }
}

/** A stand-in for docker, as `--engine`: logs its calls, exports a tar, fails or hangs where told. */
async function fakeEngine(name: string, parts: { export: string }): Promise<{ engine: string; log: string }> {
  const file = join(scratch, name);
  const log = `${file}.log`;
  await writeFile(file, `echo "$1" >>${log}\ncase $1 in export) ${parts.export} ;; esac\n`);
  return { engine: `bash ${file}`, log };
}

describe("the command line", () => {
  test("--help teaches, on stdout", async () => {
    const { status, out, err } = await build("--help");
    expect({ status, err }).toEqual({ status: 0, err: "" });
    for (const word of ["docker", "debootstrap", "busybox", "host", "--force", "--bin", "Examples:"]) {
      expect(out).toContain(word);
    }
  });

  const wrong: [string, string[], string][] = [
    ["no directory", [], "one directory expected, 0 given"],
    ["two directories", ["a", "b"], "one directory expected, 2 given"],
    ["an empty name", [""], "the name of the directory is empty"],
    ["an unknown option", ["--frob", "a"], "unknown option: --frob"],
    ["an unknown source", ["--from", "floppy", "a"], "--from floppy: not one of"],
    ["an option without its value", ["a", "--from"], "one directory expected"],
    ["--from at the end", ["--from"], "--from needs a value"],
    ["--bin with docker", ["--from=docker", "--bin", "ls", "a"], "--bin goes with --from host"],
  ];
  test.each(wrong)("%s is refused with status 2", async (_, args, message) => {
    const { status, out, err } = await build(...args);
    expect({ status, out }).toEqual({ status: 2, out: "" });
    expect(err).toContain(message);
  });
});

describe("host", () => {
  const root = join(scratch, "host root"); // a blank in the name, on purpose
  let built: Ran;
  beforeAll(async () => {
    built = await build("--from", "host", root);
  }, 120_000);

  test("builds within seconds, small, and talks on stderr only", async () => {
    expect(built).toMatchObject({ status: 0, out: "" });
    const [, megabytes, seconds] = /built from host, (\d+)M, (\d+) s/.exec(built.err) ?? [];
    expect(Number(megabytes)).toBeLessThan(80);
    expect(Number(seconds)).toBeLessThan(60);
    expect(beside(root)).toEqual([]);
  });

  const lines: [string, RegExp][] = [
    ["bash -c 'a=(x y); echo $BASH_VERSION $a'", /^[5-9]\..* x$/m],
    ["echo ä | grep -c '^.$'", /^1$/m],
    ["ls -ld /proc /sys /dev /run /root /home /var/tmp", /^d/],
    ["stat -c %a /tmp /var/tmp", /^1777\n1777$/m],
    ["ps -e -o pid,comm", /^ +1 sh$/m],
    ["top -bn1 | head -n 1", /^top - /],
    ["free | head -n 1", /total/],
    ["vi --version | head -n 1", /vi/i],
    ["less --version | head -n 1", /^less \d/],
    ["awk 'BEGIN { print 6 * 7 }'", /^42$/m],
    ["echo abc | grep b | sed s/b/B/ | tr a-z A-Z", /^ABC$/m],
    ["find /etc -name passwd | xargs cat", /^root:x:0:0:/],
    ["tar -C /etc -cz . | tar -tz | grep passwd", /passwd/],
    ["id", /uid=0\(root\) gid=0\(root\)/],
    ["getent passwd nobody", /^nobody:/],
    ["getent hosts localhost", /localhost/],
    ["for t in xterm xterm-256color linux vt100; do tput -T $t bold; done | wc -c", /^[1-9]/],
    ["mount | head -n 1", / on \//],
  ];
  test.each(lines)("runs %s", async (line, expected) => {
    expect(await shell(root, line)).toMatch(expected);
  });

  testIf(without("ip"), "runs ip", async () => expect(await shell(root, "ip -V")).toMatch(/^ip utility/));

  test("every library of every program is there", async () => {
    const programs = "for f in /usr/bin/* /usr/sbin/* /bin/* /sbin/*; do [ -f $f ] && echo $f; done";
    const verify = `l=$(echo /lib*/ld-linux*.so.*); for f in $(${programs}); do
      case $(head -c 2 $f) in "#!") ;; *) $l --list $f 2>&1 | grep "not found" && echo "in $f" ;; esac; done; true`;
    expect(await shell(root, verify)).toBe("");
  });

  testIf(without("tmux"), "vi opens, writes and ends on a terminal", async () => {
    await writeFile(join(root, "tmp/text"), "one\n");
    const words = inside(root, "vi", "-c", "s/one/two/", "-c", "wq", "/tmp/text").map((word) => `'${word}'`);
    using terminal = new Tmux();
    terminal.enter(`${words.join(" ")}; echo status $?`);
    const screen = await terminal.shows(/^status \d+$/m, 25);
    expect(screen).toMatch(/^status 0$/m);
    expect(screen).not.toMatch(/E\d{2,}:/);
    expect(readFileSync(join(root, "tmp/text"), "utf8")).toBe("two\n");
  });

  test("holds no set-user-ID program and is arranged like the host", async () => {
    expect(await shell(root, "find / -xdev -type f -perm /6000")).toBe("");
    expect(await shell(root, "readlink /bin || echo a directory")).toBe(
      (await run(["sh", "-c", "readlink /bin || echo a directory"])).out,
    );
  });

  test("--bin adds by name and by path, with the interpreter of a script", async () => {
    const tool = join(scratch, "a tool");
    await writeFile(tool, "#!/usr/bin/awk -f\nBEGIN { print 42 }\n");
    await chmod(tool, 0o755);
    await symlink(tool, join(scratch, "tool-link"));
    const target = join(scratch, "with-bin");
    const { status } = await build("--bin", `env,${join(scratch, "tool-link")}`, "--bin", "ldd", target);
    expect(status).toBe(0);
    expect(await shell(target, `${scratch}/tool-link; test -x /usr/bin/ldd`)).toBe("42\n");
  });

  const languages = ["python3", "gcc", "node", "java", "perl"];

  testIf(
    without(...languages),
    "--bin brings along what interpreters and compilers read",
    async () => {
      const target = join(scratch, "languages");
      const { status, err } = await build("--bin", languages.join(","), target);
      expect({ status, err }).toEqual({
        status: 0,
        err: expect.not.stringMatching(/not found|ends with status/),
      });
      await writeFile(
        join(target, "tmp/hello.c"),
        '#include <stdio.h>\nint main(void) { puts("hello"); return 0; }\n',
      );
      const works: [string, string][] = [
        ["python3 -c 'import ssl, json, sqlite3, ctypes; print(6 * 7)'", "42\n"],
        ["cd /tmp && gcc -O2 -o hello hello.c && ./hello", "hello\n"],
        ['node -e \'console.log(require("crypto").createHash("md5") && 6 * 7)\'', "42\n"],
        ["java -version 2>&1 | grep -c 'Runtime Environment'", "1\n"],
        ["perl -MPOSIX -MData::Dumper -e 'print floor(42.5), \"\\n\"'", "42\n"],
      ];
      for (const [line, out] of works)
        expect(await run([...RUN, target, "sh", "-c", line])).toEqual({ status: 0, out, err: "" });
    },
    300_000,
  );

  test("--bin takes a directory that a program is installed in whole", async () => {
    const home = join(scratch, "opt/tool-1");
    await mkdir(join(home, "bin"), { recursive: true });
    await mkdir(join(home, "lib"));
    await writeFile(join(home, "lib/words"), "from its own directory\n");
    await writeFile(join(home, "bin/tool"), '#!/bin/sh\ncd "$(dirname "$0")/../lib" && cat words\n');
    await chmod(join(home, "bin/tool"), 0o755);
    const target = join(scratch, "with-installation");
    expect((await build("--bin", join(home, "bin/tool"), target)).err).not.toContain("ends with status");
    expect(await shell(target, `${home}/bin/tool`)).toBe("from its own directory\n");
  });

  testIf(withoutRoot, "--bin names what does not start in the root, in its own words", async () => {
    const tool = join(scratch, "lost");
    const data = join(scratch, "lost-data");
    await writeFile(data, "");
    await writeFile(tool, `#!/bin/sh\ncat ${data} || exit 3\n`);
    await chmod(tool, 0o755);
    const { status, err } = await build("--bin", tool, join(scratch, "with-lost"));
    expect(status).toBe(0);
    expect(err).toContain(
      `: ${tool} --version ends with status 3 in the root: cat: ${data}: No such file or directory\n`,
    );
  });

  testIf(
    withoutRoot || without("git", "openssl"),
    "--bin says nothing of what needs /dev, or knows no --version",
    async () => {
      const { status, err } = await build("--bin", "git,openssl", join(scratch, "with-silent"));
      expect({ status, err }).toEqual({ status: 0, err: expect.not.stringContaining("ends with status") });
    },
    120_000,
  );

  const vimBasic = without("vim.basic", "tmux");

  testIf(vimBasic, "a large vim without its runtime files does not complain of that", async () => {
    using terminal = new Tmux();
    const target = join(scratch, "vim");
    await build("--from", "host", target);
    await run(["cp", "/usr/bin/vim.basic", join(target, "usr/bin/vi")]);
    const libraries = (await run(["ldd", "/usr/bin/vim.basic"])).out.matchAll(/ (\/[^ ]+) \(/g);
    for (const [, library] of libraries)
      await run(["sh", "-c", 'cp -nL --parents "$0" "$1"', library!, target]);
    terminal.enter(`${inside(target, "vi", "/etc/passwd").join(" ")}`);
    const screen = await terminal.shows(/root:x:0:0/, 25);
    expect(screen).not.toMatch(/E\d{2,}:/);
    terminal.type(":q!");
    terminal.press("Enter");
  });

  test("--bin with an unknown program is refused and leaves nothing", async () => {
    const target = join(scratch, "no-such-bin");
    const { status, err } = await build("--bin", "no-such-program", target);
    expect(status).toBe(1);
    expect(err).toContain("--bin no-such-program: no such program here");
    expect(existsSync(target)).toBe(false);
    expect(beside(target)).toEqual([]);
  });
});

describe("busybox", () => {
  const why = without("busybox");
  const root = join(scratch, "busybox");

  testIf(why, "has a link for every applet, and they work", async () => {
    expect(await build("--from", "busybox", root)).toMatchObject({ status: 0, out: "" });
    expect(await shell(root, "ls / | head -n 1; echo abc | grep -c b; ps | head -n 1; id -un")).toMatch(
      /^bin\n1\nPID .*\nroot\n$/,
    );
    expect(await shell(root, "for a in $(busybox --list-full); do test -x /$a || echo $a; done")).toBe("");
    expect(existsSync(join(root, "usr/bin/awk"))).toBe(true);
    expect(beside(root)).toEqual([]);
  });

  testIf(why || withoutRoot, "a dynamically linked one is refused", async () => {
    const target = join(scratch, "dynamic");
    const swap = 'for b in /bin /usr/bin; do mount --bind /bin/ls $b/busybox; done 2>/dev/null; exec "$@"';
    const { status, err } = await run([
      ...["unshare", "--mount", "sh", "-c", swap, "sh", script],
      ...["--from", "busybox", target],
    ]);
    expect(status).toBe(1);
    expect(err).toMatch(
      /busybox is dynamically linked, a static one is needed: apt-get install busybox-static/,
    );
    expect(existsSync(target)).toBe(false);
  });
});

describe("docker", () => {
  test("a client without an engine does not work here", async () => {
    const target = join(scratch, "no-engine");
    for (const [engine, reason] of [
      ["false", "false has no working engine"],
      ["no-such-engine", "no-such-engine is not installed"],
    ] as const) {
      const { status, err } = await build("--from", "docker", "--engine", engine, target);
      expect(status).toBe(1);
      expect(err).toContain(`docker does not work here: ${reason}`);
      expect(beside(target)).toEqual([]);
    }
  });

  describe("podman", () => {
    const why = without("podman", "busybox") || withoutRoot;
    const store = join(scratch, "podman");
    const stores = ["--root", `${store}/root`, "--runroot", `${store}/run`];
    const podman = ["podman", ...stores, "--storage-driver=vfs", "--cgroup-manager=cgroupfs"];

    beforeAll(async () => {
      if (why) return;
      const image = join(scratch, "image");
      await mkdir(join(image, "bin"), { recursive: true });
      await run([
        "sh",
        "-c",
        `cp "$(command -v busybox)" ${image}/bin/busybox && ln -s busybox ${image}/bin/sh`,
      ]);
      await run(["tar", "-C", image, "-cf", `${image}.tar`, "."]);
      expect(await run([...podman, "import", `${image}.tar`, "minibox-test"])).toMatchObject({ status: 0 });
    }, 60_000);

    afterAll(async () => {
      if (!why) await run([...podman, "rmi", "--all", "--force"]);
    });

    testIf(why, "exports an image and removes the container", async () => {
      const root = join(scratch, "exported");
      const args = ["--from", "docker", "--engine", podman.join(" "), "--image", "minibox-test", root];
      expect(await build(...args)).toMatchObject({ status: 0, out: "" });
      expect(await shell(root, "busybox ls -d /proc /tmp")).toBe("/proc\n/tmp\n");
      expect((await run([...podman, "ps", "--all", "--quiet"])).out).toBe("");
      expect(beside(root)).toEqual([]);
    });

    testIf(why, "auto takes it when the image is here", async () => {
      const root = join(scratch, "auto-podman");
      const { status, err } = await build("--engine", podman.join(" "), "--image", "minibox-test", root);
      expect(status).toBe(0);
      expect(err).toContain("auto: taking docker");
      expect(existsSync(join(root, "bin/busybox"))).toBe(true);
    });
  });

  testIf(without("setcap", "getcap") || withoutRoot, "owners, modes and xattrs survive", async () => {
    const image = join(scratch, "owned");
    const make = `mkdir -p bin && cp /bin/ls bin/ls && cp /bin/ls bin/capable && chown 123:456 bin/ls && chmod 4751 bin/ls
      && setcap cap_net_raw+ep bin/capable && tar --xattrs --xattrs-include='*' -cf ${image}.tar .`;
    await mkdir(image);
    const made = await run(["sh", "-c", make.replaceAll("\n", " ")], { cwd: image });
    expect(made).toMatchObject({ status: 0 });
    const { engine, log } = await fakeEngine("owning-engine", { export: `cat ${image}.tar` });
    const root = join(scratch, "owned-root");
    expect(await build("--from", "docker", "--engine", engine, root)).toMatchObject({ status: 0 });
    expect((await run(["stat", "-c", "%u:%g %a", join(root, "bin/ls")])).out).toBe("123:456 4751\n");
    expect((await run(["getcap", join(root, "bin/capable")])).out).toContain("cap_net_raw");
    expect(readFileSync(log, "utf8")).toBe("ps\ncreate\nexport\nrm\n");
  });

  test("an export that breaks off fails, and removes the container", async () => {
    const { engine, log } = await fakeEngine("breaking-engine", { export: "echo no space >&2; exit 1" });
    const target = join(scratch, "broken");
    const { status, err } = await build("--from", "docker", "--engine", engine, target);
    expect(status).toBe(1);
    expect(err).toContain("docker failed with status");
    expect(existsSync(target)).toBe(false);
    expect(beside(target)).toEqual([]);
    expect(readFileSync(log, "utf8")).toEndWith("export\nrm\n");
  });
});

describe("auto", () => {
  test("takes what works without a download, and says why not the others", async () => {
    const root = join(scratch, "auto");
    const { status, out, err } = await build("--engine", "false", root);
    expect({ status, out }).toEqual({ status: 0, out: "" });
    expect(err).toContain("auto: not docker: false has no working engine\n");
    expect(err).toContain("auto: taking host\n");
  });

  test("goes on when the first fails half-way, with none of its files", async () => {
    const { engine } = await fakeEngine("half-engine", {
      export: `mkdir -p ${scratch}/half && touch ${scratch}/half/relic && tar -C ${scratch}/half -c . && exit 3`,
    });
    const root = join(scratch, "auto-next");
    const { status, err } = await build("--engine", engine, root);
    expect(status).toBe(0);
    expect(err).toMatch(
      /auto: taking docker\n[\s\S]*auto: not docker: its build failed with status 3\n[\s\S]*taking host/,
    );
    expect(existsSync(join(root, "relic"))).toBe(false);
  });
});

describe("the target", () => {
  async function occupied(name: string): Promise<string> {
    const dir = join(scratch, name);
    await mkdir(dir);
    await writeFile(join(dir, "precious"), "");
    return dir;
  }

  test("is refused when not empty, taken when empty", async () => {
    const dir = await occupied("occupied");
    const { status, err } = await build("--from", "host", dir);
    expect(status).toBe(1);
    expect(err).toContain(`${dir} is not empty (--force replaces it)`);
    expect(await readdir(dir)).toEqual(["precious"]);
    const empty = join(scratch, "empty");
    await mkdir(empty);
    expect(await build("--from", "host", `${empty}/`)).toMatchObject({ status: 0 });
  });

  test("is replaced with --force, and kept when the build fails", async () => {
    const dir = await occupied("forced");
    const { engine } = await fakeEngine("failing-engine", { export: "exit 1" });
    expect(await build("--force", "--from", "docker", "--engine", engine, dir)).toMatchObject({ status: 1 });
    expect(await readdir(dir)).toEqual(["precious"]);
    expect(await build("--force", "--from", "host", dir)).toMatchObject({ status: 0 });
    expect(existsSync(join(dir, "precious"))).toBe(false);
    expect(existsSync(join(dir, "bin/sh"))).toBe(true);
    expect(beside(dir)).toEqual([]);
  });

  test.each(["/", "/usr", "/etc/", "/tmp/../usr", "/dev/x", "."])(
    "%s is refused, also with --force",
    async (dir) => {
      const { status, err } = await build("--force", "--from", "host", dir);
      expect(status).toBe(1);
      expect(err).toMatch(/belongs to the system|must stay/);
    },
  );

  test("that is a file, or in a missing directory, is refused", async () => {
    const file = join(scratch, "file");
    await writeFile(file, "");
    expect((await build("--force", file)).err).toContain("is not a directory");
    expect((await build(join(scratch, "missing/rootfs"))).err).toContain("missing: no such directory");
  });

  testIf(withoutRoot, "that is or holds a mount point is refused", async () => {
    const dir = await occupied("mounted");
    await mkdir(join(dir, "a point"));
    for (const point of [dir, join(dir, "a point")]) {
      const mount = 'mount -t tmpfs none "$1"; shift; exec "$@"';
      const { status, err } = await run([
        ...["unshare", "--mount", "sh", "-c", mount, "sh", point],
        ...[script, "--force", "--from", "host", dir],
      ]);
      expect(status).toBe(1);
      expect(err).toContain(`is or holds a mount point (${point}): unmount it first`);
    }
  });
});

describe("interrupted", () => {
  /** What the engine does for minutes; no other process has these words. */
  const SLEEP = `sleep 300.${process.pid}`;

  test.each(["SIGINT", "SIGTERM", "SIGHUP"] as const)(
    "by %s it leaves nothing, and the container goes",
    async (signal) => {
      const { engine, log } = await fakeEngine(`hanging-${signal}`, { export: SLEEP });
      const target = join(scratch, `hung-${signal}`);
      const child = start([script, "--from", "docker", "--engine", engine, target]);
      await until("the export", () => existsSync(log) && readFileSync(log, "utf8").includes("export"));
      child.kill(signal);
      await child.exited;
      expect(child.signalCode).toBe(signal);
      expect(existsSync(target)).toBe(false);
      expect(beside(target)).toEqual([]);
      expect(readFileSync(log, "utf8")).toEndWith("rm\n");
      expect(processesNaming(SLEEP)).toEqual([]);
    },
  );

  test("at any moment of a build with --force it leaves the old or the new one, whole", async () => {
    const dir = join(scratch, "swept");
    await mkdir(dir);
    for (let delay = 0; delay < 1500; delay += 130) {
      await writeFile(join(dir, "old"), "");
      const child = start([script, "--force", "--from", "host", dir]);
      await Bun.sleep(delay);
      child.kill("SIGTERM");
      await child.exited;
      expect(beside(dir)).toEqual([]);
      expect(existsSync(join(dir, "old")) || existsSync(join(dir, "bin/sh"))).toBe(true);
    }
  }, 60_000);

  test("by kill -9, the next run removes what it left, and nothing else", async () => {
    const { engine } = await fakeEngine("killed-engine", {
      export: `echo $$ >${scratch}/sleeper; exec ${SLEEP}`,
    });
    const target = join(scratch, "killed");
    const child = start([script, "--from", "docker", "--engine", engine, target]);
    await until("the workshop", () => beside(target).length === 1 && processesNaming(SLEEP).length > 0);
    child.kill("SIGKILL");
    await child.exited;
    const bystander = `${target}.tmp.notes`;
    await mkdir(bystander);
    // The worker still holds the lock: what it works in must stay until it has ended.
    expect(await build("--from", "host", target)).toMatchObject({ status: 0 });
    expect(beside(target)).toHaveLength(2);
    process.kill(Number(readFileSync(join(scratch, "sleeper"), "utf8")));
    await until("the worker's end", () => processesNaming(target).length === 0);
    const { err } = await build("--force", "--from", "host", target);
    expect(err).toContain("removing what a killed run left");
    expect(beside(target)).toEqual(["killed.tmp.notes"]);
  });

  test("by kill -9 between the two renames, the next run brings the old one back", async () => {
    const target = join(scratch, "between");
    await mkdir(`${target}.tmp.4194999.abcdef/old`, { recursive: true }); // no pid is as high
    await writeFile(`${target}.tmp.4194999.abcdef/old/precious`, "");
    const { status } = await build("--from", "host", target);
    expect(beside(target)).toEqual([]);
    expect(await readdir(target)).toEqual(["precious"]);
    expect(status).toBe(1); // and it is not overwritten without --force
  });
});

describe("without root", () => {
  const why = withoutRoot || without("setpriv");
  const home = join(scratch, "nobody");
  const nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "env", `HOME=${home}`];
  const asNobody = (...args: string[]) =>
    run([...nobody, join(home, "build-rootfs.sh"), ...args], { cwd: home });

  beforeAll(async () => {
    if (why) return;
    await mkdir(home);
    await run(["cp", script, home]); // the repository may be where nobody can read
    await run(["chown", "65534:65534", home]);
  });

  testIf(why, "host and busybox work", async () => {
    expect(await asNobody("--from", "host", "host")).toMatchObject({ status: 0 });
    expect(await shell(join(home, "host"), "id -u")).toBe("0\n");
    if (without("busybox")) return;
    expect(await asNobody("--from", "busybox", "busybox")).toMatchObject({ status: 0 });
    expect(statSync(join(home, "busybox/bin/busybox")).uid).toBe(65534);
  });

  testIf(why || without("debootstrap"), "debootstrap says why not", async () => {
    const { status, err } = await asNobody("--from", "debootstrap", "debian");
    expect(status).toBe(1);
    expect(err).toContain("debootstrap does not work here: debootstrap needs root");
  });

  testIf(why, "a directory it may not write to is named", async () => {
    expect((await asNobody("--from", "host", join(scratch, "x"))).err).toContain(
      `${scratch}: no permission to write`,
    );
  });
});

/** Why no archive can be asked, or "". Looked up as the script does, through apt. */
async function noArchive(): Promise<string> {
  const uris = await run(["sh", "-c", "apt-get update --print-uris 2>/dev/null || true"]);
  const release = /^'(https?:\S*\/dists\/[^/']+\/InRelease)'/m.exec(uris.out)?.[1];
  if (!release) return " (skipped: apt here has no archive)";
  try {
    const answer = await fetch(release, { method: "HEAD", signal: AbortSignal.timeout(10_000) });
    return answer.ok ? "" : ` (skipped: the archive answers ${answer.status})`;
  } catch (error) {
    return ` (skipped: no archive answers: ${error})`;
  }
}

const whyNoDebootstrap = withoutRoot || without("debootstrap") || (await noArchive());

describe("debootstrap", () => {
  const minutes = 60_000;

  async function startUntil(stage: string, target: string) {
    const child = start([script, "--from", "debootstrap", target]);
    let log = "";
    for await (const chunk of child.stderr.pipeThrough(new TextDecoderStream())) {
      log += chunk;
      if (log.includes(stage)) return child;
    }
    throw new Error(`it ended early: ${log}`);
  }

  testIf(withoutRoot || without("debootstrap"), "an unknown suite is refused", async () => {
    const { status, err } = await build(
      "--from",
      "debootstrap",
      "--suite",
      "no-such",
      join(scratch, "suite"),
    );
    expect(status).toBe(1);
    expect(err).toContain("debootstrap here does not know the suite no-such");
  });

  testIf(
    whyNoDebootstrap,
    "makes a system with apt in it",
    async () => {
      const root = join(scratch, "debian");
      expect(await build("--from", "debootstrap", root)).toMatchObject({ status: 0, out: "" });
      expect(await shell(root, "apt-get --version | head -n 1; dpkg -l | grep -c ^ii")).toMatch(
        /^apt .*\n\d{2,}\n$/,
      );
      expect(existsSync(join(root, "etc/hostname"))).toBe(false);
      expect(await shell(root, "getent hosts localhost")).toContain("localhost");
      expect(beside(root)).toEqual([]);
      expect(mountsIn(scratch)).toBe(0);
    },
    5 * minutes,
  );

  testIf(
    whyNoDebootstrap,
    "in which apt installs sshd, that lets one in, all in default containers",
    async () => {
      // apt fetches as the user _apt; Verify makes it check that it cannot come back from that
      const apt = "DEBIAN_FRONTEND=noninteractive apt-get -q -o APT::Sandbox::Verify=true";
      const root = join(scratch, "debian");
      const install = `set -e; ${apt} update; ${apt} install -y --no-install-recommends openssh-server`;
      const installed = await run([...RUN, "--network", "host", root, "sh", "-c", install]);
      expect({ ...installed, out: "" }).toMatchObject({
        status: 0,
        err: expect.not.stringMatching(/^[EW]:/m),
      });
      const login = `set -e
        mkdir -p /run/sshd ~/.ssh; ssh-keygen -q -t ed25519 -N '' -f ~/.ssh/id_ed25519
        cp ~/.ssh/id_ed25519.pub ~/.ssh/authorized_keys
        /usr/sbin/sshd -E /tmp/log; until grep -q listening /tmp/log; do sleep 0.05; done
        ssh -q -tt -o StrictHostKeyChecking=no 127.0.0.1 tty
        su -s /bin/sh nobody -c 'id -un'`;
      const { status, out, err } = await run([...RUN, root, "sh", "-c", login]);
      expect([status, out, err]).toEqual([0, "/dev/pts/0\r\nnobody\n", ""]);
      expect(mountsIn(scratch)).toBe(0);
    },
    5 * minutes,
  );

  testIf(
    whyNoDebootstrap,
    "interrupted while unpacking it leaves no file, mount or process",
    async () => {
      const target = join(scratch, "debian-interrupted");
      const child = await startUntil("I: Unpacking", target); // /proc is mounted inside by now
      child.kill("SIGTERM");
      await child.exited;
      expect(existsSync(target)).toBe(false);
      expect(beside(target)).toEqual([]);
      expect(mountsIn(target)).toBe(0);
      expect(processesNaming(target)).toEqual([]);
    },
    5 * minutes,
  );

  testIf(
    whyNoDebootstrap,
    "killed with -9 it takes its processes along",
    async () => {
      const target = join(scratch, "debian-killed");
      const child = await startUntil("I: Extracting", target);
      child.kill("SIGKILL");
      await child.exited;
      await until("its processes' end", () => processesNaming(target).length === 0);
      expect(mountsIn(target)).toBe(0);
      expect(await build("--from", "host", target)).toMatchObject({ status: 0 });
      expect(beside(target)).toEqual([]);
    },
    5 * minutes,
  );
});
