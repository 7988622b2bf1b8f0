// Signals that the supervisor passes on to the command, with and without an init.

import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { readFileSync } from "node:fs";
import { SIGNALS } from "../../src/sys/constants.ts";
import { NUMBERS } from "../../src/sys/numbers.ts";
import { childrenOf, start, tryText, until } from "../support/container.ts";
import { leavesNothing } from "../support/leftovers.ts";
import { rootfs, skipReason } from "../support/minibox.ts";

setDefaultTimeout(60_000);
leavesNothing();
const skip = skipReason();
const busybox = skip ? "" : rootfs("busybox");

const KEPT: readonly number[] = [SIGNALS.KILL, SIGNALS.STOP, SIGNALS.CHLD, SIGNALS.PIPE];
/** All signals that can be passed on. glibc keeps 32 and 33 for its threads. */
const FORWARDED = Array.from({ length: 64 }, (_, i) => i + 1).filter(
  (signal) => !KEPT.includes(signal) && signal !== 32 && signal !== 33,
);
const STOPPING: readonly number[] = [SIGNALS.TSTP, SIGNALS.TTIN, SIGNALS.TTOU];
const HARMLESS: readonly number[] = [SIGNALS.CONT, SIGNALS.URG, SIGNALS.WINCH];

const stateOf = (pid: number): string =>
  /^State:\s+(\w)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))![1]!;

/** True where a process waits in ppoll(2), which a supervisor does only once it has taken all signals (proc_pid_syscall(5)). */
const isWaiting = (pid: number): boolean =>
  tryText(`/proc/${pid}/syscall`)?.split(" ")[0] === String(NUMBERS.ppoll[process.arch === "arm64" ? 1 : 0]);

/** True where a signal waits to be taken by a process (SigPnd and ShdPnd, proc_pid_status(5)). */
const hasPending = (pid: number): boolean =>
  !/^SigPnd:\s+0+\nShdPnd:\s+0+$/m.test(tryText(`/proc/${pid}/status`) ?? "");

const commandOf = (pid: number): string | undefined => tryText(`/proc/${pid}/comm`)?.trim();

/** The container's processes as the host counts: all that descend from the supervisor. */
const descendants = (pid: number): number[] =>
  childrenOf(pid).flatMap((child) => [child, ...descendants(child)]);

describe.skipIf(skip !== "").each([[[]], [["--init"]]])("with the flags %p", (flags) => {
  test("every signal that can be passed on reaches the command's handler, once", async () => {
    const list = FORWARDED.join(" ");
    const script = `for s in ${list}; do trap "echo got $s." $s; done; echo ready; while :; do sleep 0.05; done`;
    // not bash: in a burst of signals with SIGINT it may skip traps, also without a container
    const container = start([...flags, busybox, "sh", "-c", script]);
    await container.says("ready");
    // SIGCONT and the stopping signals discard each other while they are pending (signal(7)), so they are sent one by one
    const alone = [...STOPPING, SIGNALS.CONT];
    const together = FORWARDED.filter((signal) => !alone.includes(signal));
    for (const signal of together) container.signal(signal);
    for (const signal of together) await container.says(`got ${signal}.`);
    for (const signal of alone) {
      container.signal(signal);
      await container.says(`got ${signal}.`);
    }
    container.signal(SIGNALS.KILL);
    const { stdout } = await container.ended;
    expect(stdout.match(/got/g)).toHaveLength(FORWARDED.length);
  });

  test("a handler's exit code is the run's", async () => {
    const container = start([
      ...flags,
      busybox,
      "sh",
      "-c",
      "trap 'exit 42' TERM; echo ready; while :; do sleep 0.05; done",
    ]);
    await container.says("ready");
    container.signal(SIGNALS.TERM);
    expect((await container.ended).status).toBe(42);
  });

  test("an ignored signal is ignored", async () => {
    const script = "trap '' INT TERM HUP QUIT USR1; echo ready; read -r line; echo got $line; exit 3";
    const container = start([...flags, busybox, "sh", "-c", script]);
    await container.says("ready");
    for (const signal of [1, 2, 3, 10, 15]) container.signal(signal);
    await until("the supervisor has taken them", () => !hasPending(container.pid));
    container.write("word\n");
    expect(await container.ended).toMatchObject({ status: 3, stdout: "ready\ngot word\n" });
  });

  test("^Z stops all of the container and the supervisor, and they go on together", async () => {
    const script = "(while :; do echo tick; sleep 0.02; done) & echo ready; cat >/dev/null; exit 5";
    const container = start([...flags, busybox, "sh", "-c", script]);
    await container.says("tick");
    container.signal(SIGNALS.TSTP);
    await until("the supervisor is stopped", () => stateOf(container.pid) === "T");
    const inside = descendants(container.pid);
    expect(inside.length).toBeGreaterThanOrEqual(2);
    // a stopped process neither runs nor starts another: nothing more can be written
    // one that was started at that very moment ends by itself, and its parent is stopped and does not reap it
    const rests = (pid: number) => ["T", "Z"].includes(stateOf(pid) ?? "Z");
    await until("all are stopped", () => descendants(container.pid).every(rests));
    const before = container.stdout.length;
    container.signal(SIGNALS.CONT);
    await until("it goes on", () => container.stdout.length > before);
    container.closeInput();
    expect((await container.ended).status).toBe(5);
  });

  test("a harmless signal harms nobody, from the first moment on", async () => {
    for (let delay = 0; delay < 16; delay += 3) {
      const container = start([...flags, busybox, "sh", "-c", "read -r line; exit 9"]);
      // for some milliseconds minibox has no handlers yet, and the default action of these signals is to do nothing
      for (let i = 0; i < 4; i++) {
        await Bun.sleep(delay);
        for (const signal of HARMLESS) process.kill(container.pid, signal);
      }
      container.write("\n");
      expect((await container.ended).status).toBe(9);
    }
  });
});

