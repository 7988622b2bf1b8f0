// Owns the measuring. It runs beside a shell in a pid and a mount namespace that bench.ts made, so that every process
// that it can see, and every new mount, was made by the bench.

import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { createConsola } from "consola";
import { burst } from "./burst.ts";
import { measurePhases } from "./phases.ts";
import { cgroups, commandLine, mounts, processes, removeCgroups } from "./procfs.ts";
import { FLOOR, type Plan, type Program, programs } from "./programs.ts";
import { type Measured, noTiming, type Result, type Timing, type Waiting } from "./result.ts";
import { inTurns, shuffled, underLoad } from "./turns.ts";
import { until, waiting } from "./waiting.ts";

/** So many containers wait at once; of the most of them it is watched what they do. */
const MANY = 100;
const WAITING = [1, 10, MANY];
/** On a busy machine a run takes several times as long: each program has only this part of its runs. */
const LOADED = 1 / 4;

const consola = createConsola({ stdout: process.stderr, stderr: process.stderr });

/** Reports progress, on a terminal only. */
const say = (text: string): void => {
  if (process.stderr.isTTY) consola.start(text);
};

/** Runs a program once. Where that fails, it is skipped, and the reason is what the program printed. */
async function probe(plan: Plan, program: Program): Promise<Measured> {
  const { name, filter, path, peer } = program;
  const row = { name, filter, ...(peer !== undefined && { peer }) };
  const known = plan.skipped[name] ?? (path === undefined ? "not installed" : undefined);
  if (known !== undefined || path === undefined) return { ...row, skipped: known ?? "not installed" };
  const command = program.command(`${plan.tag}-probe`, "true");
  const child = Bun.spawn(command, { stdin: "ignore", stdout: "ignore", stderr: "pipe" });
  const stderr = (await new Response(child.stderr).text()).trim();
  if ((await child.exited) === 0) return { ...row, version: version(name, path), command };
  const reason = stderr.split("\n").at(-1) || `exit code ${child.exitCode}`;
  return { ...row, skipped: `does not run here: ${reason}`, said: stderr };
}

function version(name: string, path: string): string {
  const first = (command: string[]): string =>
    /\d+\.\d+[\w.]*/.exec(Bun.spawnSync(command, { stderr: "ignore" }).stdout.toString())?.[0] ?? "";
  if (name === "no container") return "";
  if (name === FLOOR) return Bun.version;
  if (name === "Go original") return `(go ${first(["go", "version"])})`;
  return first([path, "--version"]);
}

/** The endless loops that make the machine busy. */
let loops: readonly number[] = [];
/** The pids of all processes except the namespace's first one, this one, and the loops. */
const others = (): number[] =>
  processes()
    .map(({ pid }) => pid)
    .filter((pid) => pid !== 1 && pid !== process.pid && !loops.includes(pid));
/** Waits until all of them have ended: podman removes its containers in the background. */
const settled = (): Promise<boolean> => until(() => others().length === 0);

/** Returns what the bench, or a program that it measured, has left behind. */
async function leftovers(plan: Plan, mountsBefore: readonly string[]): Promise<string[]> {
  await settled();
  // the bench told podman to use this parent cgroup, so the bench removes it
  removeCgroups(cgroups(plan.tag).filter((path) => path.endsWith(`/${plan.tag}/conmon`)));
  removeCgroups(cgroups(plan.tag).filter((path) => path.endsWith(`/${plan.tag}`)));
  return [
    ...others().map((pid) => `process ${commandLine(pid)}`),
    ...mounts()
      .filter((mount) => !mountsBefore.includes(mount))
      .map((mount) => `mount ${mount}`),
    ...["/run/minibox", "/run/runc", "/run/crun"]
      .filter((root) => existsSync(root))
      // crun's hidden entries are no container's: a cache of compiled filters, an empty directory
      .flatMap((root) => readdirSync(root).map((entry) => `state ${root}/${entry}`))
      .filter((state) => !state.includes("/.")),
    ...cgroups(plan.tag).map((path) => `cgroup ${path}`),
  ];
}

/** Looks at what waits beside each number of containers. @throws Error */
async function waitingOf(plan: Plan, program: Program): Promise<Record<number, Waiting>> {
  const result: Record<number, Waiting> = {};
  for (const count of WAITING) {
    say(`${count} waiting: ${program.name}`);
    result[count] = await waiting(plan, program, count, count === MANY, settled);
  }
  return result;
}

async function measure(plan: Plan): Promise<Result> {
  const mountsBefore = mounts();
  if (plan.phases) {
    const phases = measurePhases(plan);
    return { programs: [], phases, leftovers: await leftovers(plan, mountsBefore) };
  }
  const all: Measured[] = [];
  const rows = new Map<Program, Measured>();
  for (const program of programs(plan)) {
    const row = await probe(plan, program);
    all.push(row);
    if (row.skipped !== undefined) say(`${program.name}: skipped: ${row.said ?? row.skipped}`);
    else rows.set(program, row);
  }
  const turns = (part: "run" | "loaded", runs: number): Promise<void> => {
    const timings = new Map<Program, Timing>();
    for (const [program, row] of rows) {
      row[part] = noTiming();
      timings.set(program, row[part]);
    }
    return inTurns(plan, runs, timings, settled);
  };
  say(`one container: ${plan.runs} runs of each program`);
  await turns("run", plan.runs);
  if (plan.load) {
    say("the same while the machine is busy");
    await underLoad((pids) => {
      loops = pids;
      return turns("loaded", Math.ceil(plan.runs * LOADED));
    });
    loops = [];
  }
  for (let round = 0; round < plan.burstRounds; round++) {
    say(`${plan.containers} containers: round ${round + 1} of ${plan.burstRounds}`);
    for (const [program, row] of shuffled([...rows])) {
      if (!program.burst) continue;
      row.burst ??= noTiming();
      const failed = await burst(plan, program, round, row.burst);
      if (failed) say(`${program.name}: ${failed}`);
      await settled();
    }
  }
  for (const [program, row] of rows) {
    if (!program.memory) continue;
    row.waiting = await waitingOf(plan, program).catch((error: Error) => error.message);
  }
  return { programs: all, leftovers: await leftovers(plan, mountsBefore) };
}

if (import.meta.main) {
  if (process.ppid !== 1) throw new Error("this part is started by bench.ts, in namespaces of its own");
  const plan = JSON.parse(readFileSync(process.argv[2]!, "utf8")) as Plan;
  writeFileSync(`${plan.work}/result.json`, JSON.stringify(await measure(plan)));
}
