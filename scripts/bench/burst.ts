// Owns measuring many containers at once.

import { closeSync, openSync, readFileSync } from "node:fs";
import type { Plan, Program } from "./programs.ts";
import type { Timing } from "./result.ts";

const PARALLEL = 8;

/** Measures the time for many containers, eight at a time. Returns what the first one that failed has printed. */
export async function burst(
  plan: Plan,
  program: Program,
  round: number,
  timing: Timing,
): Promise<string | undefined> {
  const log = `${plan.work}/burst.stderr`;
  const stderr = openSync(log, "w");
  const commands = Array.from({ length: plan.containers }, (_, i) =>
    program.command(`${plan.tag}-burst-${round}-${i}`, "true"),
  );
  let failures = 0;
  let cpu = 0;
  const worker = async (): Promise<void> => {
    for (let command = commands.pop(); command !== undefined; command = commands.pop()) {
      const child = Bun.spawn(command, { stdin: "ignore", stdout: "ignore", stderr });
      if ((await child.exited) !== 0) failures++;
      cpu += Number(child.resourceUsage()?.cpuTime.total ?? 0) / 1e6;
    }
  };
  const start = Bun.nanoseconds();
  await Promise.all(Array.from({ length: PARALLEL }, worker));
  timing.times.push((Bun.nanoseconds() - start) / 1e9);
  timing.cpu.push(cpu);
  timing.failures += failures;
  closeSync(stderr);
  return failures > 0 ? `${failures} failed: ${firstLine(log)}` : undefined;
}

export const firstLine = (file: string): string => readFileSync(file, "utf8").trim().split("\n")[0] ?? "";
