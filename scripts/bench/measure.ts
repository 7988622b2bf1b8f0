// Owns the measuring. It runs beside a shell in a pid and a mount namespace that bench.ts made, so that every process
// that it can see, and every new mount, was made by the bench.

import { closeSync, existsSync, openSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createConsola } from "consola";
import { measurePhases, type Phases } from "./phases.ts";
import {
  cgroups,
  commandLine,
  family,
  type Memory,
  memoryOf,
  mounts,
  processes,
  removeCgroups,
} from "./procfs.ts";
import { type Plan, type Program, programs } from "./programs.ts";

/** Wall-clock seconds of every run, over all rounds. */
export interface Timing {
  times: number[];
  failures: number;
}

/** The processes that stay beside the containers' own while some containers run at once. */
export interface Waiting {
  /** the names of one container's: "bwrap" and "bwrap" */
  processes: string[];
  /** for each container, the sum over its processes */
  each: Memory[];
}

export interface Measured {
  name: string;
  filter: boolean;
  /** why the program was not measured, in one line */
  skipped?: string;
  /** all that the program printed when it failed */
  said?: string;
  version?: string;
  command?: string[];
  run?: Timing;
  burst?: Timing;
  /** number of containers → memory */
  memory?: Record<number, Waiting>;
}

export interface Result {
  programs: Measured[];
  phases?: Phases;
  leftovers: string[];
}

const PARALLEL = 8;
const WAITING = [1, 10];

const consola = createConsola({ stdout: process.stderr, stderr: process.stderr });

/** Reports progress, on a terminal only. */
const say = (text: string): void => {
  if (process.stderr.isTTY) consola.start(text);
};

/** Runs a program once. Where that fails, it is skipped, and the reason is what the program printed. */
async function probe(plan: Plan, program: Program): Promise<Measured> {
  const { name, filter, path } = program;
  const known = plan.skipped[name] ?? (path === undefined ? "not installed" : undefined);
  if (known !== undefined || path === undefined) return { name, filter, skipped: known ?? "not installed" };
  const command = program.command(`${plan.tag}-probe`, "true");
  const child = Bun.spawn(command, { stdin: "ignore", stdout: "ignore", stderr: "pipe" });
  const stderr = (await new Response(child.stderr).text()).trim();
  if ((await child.exited) === 0) return { name, filter, version: version(name, path), command };
  const reason = stderr.split("\n").at(-1) || `exit code ${child.exitCode}`;
  return { name, filter, skipped: `does not run here: ${reason}`, said: stderr };
}

function version(name: string, path: string): string {
  const first = (command: string[]): string =>
    /\d+\.\d+[\w.]*/.exec(Bun.spawnSync(command, { stderr: "ignore" }).stdout.toString())?.[0] ?? "";
  if (name === "no container") return "";
  if (name === "Bun twice") return Bun.version;
  if (name === "Go original") return `(go ${first(["go", "version"])})`;
  return first([path, "--version"]);
}

