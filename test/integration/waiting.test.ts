// A supervisor that only waits: how much memory it keeps, and that it does nothing at all.

import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { SIGNALS } from "../../src/sys/constants.ts";
import { NUMBERS } from "../../src/sys/numbers.ts";
import { SLOWNESS, start, tryText, until } from "../support/container.ts";
import { leavesNothing } from "../support/leftovers.ts";
import { rootfs, skipReason } from "../support/minibox.ts";
import { Tmux, typed, typedMinibox } from "../support/tmux.ts";
import { makePlace, type Place, userWords } from "../support/user.ts";

setDefaultTimeout(60_000 * SLOWNESS);
leavesNothing();
const skip = skipReason();
const busybox = skip ? "" : rootfs("busybox");

/** KiB */
const MOST_MEMORY = 8192;

const memoryOf = (pid: number): number =>
  Number(/^VmRSS:\s+(\d+) kB$/m.exec(tryText(`/proc/${pid}/status`) ?? "")?.[1] ?? Number.NaN);

const commandOf = (pid: number): string | undefined => tryText(`/proc/${pid}/comm`)?.trim();

/** True where a process waits in ppoll(2) (proc_pid_syscall(5)). */
const isPolling = (pid: number): boolean =>
  tryText(`/proc/${pid}/syscall`)?.split(" ")[0] === String(NUMBERS.ppoll[process.arch === "arm64" ? 1 : 0]);

/**
 * What each thread has done so far: how long it ran, in nanoseconds, and how often it waited. A thread that nothing wakes does
 * neither, however busy the machine is.
 */
function doneBy(pid: number): string[] {
  return readdirSync(`/proc/${pid}/task`).map((thread) => {
    const task = `/proc/${pid}/task/${thread}`;
    const [ran] = readFileSync(`${task}/schedstat`, "utf8").split(" ");
    const [waited] = /^voluntary_ctxt_switches:.*$/m.exec(readFileSync(`${task}/status`, "utf8"))!;
    return `${thread}: ${ran} ns, ${waited}`;
  });
}

async function isQuiet(pid: number, milliseconds: number): Promise<boolean> {
  const before = doneBy(pid);
  await Bun.sleep(milliseconds);
  return Bun.deepEquals(doneBy(pid), before);
}

/** Expects that a supervisor settles, and then sleeps. */
async function waits(pid: number): Promise<void> {
  // before it has given memory back, it has ten times as much
  const isSmall = (): boolean => memoryOf(pid) <= MOST_MEMORY && isPolling(pid);
  await until(`it has at most ${MOST_MEMORY} KiB and waits`, isSmall);
  // where Bun has started threads, the last work of its allocator's may still be to come
  await until("its threads have nothing left to do", () => isQuiet(pid, 500));
  expect(await isQuiet(pid, 3000)).toBe(true);
  expect(isSmall()).toBe(true);
}

/** No other test file runs this. */
const SLEEP = `sleep 1000.${process.pid}`;

let place: Place;
beforeAll(() => {
  if (skip) return;
  place = makePlace();
  writeFileSync(`${place.path}/in`, "some input\n");
});
afterAll(() => place?.remove());

describe.skipIf(skip !== "")("a supervisor keeps at most 8 MiB and does nothing", () => {
  test.each([
    ["of a plain run", []],
    ["with a terminal in a pipeline", ["-t"]],
    ["with a timeout", ["--timeout", "1000"]],
    ["with an init", ["--init"]],
  ])("%s", async (_, flags) => {
    const container = start([...flags, busybox, ...SLEEP.split(" ")]);
    await waits(container.pid);
    container.signal(SIGNALS.TERM);
    await container.ended;
  });

  test("with a pump for its stdout, and one for its stdin that has ended", async () => {
    const files = ["sh", "-c", `exec "$@" 0<>${place.path}/in >${place.path}/out`, "sh"];
    const container = start([busybox, ...SLEEP.split(" ")], files);
    await waits(container.pid);
    const children = tryText(`/proc/${container.pid}/task/${container.pid}/children`)!.trim().split(" ");
    expect(children.map(Number).map(commandOf)).toContain("minibox-pump");
    container.signal(SIGNALS.TERM);
    await container.ended;
  });

  test.skipIf(skipReason("tmux") !== "")("on a terminal", async () => {
    using terminal = new Tmux();
    terminal.enter(`${typedMinibox()} run ${typed(busybox)} ${SLEEP}`);
    const supervisors = (): string[] =>
      Bun.spawnSync(["pgrep", "-f", `run .* ${SLEEP}$`])
        .stdout.toString()
        .trim()
        .split("\n");
    await until("the command runs", () => Bun.spawnSync(["pgrep", "-fx", SLEEP]).success);
    // the first is the supervisor, the others share its memory and its words
    await waits(Number(supervisors()[0]));
    terminal.press("C-c");
    await until("it has ended", () => !Bun.spawnSync(["pgrep", "-fx", SLEEP]).success);
  });

  test.skipIf(skipReason("setpriv") !== "")("of an ordinary user", async () => {
    const words = [place.minibox, "run", place.ownRootfs, ...SLEEP.split(" ")];
    const supervisor = Bun.spawn(userWords(words), { stdio: ["ignore", "ignore", "ignore"], cwd: "/" });
    await waits(supervisor.pid);
    supervisor.kill("SIGTERM");
    await supervisor.exited;
  });
});
