// Owns measuring what stays beside running containers: its memory, and what it does while nothing happens.

import { closeSync, openSync, readFileSync, rmSync } from "node:fs";
import { firstLine } from "./burst.ts";
import { family, type Memory, memoryOf, type Process, processes, sharesMemory, workOf } from "./procfs.ts";
import type { Plan, Program } from "./programs.ts";
import type { Idle, Waiting } from "./result.ts";

/** In seconds: how long the idle processes are watched. */
const WATCH = 3;

/** Waits until a condition holds; false where it does not within the time. */
export async function until(condition: () => boolean, seconds = 20): Promise<boolean> {
  for (const end = Date.now() + seconds * 1000; Date.now() < end; await Bun.sleep(20))
    if (condition()) return true;
  return condition();
}

const isJob = ({ name }: Process): boolean => name === "sleep";

/**
 * Starts containers that sleep, and looks at the processes that stay beside each of them: at what they do, too, where they
 * are to be `watched`. @throws Error where they do not start or do not end
 */
export async function waiting(
  plan: Plan,
  program: Program,
  count: number,
  watched: boolean,
  settled: () => Promise<boolean>,
): Promise<Waiting> {
  // read only after a failure: unshare prints an error whenever a signal ends its child
  const log = `${plan.work}/waiting.stderr`;
  const stderr = openSync(log, "w");
  const supervisors: number[] = [];
  const children: Bun.Subprocess[] = [];
  for (let i = 0; i < count; i++) {
    const pidFile = `${plan.work}/supervisor.pid`;
    rmSync(pidFile, { force: true });
    const command = program.detached?.(pidFile, "sleep") ?? program.command(`${plan.tag}-wait-${i}`, "sleep");
    const child = Bun.spawn(command, { stdin: "ignore", stdout: "ignore", stderr });
    children.push(child);
    if (program.detached) await child.exited;
    supervisors.push(program.detached ? Number(readFileSync(pidFile, "utf8")) : child.pid);
  }
  const families = (): Process[][] => {
    const all = processes();
    return supervisors.map((pid) => family(pid, all));
  };
  const started = await until(() => families().every((members) => members.some(isJob)), 60);
  // a supervisor may give memory back some time after its container has started
  await Bun.sleep(1000);
  const found = families();
  const staying = found.map((members) => members.filter((member) => !isJob(member)));
  const each = staying.map(memoryOfAll);
  const idle = watched ? await watch(staying.flat().map(({ pid }) => pid)) : undefined;
  // SIGKILL, because the kernel drops other signals that a PID 1 does not handle; to the job alone, so that the
  // supervisor cleans up
  for (const member of found.flat().filter(isJob)) process.kill(member.pid, "SIGKILL");
  await Promise.all(children.map((child) => child.exited));
  closeSync(stderr);
  const said = firstLine(log);
  if (!started) throw new Error(`${program.name}: ${count} containers that sleep do not start: ${said}`);
  if (!(await settled())) throw new Error(`${program.name}: does not end with its container: ${said}`);
  return { processes: staying[0]!.map(({ name }) => name), each, ...(idle && { idle }) };
}

/** The memory of a container's processes. What some of them share as a whole (CLONE_VM) counts once. */
function memoryOfAll(members: readonly Process[]): Memory {
  const total = { rss: 0, pss: 0 };
  for (const [i, { pid }] of members.entries()) {
    if (members.slice(0, i).some((earlier) => sharesMemory(earlier.pid, pid))) continue;
    const { rss, pss } = memoryOf(pid);
    total.rss += rss;
    total.pss += pss;
  }
  return total;
}

/** What the processes do in a while. */
async function watch(pids: readonly number[]): Promise<Idle> {
  const work = (): { cpu: number; switches: number } =>
    pids.map(workOf).reduce((a, b) => ({ cpu: a.cpu + b.cpu, switches: a.switches + b.switches }));
  const before = work();
  await Bun.sleep(WATCH * 1000);
  const after = work();
  return { seconds: WATCH, cpu: after.cpu - before.cpu, switches: after.switches - before.switches };
}