describe.skipIf(skip !== "")("a signal that the command does not handle", () => {
  const deadly = FORWARDED.filter((signal) => !STOPPING.includes(signal) && !HARMLESS.includes(signal));

  test.each([[[]], [["--init"]]])("ends it with 128+N, though it is PID 1 (%p)", async (flags) => {
    for (let i = 0; i < deadly.length; i += 8) {
      const group = deadly.slice(i, i + 8).map(async (signal) => {
        const container = start([...flags, busybox, "sleep", "60"]);
        await until("sleep runs", () => descendants(container.pid).some((pid) => commandOf(pid) === "sleep"));
        // before that, a signal such as SIGSEGV may be taken for a crash of minibox itself
        await until("the supervisor has all signals", () => isWaiting(container.pid));
        container.signal(signal);
        return [signal, (await container.ended).status];
      });
      for (const [signal, status] of await Promise.all(group))
        expect([signal, status]).toEqual([signal!, 128 + signal!]);
    }
  });

  test("that the caller had ignored (nohup) does not end it", async () => {
    const container = start(
      [busybox, "sh", "-c", "echo ready; read -r line; exit 6"],
      ["sh", "-c", 'trap "" HUP; exec "$@"', "sh"],
    );
    await container.says("ready");
    container.signal(SIGNALS.HUP);
    await until("the supervisor has taken it", () => !hasPending(container.pid));
    container.write("\n");
    expect((await container.ended).status).toBe(6);
  });

  test("from inside ends a child of PID 1, with its 128+N", async () => {
    const container = start([busybox, "sh", "-c", "sh -c 'kill -USR2 $$'; exit $?"]);
    expect((await container.ended).status).toBe(140);
  });
});

describe.skipIf(skip !== "")("while the container starts", () => {
  test("a deadly signal ends it with 128+N, at whatever moment it comes", async () => {
    for (let delay = 0; delay <= 24; delay += 2) {
      const container = start([busybox, "sleep", "60"]);
      await Bun.sleep(delay);
      process.kill(container.pid, "SIGTERM");
      const { status, stderr } = await container.ended;
      expect([delay, status, stderr]).toEqual([delay, 143, ""]);
    }
  });

  test("^Z and fg at whatever moment do not hurt", async () => {
    for (let delay = 0; delay <= 24; delay += 4) {
      const container = start([busybox, "sh", "-c", "read -r line; exit 8"]);
      await Bun.sleep(delay);
      // before the runtime takes signals the kernel itself acts on them, and drops this one where no shell of the
      // session is there to go on with the group (an orphaned one): pressed again, as a person would
      await until("it is stopped", async () => {
        if (stateOf(container.pid) === "T") return true;
        process.kill(container.pid, "SIGTSTP");
        await Bun.sleep(10);
        return false;
      });
      process.kill(container.pid, "SIGCONT");
      container.write("\n");
      expect([delay, (await container.ended).status]).toEqual([delay, 8]);
    }
  });
});
