// `minibox run` as a person types it first: the command's output and exit code, its name, the help.

import { describe, expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { runFlags } from "../../src/cli/run-flags.ts";
import { leavesNothing } from "../support/leftovers.ts";
import { minibox, RUN, rootfs, run, scratchRootfs } from "../support/minibox.ts";

const busybox = rootfs("busybox");
leavesNothing();

describe.each(["busybox", "host"] as const)("on the %s rootfs", (kind) => {
  const root = rootfs(kind);

  test("a command runs, found along the PATH of the container", async () => {
    expect(await run([root, "echo", "hello"])).toEqual({ status: 0, stdout: "hello\n", stderr: "" });
    expect((await run([root, "/bin/sh", "-c", "exit 7"])).status).toBe(7);
  });

  test("the command is PID 1, and ps shows it alone", async () => {
    expect((await run([root, "sh", "-c", "echo $$"])).stdout).toBe("1\n");
    const { stdout } = await run([root, "ps", ...(kind === "host" ? ["-ef"] : [])]);
    expect(stdout.trimEnd().split("\n")).toHaveLength(2);
    expect(stdout).toMatch(/^\s*(root\s+)?1\s.*\bps\b/m);
  });

  test("with --init the child of minibox is 1 and the command its child", async () => {
    const { stdout } = await run(["--init", root, "sh", "-c", "echo $PPID; tr '\\0' ' ' </proc/1/cmdline"]);
    expect(stdout).toMatch(/^1\nminibox child /);
  });
});

describe("flags", () => {
  test("--hostname names the host, container by default", async () => {
    expect((await run([busybox, "hostname"])).stdout).toBe("container\n");
    expect((await run(["--hostname", "db-1", busybox, "sh", "-c", "hostname; echo $HOSTNAME"])).stdout).toBe(
      "db-1\ndb-1\n",
    );
    expect((await run([busybox, "cat", "/proc/sys/kernel/hostname"])).stdout).not.toBe(
      readFileSync("/proc/sys/kernel/hostname", "utf8"),
    );
  });

  test("--workdir is where the command starts, / by default, and is made where missing", async () => {
    const root = scratchRootfs();
    expect((await run([root, "pwd"])).stdout).toBe("/\n");
    expect((await run(["-w", "/tmp", root, "pwd"])).stdout).toBe("/tmp\n");
    expect((await run(["--workdir=/srv/a/b c", root, "pwd"])).stdout).toBe("/srv/a/b c\n");
    expect(existsSync(`${root}/srv/a`)).toBe(false);
  });

  test("--workdir that is a file is told in one line", async () => {
    const file = await run(["-w", "/etc/passwd", busybox, "pwd"]);
    expect(file).toMatchObject({ status: 125, stdout: "" });
    expect(file.stderr).toBe("minibox: change to the directory /etc/passwd: ENOTDIR: not a directory\n");
  });

  test("--ulimit sets limits of 64 bits", async () => {
    const { stdout } = await run([
      ...["--ulimit", "nofile=123:456", "--ulimit", "core=0", "--ulimit", "fsize=9223372036854775807"],
      ...["--ulimit", "cpu=unlimited", busybox, "cat", "/proc/self/limits"],
    ]);
    expect(stdout).toMatch(/^Max open files +123 +456 /m);
    expect(stdout).toMatch(/^Max core file size +0 +0 /m);
    expect(stdout).toMatch(/^Max file size +9223372036854775807 +9223372036854775807 /m);
    expect(stdout).toMatch(/^Max cpu time +unlimited +unlimited /m);
  });

  test("--rm and -i are accepted", async () => {
    expect((await run(["--rm", "-i", busybox, "cat"], { stdin: "in" })).stdout).toBe("in");
  });

  test("--timeout ends the command with 124 and a note, which --quiet leaves out", async () => {
    const ended = await run(["--timeout", "200ms", busybox, "sleep", "60"]);
    expect(ended).toEqual({
      status: 124,
      stdout: "",
      stderr: "minibox: the time limit of 200ms was reached\n",
    });
    expect(await run(["--quiet", "--timeout", "100ms", busybox, "sleep", "60"])).toEqual({
      status: 124,
      stdout: "",
      stderr: "",
    });
    expect((await run(["--timeout", "60s", busybox, "true"])).status).toBe(0);
  });

  test("--name is refused while a container of that name runs, and free again afterwards", async () => {
    const name = `test-${process.pid}`;
    const first = Bun.spawn([...RUN, "--name", name, busybox, "sh", "-c", "echo up; read x"], {
      stdin: "pipe",
      stdout: "pipe",
    });
    const reader = first.stdout.getReader();
    await reader.read();
    expect(await run(["--name", name, busybox, "true"])).toEqual({
      status: 125,
      stdout: "",
      stderr: `minibox: the name ${name} is in use by another container\n`,
    });
    first.stdin.end();
    await first.exited;
    expect((await run(["--name", name, busybox, "true"])).status).toBe(0);
  });

  test("a name that is no file name is refused", async () => {
    expect((await run(["--name", "../x", busybox, "true"])).stderr).toStartWith(
      'minibox: --name: "../x" must be',
    );
  });
});

describe("exit codes", () => {
  test("are the command's own, 128+N for signal N", async () => {
    expect((await run([busybox, "sh", "-c", "exit 255"])).status).toBe(255);
    expect((await run([rootfs("host"), "bash", "-c", "bash -c 'kill -SEGV $$'; exit $?"])).status).toBe(139);
    expect((await run(["--init", busybox, "sh", "-c", "kill -TERM $$"])).status).toBe(143);
  });

  test("are 127 for a command that is not there, 126 for one that cannot be executed", async () => {
    expect((await run([busybox, "nosuchcommand"])).status).toBe(127);
    expect((await run([busybox, "/etc/passwd"])).status).toBe(126);
  });
});

describe("help", () => {
  test("names every flag of the table, in a pipe without decoration", async () => {
    const { status, stdout, stderr } = await run(["--help"]);
    expect([status, stderr]).toEqual([0, ""]);
    for (const [name, { description }] of Object.entries(runFlags())) {
      expect(stdout).toContain(`--${name}`);
      expect(stdout).toContain(description);
    }
    for (const [, { alias }] of Object.entries(runFlags() as Record<string, { alias?: string }>))
      if (alias) expect(stdout).toContain(`-${alias}, --`);
    expect(stdout).not.toContain("\x1b");
    expect((await run(["-h"])).stdout).toBe(stdout);
    expect((await minibox(["help", "run"])).stdout).toBe(stdout);
  });

  test("of minibox names the commands", async () => {
    const { status, stdout } = await minibox(["--help"]);
    expect(status).toBe(0);
    for (const word of ["run", "help", "version"]) expect(stdout).toContain(word);
    expect(await minibox([])).toEqual(await minibox(["help"]));
    expect(stdout).not.toContain("\x1b");
  });

  test("version is that of the package", async () => {
    const { version } = await Bun.file(`${import.meta.dir}/../../package.json`).json();
    for (const word of ["version", "--version", "-V"])
      expect(await minibox([word])).toEqual({ status: 0, stdout: `minibox ${version}\n`, stderr: "" });
  });
});

test("fifty runs in a row and eight at a time are all right", async () => {
  const results = await Promise.all(
    Array.from({ length: 8 }, async () => {
      const out: string[] = [];
      for (let i = 0; i < 6; i++) out.push(JSON.stringify(await run([busybox, "echo", "ok"])));
      return out;
    }),
  );
  expect([...new Set(results.flat())]).toEqual(['{"status":0,"stdout":"ok\\n","stderr":""}']);
});
