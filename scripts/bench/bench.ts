// Owns `bun run bench`: it prepares, starts measure.ts in namespaces of its own, prints the results, and removes
// everything that was made, however the measuring ended.

import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { cpus, release, tmpdir } from "node:os";
import { HELP, INSTALL, type Options, parseOptions, UsageError } from "./options.ts";
import { phaseTables } from "./phase-tables.ts";
import { containersConf, makeMinibox, prepare, type Step } from "./prepare.ts";
import {
  cgroups,
  cgroupVersion,
  commandLine,
  hybridMounts,
  mounts,
  processes,
  removeCgroups,
} from "./procfs.ts";
import { type Plan, programs } from "./programs.ts";
import type { Measured, Result } from "./result.ts";
import { burstTable, median, ratio, rowsOf, runTable, waitingTable } from "./tables.ts";

// Everything is measured in a pid and a mount namespace: all processes end with the namespace's first one, and no mount
// reaches the host. That first process is a shell, which reaps orphans. Programs with a state directory get an empty
// one in memory. A v2 mount beside v1 is replaced by an empty tmpfs: crun makes directories at that path without
// checking what is there, and below the unmounted v2 mount they would stay on the host.
const NAMESPACES = [
  "unshare",
  "--mount",
  "--pid",
  "--fork",
  "--mount-proc",
  "--kill-child",
  "--propagation",
  "private",
];
const ENTER = `set -e
for dir in minibox runc crun; do
  mkdir -p /run/$dir
  mount -t tmpfs -o mode=700 tmpfs /run/$dir
done
mount -t tmpfs -o mode=1777 tmpfs /dev/shm
for hybrid in $HYBRID; do
  umount "$hybrid"
  mount -t tmpfs tmpfs "$hybrid"
done
"$@"
exit $?`;

class Interrupted extends Error {}

/** The child process that runs right now, and the signal that ends it together with its own children. */
let running: { child: Bun.Subprocess; end: "SIGTERM" | "SIGKILL" } | undefined;
let interrupted = false;

for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const)
  process.on(signal, () => {
    interrupted = true;
    running?.child.kill(running.end);
  });

const step: Step = async (command, cwd) => {
  if (interrupted) throw new Interrupted();
  const child = Bun.spawn([...command], {
    ...(cwd === undefined ? {} : { cwd }),
    stdin: "ignore",
    stdout: "ignore",
    stderr: "pipe",
  });
  running = { child, end: "SIGTERM" };
  const stderr = await new Response(child.stderr).text();
  const status = await child.exited;
  running = undefined;
  if (interrupted) throw new Interrupted();
  if (status !== 0) throw new Error(`${command[0]} failed: ${stderr.trim()}`);
};

/** Runs measure.ts in the namespaces, and returns its result. @throws Interrupted */
async function measureInside(plan: Plan): Promise<Result> {
  const planFile = `${plan.work}/plan.json`;
  writeFileSync(planFile, JSON.stringify(plan));
  if (interrupted) throw new Interrupted();
  const child = Bun.spawn(
    [...NAMESPACES, "sh", "-c", ENTER, "sh", process.execPath, `${import.meta.dir}/measure.ts`, planFile],
    {
      env: { ...process.env, HYBRID: hybridMounts().join(" "), CONTAINERS_CONF: containersConf(plan) },
      stdin: "ignore",
      stdout: "inherit",
      stderr: "inherit",
    },
  );
  running = { child, end: "SIGKILL" };
  const status = await child.exited;
  running = undefined;
  if (interrupted) throw new Interrupted();
  if (status !== 0) throw new Error(`measuring ended with exit code ${status}`);
  return JSON.parse(readFileSync(`${plan.work}/result.json`, "utf8")) as Result;
}

/** Removes the bench's directory and cgroups. Returns what could not be removed. */
async function removeAll(plan: Pick<Plan, "tag" | "work">): Promise<string[]> {
  const alive = (): string[] =>
    processes()
      .filter(({ pid }) => pid !== process.pid)
      .map(({ pid }) => commandLine(pid))
      .filter((line) => line.includes(plan.work) || line.includes(plan.tag));
  // the kernel takes a moment to end all processes of a namespace, and a cgroup can only be removed after that
  for (let i = 0; i < 250; i++) {
    removeCgroups(cgroups(plan.tag));
    if (alive().length === 0 && cgroups(plan.tag).length === 0) break;
    await Bun.sleep(20);
  }
  rmSync(plan.work, { recursive: true, force: true });
  return [
    ...alive().map((line) => `process ${line}`),
    ...cgroups(plan.tag).map((path) => `cgroup ${path}`),
    ...mounts()
      .filter((mount) => mount.includes(plan.work))
      .map((mount) => `mount ${mount}`),
    ...(existsSync(plan.work) ? [`directory ${plan.work}`] : []),
  ];
}

