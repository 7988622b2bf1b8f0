// The environment of the command: minibox's own variables, those of -e and --env-file, and none of the caller's.

import { describe, expect, test } from "bun:test";
import { chmodSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { tryText, until } from "../support/container.ts";
import { leavesNothing } from "../support/leftovers.ts";
import { execute, ROOT, RUN, rootfs, run, scratchDirectory } from "../support/minibox.ts";

const busybox = rootfs("busybox");
leavesNothing();

/** The environment as execve was given it; `env` itself adds nothing. */
async function environment(flags: string[], env?: Record<string, string>): Promise<string[]> {
  const { stdout, stderr } = await run([...flags, busybox, "env"], env ? { env } : {});
  expect(stderr).toBe("");
  return stdout.trimEnd().split("\n").sort();
}

const DEFAULT = [
  "HOME=/root",
  "HOSTNAME=container",
  "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
  "container=minibox",
];

test("nothing of the caller's environment enters", async () => {
  expect(await environment([])).toEqual(DEFAULT);
  expect(
    await environment([], {
      SECRET: "1",
      TERM: "xterm",
      HOME: "/h",
      PATH: "/x",
      LANG: "C",
      LD_LIBRARY_PATH: "/l",
    }),
  ).toEqual(DEFAULT);
  expect(await environment([], {})).toEqual(DEFAULT);
});

test("--env sets K=V, and K alone takes the caller's value", async () => {
  const env = await environment(["-e", "A=b=c d", "--env=SECRET", "-eE=", "-e", "MISSING"], { SECRET: "s" });
  expect(env).toEqual([...DEFAULT, "A=b=c d", "E=", "SECRET=s"].sort());
});

test("--env replaces defaults, and PATH is where the command is sought", async () => {
  expect(await environment(["-e", "HOME=/tmp", "-e", "container=x"])).toEqual([
    "HOME=/tmp",
    "HOSTNAME=container",
    DEFAULT[2]!,
    "container=x",
  ]);
  expect((await run(["-e", "PATH=/sbin", busybox, "true"])).status).toBe(127);
});

test("--env keeps newlines and bytes that are no UTF-8", async () => {
  expect((await run(["-e", "A=1\n2", busybox, "sh", "-c", 'echo "$A"'])).stdout).toBe("1\n2\n");
  const { stdout } = await execute([
    "bash",
    "-c",
    `export B=$'\\xfe'; exec $RUN -e A=$'\\xff' -e B "$1" sh -c 'printf "$A$B" | od -An -tx1'`,
    "bash",
    busybox,
  ]);
  expect(stdout.trim()).toBe("ff fe");
});

test("TERM enters where the container gets a terminal, and only there", async () => {
  const term = async (flags: string[], env: Record<string, string>): Promise<string> =>
    (await run([...flags, busybox, "sh", "-c", "echo TERM=$TERM"], { env })).stdout.trim();
  expect(await term(["-t"], { TERM: "tmux-256color" })).toBe("TERM=tmux-256color");
  expect(await term(["-t"], {})).toBe("TERM=xterm");
  expect(await term(["-t", "-e", "TERM=dumb"], { TERM: "tmux" })).toBe("TERM=dumb");
  expect(await term([], { TERM: "tmux" })).toBe("TERM=");
  expect(await term(["-e", "TERM"], { TERM: "tmux" })).toBe("TERM=tmux");
});

describe("--env-file", () => {
  test("of more than 1 MiB is read to its end, one without an end is refused", async () => {
    const file = join(directory, "large.env");
    writeFileSync(file, `${"# a line that says nothing\n".repeat(80_000)}LAST=here\n`);
    expect(await environment(["--env-file", file])).toContain("LAST=here");
    const endless = await run(["--env-file", "/dev/zero", busybox, "true"]);
    expect(endless.stderr).toBe(
      "minibox: --env-file: /dev/zero: read /dev/zero, at most 64 MiB: EFBIG: file too large\n",
    );
    expect(endless.status).toBe(125);
  });

  test("that is a pipe is read like any other", async () => {
    const words = [...RUN, "--env-file", "/dev/stdin", busybox, "sh", "-c", 'echo "$FROM"'];
    expect((await execute(words, { stdin: "FROM=a pipe\n" })).stdout).toBe("a pipe\n");
  });

  const directory = scratchDirectory();
  const file = join(directory, "env");

  test("is read in docker's format", async () => {
    writeFileSync(file, '# comment\n\nA=1\n  B=two words \nQ="quoted"\r\nSECRET\nMISSING\nE=\nX=a#b=c');
    const env = await environment(["--env-file", file, "-e", "A=9"], { SECRET: "s" });
    expect(env).toEqual(
      [...DEFAULT, "A=9", "B=two words ", 'Q="quoted"', "SECRET=s", "E=", "X=a#b=c"].sort(),
    );
  });

  test("may hold bytes that are no UTF-8", async () => {
    writeFileSync(file, Buffer.from([0x41, 0x3d, 0xff, 0xe9, 0x0a]));
    expect(
      (await run(["--env-file", file, busybox, "sh", "-c", 'printf "$A" | od -An -tx1'])).stdout.trim(),
    ).toBe("ff e9");
  });

  test("that is missing, unreadable as such or wrong is told in one line", async () => {
    const missing = await run(["--env-file", "/nonexistent", busybox, "true"]);
    expect(missing.status).toBe(125);
    expect(missing.stderr).toBe("minibox: --env-file: /nonexistent: ENOENT: no such file or directory\n");
    const folder = await run(["--env-file", directory, busybox, "true"]);
    expect(folder.stderr).toBe(`minibox: --env-file: ${directory}: EISDIR: is a directory\n`);
    writeFileSync(file, "A=1\nB C=2\n");
    expect((await run(["--env-file", file, busybox, "true"])).stderr).toStartWith(
      `minibox: --env-file: ${file}:2: "B C" is not the name of a variable: there is a blank in it\n`,
    );
  });

  test.each([
    ["export A=1", '"export A": leave "export" away, the file is not read by a shell'],
    ["=1", '"=1" has no name before the ='],
    ["A=1\0", "a NUL byte cannot be part of a variable"],
  ])("with %p is told by file and line", async (line, problem) => {
    writeFileSync(file, `# by hand\n${line}\n`);
    expect((await run(["--env-file", file, busybox, "env"])).stderr).toBe(
      `minibox: --env-file: ${file}:2: ${problem}\n  see minibox run --help\n`,
    );
  });

  test("of a Windows editor, with a byte order mark and CR LF, is read like any other", async () => {
    writeFileSync(file, "\ufeffA=1\r\n\r\n# c\r\nB='2' # two\r\n");
    expect(await environment(["--env-file", file])).toEqual([...DEFAULT, "A=1", "B='2' # two"].sort());
  });
});

describe("minibox itself is deaf to the caller's environment:", () => {
  // each of these would make Bun do something else, if it reached the container's first process
  const hostile: Record<string, string> = {
    BUN_OPTIONS: "--cpu-prof --cpu-prof-dir=/tmp/minibox-never",
    BUN_JSC_dumpOptions: "2",
    BUN_JSC_useJIT: "0",
    BUN_JSC_noSuchOption: "1",
    JSC_SIGNAL_FOR_GC: "70",
    MIMALLOC_VERBOSE: "1",
    mimalloc_show_stats: "1",
    BUN_INSPECT: "ws://127.0.0.1:1/x?wait=1",
    BUN_DEBUG: "/tmp/minibox-never",
    NODE_OPTIONS: "--inspect",
  };

  test("the child's environment is fixed, whatever the caller's is", async () => {
    const name = `environment-${process.pid}`;
    const container = Bun.spawn([...RUN, "--init", "--name", name, busybox, "sh", "-c", "echo; cat"], {
      env: { ...process.env, SECRET: "s", LD_BIND_NOW: "1", BUN_OPTIONS: "--smol", NODE_OPTIONS: "--x" },
      stdin: "pipe",
      stdout: "pipe",
    });
    await container.stdout.getReader().read();
    const { pid } = await Bun.file(`${ROOT}/${name}/state.json`).json();
    const environ = (await Bun.file(`/proc/${pid}/environ`).text()).split("\0").filter((line) => line !== "");
    container.stdin.end();
    await container.exited;
    expect(environ.length).toBeGreaterThan(0);
    expect(environ.filter((line) => !line.startsWith("BUN_JSC_"))).toEqual([]);
  });

  test("what stays of minibox as PID 1 has nothing of the caller's to show", async () => {
    const { stdout } = await run(["--init", busybox, "cat", "/proc/1/environ"], {
      env: { ...process.env, SECRET: "1" },
    });
    const entries = stdout.split("\0").filter((entry) => !entry.startsWith("BUN_JSC_"));
    expect(entries).toEqual([""]);
  });

  test.each(["BUN_BE_BUN=1", "BUN_OPTIONS=--help", "BUN_INSPECT=1", "BUN_INSPECT_NOTIFY=unix:///nowhere"])(
    "%s does not turn minibox into bun",
    async (entry) => {
      const [name, value] = entry.split("=") as [string, string];
      const { status, stdout, stderr } = await run([busybox, "echo", "minibox ran"], {
        env: { PATH: process.env.PATH ?? "", [name]: value },
      });
      expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: "minibox ran\n", stderr: "" });
    },
  );

  test("BUN_FEATURE_FLAG_NO_ORPHANS=1 does not end minibox with the process that started it", async () => {
    const [fifo, output] = ["go", "output"].map((name) => join(scratchDirectory(), name)) as [string, string];
    // the shell ends when the container runs, and the container goes on when the shell is gone
    const script = `
      mkfifo "$1"
      $RUN "$2" sh -c 'echo up; read line; echo "$line"' <"$1" >"$3" 2>&1 &
      exec 3>"$1"
      until [ -s "$3" ]; do sleep 0.01; done
      (while kill -0 $$; do sleep 0.01; done; echo done) >&3 2>/dev/null &`;
    await execute(["sh", "-c", script, "sh", fifo, busybox, output], {
      env: { ...process.env, BUN_FEATURE_FLAG_NO_ORPHANS: "1" },
    });
    await until("the container has read a line", () => tryText(output) === "up\ndone\n");
  });

  test("the container's environment changes nothing in the child either", async () => {
    const flags = Object.entries(hostile).flatMap(([name, value]) => ["-e", `${name}=${value}`]);
    const { status, stdout, stderr } = await run([
      ...flags,
      "-e",
      "BUN_BE_BUN=1",
      "-e",
      "LD_PRELOAD=/x.so",
      busybox,
      "env",
    ]);
    expect([status, stderr]).toEqual([0, ""]);
    for (const [name, value] of Object.entries(hostile)) expect(stdout).toContain(`${name}=${value}\n`);
    expect(stdout).toContain("BUN_BE_BUN=1\n");
  });

  test("the caller's values of such names reach the container where they are asked for", async () => {
    const { status, stdout, stderr } = await run(
      [...Object.keys(hostile).flatMap((name) => ["-e", name]), busybox, "env"],
      { env: { ...hostile, PATH: process.env.PATH ?? "" } },
    );
    expect([status, stderr]).toEqual([0, ""]);
    for (const [name, value] of Object.entries(hostile)) expect(stdout).toContain(`${name}=${value}\n`);
  });

  test("a library preloaded into the caller is not in the container's process", async () => {
    const source = join(scratchDirectory(), "preload.c");
    const library = source.replace(/c$/, "so");
    writeFileSync(
      source,
      '#include <unistd.h>\n__attribute__((constructor)) static void f(void){write(2,"P",1);}\n',
    );
    expect((await execute(["cc", "-shared", "-fPIC", "-o", library, source])).status).toBe(0);
    chmodSync(library, 0o755);
    const { status, stderr } = await run([busybox, "true"], { env: { ...process.env, LD_PRELOAD: library } });
    // once: in the parent, where the caller wanted it
    expect([status, stderr]).toEqual([0, "P"]);
  });
});
