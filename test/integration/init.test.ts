// --init: minibox's child stays as PID 1, starts the command as its own child, and reaps orphans.

import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { childrenOf, SLOWNESS, start, tryText, until } from "../support/container.ts";
import { leavesNothing } from "../support/leftovers.ts";
import { execute, rootfs, run, scratchDirectory, skipReason } from "../support/minibox.ts";

setDefaultTimeout(30_000 * SLOWNESS);
leavesNothing();
const skip = skipReason();
const busybox = skip ? "" : rootfs("busybox");
const host = skip ? "" : rootfs("host");

describe.skipIf(skip !== "")("--init", () => {
  test("shows the child of minibox as 1 and the command as 2", async () => {
    const { stdout } = await run(["--init", host, "ps", "-eo", "pid=,ppid=,args="]);
    const lines = stdout
      .trim()
      .split("\n")
      .map((line) => line.trim());
    expect(lines).toHaveLength(2);
    expect(lines[0]).toMatch(/^1 +0 .*minibox child/);
    expect(lines[1]).toMatch(/^2 +1 ps -eo/);
  });

  test("without it the command is alone", async () => {
    const { stdout } = await run([host, "ps", "-eo", "pid=,args="]);
    expect(stdout.trim().split("\n")).toHaveLength(1);
  });

  test("reaps orphans: no zombie stays", async () => {
    const script = `
      for i in $(seq 20); do (sleep 0.0$i & ) ; done
      while ps -eo args= | grep -q '^sleep'; do sleep 0.05; done
      for i in $(seq 100); do ps -eo stat= | grep -q '^Z' || break; sleep 0.05; done
      ps -eo stat= | grep -c '^Z' ; exit 3`;
    const { stdout, status } = await run(["--init", host, "bash", "-c", script]);
    expect([stdout, status]).toEqual(["0\n", 3]);
  });

  test("without it they stay: it is the init that reaps them", async () => {
    const container = start([busybox, "sh", "-c", "(sleep 0.1 & ); echo ready; exec sleep 60"]);
    await container.says("ready");
    const [command] = childrenOf(container.pid);
    const isZombie = (pid: number) => / Z /.test(tryText(`/proc/${pid}/stat`) ?? "");
    await until("the orphan is a zombie", () => childrenOf(command!).some(isZombie));
    process.kill(container.pid, "SIGTERM");
    await container.ended;
  });

  test.each([
    ["a pipe", [], "|cat"],
    ["a pipe of an ordinary user's", ["-u", "1000"], "|cat"],
    ["a pipe, with stdin and stderr closed", [], "<&- 2>&- |cat"],
    ["a file", ["-u", "1000"], ">file; cat file"],
    ["a pipe to root of a user namespace", ["--userns", "100000:100000:65536"], "|cat"],
  ] as [string, string[], string][])("a program logs to /proc/1/fd/1: %s", async (_, flags, redirection) => {
    const command = "'echo logged >/proc/1/fd/1'";
    const line = `cd "$D" && $RUN --init ${flags.join(" ")} "$R" sh -c ${command} ${redirection}`;
    const env = { ...process.env, R: busybox, D: scratchDirectory() };
    expect((await execute(["bash", "-c", line], { env })).stdout).toBe("logged\n");
  });

  test("keeps 0, 1, 2 and what it reads signals from, and nothing else", async () => {
    const script = "for fd in /proc/1/fd/*; do readlink $fd | sed 's/:.*//'; done";
    const { stdout } = await run(["--init", busybox, "sh", "-c", script]);
    expect(stdout.replaceAll("socket", "pipe")).toBe("/dev/null\npipe\npipe\nanon_inode\n");
  });

  test.each([
    ["as=200000000", "-v", "195312"],
    ["data=10000000", "-d", "9765"],
    ["stack=131072", "-s", "128"],
    ["nofile=3", "-n", "3"],
    ["nproc=1", "-u", "1"],
    ["fsize=0", "-f", "0"],
    ["memlock=0", "-l", "0"],
    ["core=0", "-c", "0"],
    ["cpu=1:2", "-t", "1"],
  ])("serves the command under --ulimit %s, which is the command's alone", async (limit, letter, value) => {
    const script = `ulimit ${letter}; kill -USR1 $$; exit 3`;
    const words = [
      "-u",
      "1234",
      "--init",
      "--ulimit",
      limit,
      busybox,
      "sh",
      "-c",
      `trap 'echo got' USR1; ${script}`,
    ];
    expect(await run(words)).toEqual({ status: 3, stdout: `${value}\ngot\n`, stderr: "" });
  });

  test("the limits are in force before the command's first instruction, its own start included", async () => {
    const { status } = await run(["--init", "--ulimit", "as=1000", busybox, "true"]);
    expect(status).toBe(139);
    const limits = await run([
      "--init",
      "--ulimit",
      "nofile=7:9",
      busybox,
      "grep",
      "open files",
      "/proc/self/limits",
    ]);
    expect(limits.stdout).toMatch(/^Max open files +7 +9 /);
    const own = await run([
      "--init",
      "--ulimit",
      "nofile=7:9",
      busybox,
      "grep",
      "open files",
      "/proc/1/limits",
    ]);
    expect(own.stdout).not.toMatch(/ 9 +files/);
  });

  test("the command's death of a signal is told", async () => {
    const container = start(["--init", busybox, "sh", "-c", "echo ready; exec sleep 60"]);
    await container.says("ready");
    process.kill(container.pid, "SIGUSR2");
    expect((await container.ended).status).toBe(140);
  });

  test("a signal sent to PID 1 from inside reaches the command", async () => {
    const script = "trap 'echo got; exit 5' USR1; (sleep 0.1; kill -USR1 1) & while :; do sleep 0.05; done";
    const { stdout, status } = await run(["--init", busybox, "sh", "-c", script]);
    expect([stdout, status]).toEqual(["got\n", 5]);
  });

  test("the command has no signal blocked or ignored", async () => {
    const { stdout } = await run(["--init", busybox, "grep", "-E", "Sig(Blk|Ign|Cgt)", "/proc/self/status"]);
    expect(stdout.match(/0{16}/g)).toHaveLength(3);
  });

  test("many children that end at once are all reaped", async () => {
    const container = start([
      "--init",
      host,
      "bash",
      "-c",
      "for i in $(seq 200); do (true & ); done; echo ready; read line",
    ]);
    await container.says("ready");
    const [init] = childrenOf(container.pid);
    await until("only the command is left", () => childrenOf(init!).length === 1);
    container.write("\n");
    expect((await container.ended).status).toBe(0);
  });
});