/** Quotes a word, so that hyperfine does not split it. */
const quote = (word: string): string => `'${word.replaceAll("'", `'\\''`)}'`;

/**
 * Runs hyperfine once for all programs. Each round starts with another program, so that no program always runs after
 * the slowest one.
 */
async function timeRound(plan: Plan, round: number, rows: Map<Program, Measured>): Promise<void> {
  const list = [...rows.keys()];
  const order = list.map((_, i) => list[(i + round) % list.length]!);
  const out = `${plan.work}/hyperfine.json`;
  const child = Bun.spawn(
    [
      ...["hyperfine", "-N", "--style", "none", "--ignore-failure"],
      ...["--warmup", String(plan.warmup), "--runs", String(plan.runs), "--export-json", out],
      ...order.map((program) => program.command(`${plan.tag}-run`, "true").map(quote).join(" ")),
    ],
    { stdin: "ignore", stdout: "ignore", stderr: "pipe" },
  );
  const stderr = await new Response(child.stderr).text();
  if ((await child.exited) !== 0) throw new Error(`hyperfine: ${stderr.trim()}`);
  const { results } = JSON.parse(readFileSync(out, "utf8")) as {
    results: { times: number[]; exit_codes: (number | null)[] }[];
  };
  for (const [i, program] of order.entries()) {
    const timing = rows.get(program)!.run!;
    timing.times.push(...results[i]!.times);
    timing.failures += results[i]!.exit_codes.filter((code) => code !== 0).length;
  }
}

/** Measures the time for many containers, eight at a time. */
async function burst(plan: Plan, program: Program, round: number, timing: Timing): Promise<void> {
  const log = `${plan.work}/burst.stderr`;
  const stderr = openSync(log, "w");
  const commands = Array.from({ length: plan.containers }, (_, i) =>
    program.command(`${plan.tag}-burst-${round}-${i}`, "true"),
  );
  let failures = 0;
  const worker = async (): Promise<void> => {
    for (let command = commands.pop(); command !== undefined; command = commands.pop()) {
      const child = Bun.spawn(command, { stdin: "ignore", stdout: "ignore", stderr });
      if ((await child.exited) !== 0) failures++;
    }
  };
  const start = Bun.nanoseconds();
  await Promise.all(Array.from({ length: PARALLEL }, worker));
  timing.times.push((Bun.nanoseconds() - start) / 1e9);
  timing.failures += failures;
  closeSync(stderr);
  if (failures > 0)
    say(`${program.name}: ${failures} failed: ${readFileSync(log, "utf8").trim().split("\n")[0]}`);
}

/** Waits until a condition holds; false where it does not within the time. */
async function until(condition: () => boolean, seconds = 20): Promise<boolean> {
  for (const end = Date.now() + seconds * 1000; Date.now() < end; await Bun.sleep(20))
    if (condition()) return true;
  return condition();
}

/** The pids of all processes except the namespace's first one and this one. */
const others = (): number[] =>
  processes()
    .map(({ pid }) => pid)
    .filter((pid) => pid !== 1 && pid !== process.pid);
/** Waits until all of them have ended: podman removes its containers in the background. */
const settled = (): Promise<boolean> => until(() => others().length === 0);

const isJob = ({ name }: { name: string }): boolean => name === "sleep";

/** Starts containers that sleep, and reads the memory of the processes that stay beside each of them. */
async function waiting(plan: Plan, program: Program, count: number): Promise<Waiting> {
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
  const started = await until(() => supervisors.every((pid) => family(pid).some(isJob)));
  // a supervisor may give memory back some time after its container has started
  await Bun.sleep(1000);
  const found = supervisors.map((pid) => family(pid));
  const staying = found.map((members) => members.filter((member) => !isJob(member)));
  // a keeper of minibox's lives in its parent's memory, which counts once
  const each = staying.map((members) =>
    sum(members.filter(({ name }) => name !== "minibox-keeper").map(({ pid }) => memoryOf(pid))),
  );
  // SIGKILL, because the kernel drops other signals that a PID 1 does not handle; to the job alone, so that the
  // supervisor cleans up
  for (const member of found.flat().filter(isJob)) process.kill(member.pid, "SIGKILL");
  await Promise.all(children.map((child) => child.exited));
  closeSync(stderr);
  const said = readFileSync(log, "utf8").trim().split("\n")[0];
  if (!started) throw new Error(`${program.name}: ${count} containers that sleep do not start: ${said}`);
  if (!(await settled())) throw new Error(`${program.name}: does not end with its container: ${said}`);
  return { processes: staying[0]!.map(({ name }) => name), each };
}

const sum = (parts: readonly Memory[]): Memory =>
  parts.reduce((total, { rss, pss }) => ({ rss: total.rss + rss, pss: total.pss + pss }), { rss: 0, pss: 0 });

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
      .flatMap((root) => readdirSync(root).map((entry) => `state ${root}/${entry}`)),
    ...cgroups(plan.tag).map((path) => `cgroup ${path}`),
  ];
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
    else rows.set(program, Object.assign(row, { run: { times: [], failures: 0 } }));
  }
  for (let round = 0; round < plan.rounds && rows.size > 0; round++) {
    say(`one container: round ${round + 1} of ${plan.rounds}, ${plan.runs} runs each`);
    await timeRound(plan, round, rows);
    await settled();
  }
  for (let round = 0; round < plan.burstRounds; round++) {
    say(`${plan.containers} containers: round ${round + 1} of ${plan.burstRounds}`);
    for (const [program, row] of rows) {
      if (!program.burst) continue;
      row.burst ??= { times: [], failures: 0 };
      await burst(plan, program, round, row.burst);
      await settled();
    }
  }
  for (const [program, row] of rows) {
    if (!program.memory) continue;
    say(`memory while waiting: ${program.name}`);
    row.memory = {};
    for (const count of WAITING) row.memory[count] = await waiting(plan, program, count);
  }
  return { programs: all, leftovers: await leftovers(plan, mountsBefore) };
}

if (import.meta.main) {
  if (process.ppid !== 1) throw new Error("this part is started by bench.ts, in namespaces of its own");
  const plan = JSON.parse(readFileSync(process.argv[2]!, "utf8")) as Plan;
  writeFileSync(`${plan.work}/result.json`, JSON.stringify(await measure(plan)));
}
