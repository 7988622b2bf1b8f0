// --init: minibox's child stays PID 1, runs the command below itself, reaps orphans.

import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { childrenOf, SLOWNESS, start, tryText, until } from "../support/container.ts";
import { rootfs, run, skipReason } from "../support/minibox.ts";

setDefaultTimeout(30_000 * SLOWNESS);
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

  test("holds none of the command's descriptors: a pipe ends when the command closes it", async () => {
    const container = start(["--init", busybox, "sh", "-c", "echo early; exec >&- 2>&-; sleep 60"]);
    const reader = Bun.sleep(5000 * SLOWNESS).then(() => "late");
    // says() fails when the run ends first; the end of the stream alone does not end it
    await container.says("early");
    process.kill(container.pid, "SIGTERM");
    const ended = container.ended.then(() => "ended");
    expect(await Promise.race([reader, ended])).toBe("ended");
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
    // glibc's posix_spawn leaves its own two, 32 and 33, ignored
    expect(stdout.replace("180000000", "000000000").match(/0{16}/g)).toHaveLength(3);
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