function describeHost({ runs }: Plan): string {
  const processors = cpus();
  return (
    `${processors.length} × ${processors[0]?.model ?? "unknown CPU"}, Linux ${release()}, ` +
    `cgroup ${cgroupVersion()}; medians of ${runs} runs`
  );
}

function print(plan: Plan, rows: readonly Measured[]): void {
  const list = programs(plan);
  const taking =
    (part: "burst" | "memory") =>
    ({ name, filter }: Measured): boolean =>
      list.some((program) => program.name === name && program.filter === filter && program[part]);
  console.log(`${describeHost(plan)}\n`);
  for (const part of plan.load ? (["run", "loaded"] as const) : (["run"] as const)) {
    const busy = part === "loaded" ? ", on a busy machine" : "";
    console.log(`${runTable(`\`/bin/true\`, confined as docker does${busy}`, rows, true, part)}\n`);
    console.log(`${runTable(`the same without the seccomp filter${busy}`, rows, false, part)}\n`);
  }
  console.log(`${burstTable(rows, taking("burst"), plan.containers)}\n`);
  console.log(waitingTable(rows, taking("memory")));
}

function writeJson(file: string, plan: Plan, { programs: rows, ...rest }: Result): void {
  const summary = rows.map((row) => {
    const alike = rowsOf(rows, row.filter);
    const { run } = row;
    return {
      ...row,
      ...(run && {
        median: { time: median(run.times), cpu: median(run.cpu), faults: median(run.faults) },
        ratio: { runc: ratio(alike, row, "runc", "run"), crun: ratio(alike, row, "crun", "run") },
      }),
    };
  });
  const { runs, warmup, burstRounds, containers } = plan;
  const content = {
    date: new Date().toISOString(),
    host: describeHost(plan),
    options: { runs, warmup, burstRounds, containers },
    programs: summary,
    ...rest,
  };
  writeFileSync(file, `${JSON.stringify(content, null, 2)}\n`);
}

async function bench(options: Options): Promise<number> {
  if (process.geteuid?.() !== 0) throw new Error("needs root: the programs it measures do");
  for (const name of ["busybox", "unshare"])
    if (Bun.which(name) === null) throw new Error(`needs ${name}, which is not installed: ${INSTALL}`);
  for (const { name, path } of options.peers)
    if (!existsSync(path)) throw new Error(`--peer ${name}: ${path} does not exist`);
  const work = mkdtempSync(`${tmpdir()}/minibox-bench-`);
  const tag = `minibox-bench-${process.pid}`;
  const left: string[] = [];
  let status = 0;
  try {
    console.error("bench: preparing");
    const minibox = `${work}/minibox`;
    await makeMinibox(minibox, options.minibox, step);
    const plan: Plan = { ...options, minibox, tag, work, skipped: await prepare({ ...options, work }, step) };
    const result = await measureInside(plan);
    left.push(...result.leftovers);
    if (result.phases) console.log(`${describeHost(plan)}\n\n${phaseTables(result.phases)}`);
    else print(plan, result.programs);
    if (options.json !== undefined) writeJson(options.json, plan, result);
    if (result.programs.some(failed)) status = 1;
  } finally {
    left.push(...(await removeAll({ tag, work })));
    console.error(
      left.length === 0
        ? "bench: nothing left behind: no process, mount, cgroup, state or file"
        : `bench: left behind:\n  ${left.join("\n  ")}`,
    );
  }
  return left.length === 0 ? status : 1;
}

/** True where the bench has to fail: a run failed, or minibox was skipped. Another program may be skipped. */
const failed = ({ name, skipped, run, loaded, burst, waiting }: Measured): boolean =>
  (name === "minibox" && skipped !== undefined) ||
  typeof waiting === "string" ||
  [run, loaded, burst].some((timing) => timing && timing.failures > 0);

try {
  const options = parseOptions(process.argv.slice(2));
  if (options === undefined) process.stdout.write(HELP);
  else process.exitCode = await bench(options);
} catch (error) {
  const message = error instanceof Interrupted ? "interrupted" : (error as Error).message;
  console.error(`bench: ${message}`);
  process.exitCode = error instanceof Interrupted ? 130 : error instanceof UsageError ? 2 : 1;
}
