// Owns the runs of one container each: programs are run in turns, one run of each in every turn, so that what the machine
// does besides hits all alike.

import { closeSync, openSync } from "node:fs";
import { cpus } from "node:os";
import { launch } from "./launch.ts";
import type { Plan, Program } from "./programs.ts";
import type { Timing } from "./result.ts";

/**
 * Returns the list in a random order. A fixed order would let each program always run after the same one, whose last work
 * the kernel may still be doing.
 */
export function shuffled<T>(list: readonly T[]): T[] {
  const order = [...list];
  for (let i = order.length - 1; i > 0; i--) {
    const j = Math.floor(Math.random() * (i + 1));
    [order[i], order[j]] = [order[j]!, order[i]!];
  }
  return order;
}

/** Runs each program once, `plan.warmup` times without and `runs` times with its timing noted. */
export async function inTurns(
  plan: Plan,
  runs: number,
  rows: ReadonlyMap<Program, Timing>,
  settled: () => Promise<unknown>,
): Promise<void> {
  const quiet = openSync("/dev/null", "r+");
  for (let turn = -plan.warmup; turn < runs; turn++)
    for (const [program, timing] of shuffled([...rows])) {
      const run = launch(program.command(`${plan.tag}-run`, "true"), process.env, quiet, quiet);
      await settled();
      if (turn < 0) continue;
      timing.times.push((run.end - run.start) / 1e9);
      timing.cpu.push(run.cpu / 1e9);
      timing.faults.push(run.faults);
      if (run.status !== 0) timing.failures++;
    }
  closeSync(quiet);
}

/** Does something while as many endless loops as there are processors keep the machine busy. */
export async function underLoad<T>(work: (loops: readonly number[]) => Promise<T>): Promise<T> {
  const loops = cpus().map(() =>
    Bun.spawn(["sh", "-c", "while :; do :; done"], { stdin: "ignore", stdout: "ignore", stderr: "ignore" }),
  );
  try {
    return await work(loops.map(({ pid }) => pid));
  } finally {
    for (const loop of loops) loop.kill("SIGKILL");
    await Promise.all(loops.map((loop) => loop.exited));
  }
}
