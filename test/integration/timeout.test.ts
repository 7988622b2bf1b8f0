// --timeout and --stop-timeout: TERM, then KILL, and exit code 124.

import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { SLOWNESS, signal, start, startMinibox, uniqueName } from "../support/container.ts";
import { expectNothingLeft, leavesNothing } from "../support/leftovers.ts";
import { ROOT, rootfs, run, scratchDirectory, skipReason } from "../support/minibox.ts";

setDefaultTimeout(30_000 * SLOWNESS);
leavesNothing();
const skip = skipReason();
const busybox = skip ? "" : rootfs("busybox");

async function timed(words: string[]) {
  const started = performance.now();
  const result = await run(words);
  return { ...result, seconds: (performance.now() - started) / 1000 };
}

describe.skipIf(skip !== "").each([[[]], [["--init"]]])("--timeout (%p)", (flags) => {
  test("ends a command with TERM: 124, and a line that says so", async () => {
    const { status, stderr, seconds } = await timed([...flags, "--timeout", "300ms", busybox, "sleep", "60"]);
    expect(status).toBe(124);
    expect(stderr).toContain("time limit");
    expect(seconds).toBeGreaterThan(0.28);
    expect(seconds).toBeLessThan(20 * SLOWNESS);
    await expectNothingLeft();
  });

  test("a handler of TERM has its say, and the code is 124 all the same", async () => {
    const script = "trap 'echo bye; exit 7' TERM; while :; do sleep 0.05; done";
    const { status, stdout } = await timed([
      ...flags,
      "--timeout",
      // long enough for the shell to have set its trap on a busy machine too
      `${Math.max(3000, 400 * SLOWNESS)}ms`,
      busybox,
      "sh",
      "-c",
      script,
    ]);
    expect([status, stdout]).toEqual([124, "bye\n"]);
  });

  test("who ignores TERM is killed after --stop-timeout", async () => {
    const script = "trap '' TERM; while :; do sleep 0.05; done";
    const words = [...flags, "--timeout", "300ms", "--stop-timeout", "300ms", busybox, "sh", "-c", script];
    const { status, seconds } = await timed(words);
    expect(status).toBe(124);
    expect(seconds).toBeGreaterThan(0.58);
    expect(seconds).toBeLessThan(20 * SLOWNESS);
  });

  test("a command that ends in time keeps its code", async () => {
    const { status, stderr } = await timed([...flags, "--timeout", "60s", busybox, "sh", "-c", "exit 9"]);
    expect([status, stderr]).toEqual([9, ""]);
  });
});

/** Records the state of a container that has long ended under many other names, in a state root of their own. */
async function recordDead(root: string, count: number): Promise<void> {
  const name = uniqueName();
  const running = start(["--name", name, busybox, "sh", "-c", "echo here; exec sleep 60"]);
  await running.says("here");
  const state = JSON.parse(readFileSync(`${ROOT}/${name}/state.json`, "utf8"));
  signal(running.pid, 15);
  await running.ended;
  delete state.cgroup;
  mkdirSync(root, { mode: 0o700 });
  for (let i = 0; i < count; i++) {
    mkdirSync(`${root}/dead${i}`);
    chmodSync(`${root}/dead${i}`, 0o1700);
    writeFileSync(`${root}/dead${i}/state.json`, JSON.stringify({ ...state, id: `dead${i}` }), {
      mode: 0o600,
    });
  }
}

describe.skipIf(skip !== "")("beside many dead containers", () => {
  test("a command runs no longer than its time", async () => {
    const root = `${scratchDirectory()}/states`;
    await recordDead(root, 20_000);
    const words = ["--root", root, "run", "--timeout", "300ms", busybox];
    const running = startMinibox([...words, "sh", "-c", "echo here; exec sleep 60"]);
    await running.says("here");
    const started = performance.now();
    expect((await running.ended).status).toBe(124);
    // to remove them all takes some seconds
    expect((performance.now() - started) / 1000).toBeLessThan(1.5 * SLOWNESS);
  });
});
