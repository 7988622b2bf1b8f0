// Owns the proof that each patch of the executable holds: it is run, as a caller would run it, in the situations that the
// patches are for. It needs no rights and no root file system.

import { spawnSync } from "node:child_process";
import {
  closeSync,
  constants,
  existsSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeSync,
} from "node:fs";
import packageJson from "../../package.json" with { type: "json" };

/** After this many ms a program that waits, for a debugger say, has failed. */
const TOO_LONG = 10_000;
const LARGE_PAGE = 0x200000;

/** What `minibox --version` does wherever it can run. */
const RUNS = { status: 0, stdout: `minibox ${packageJson.version}\n`, stderr: "" };

/** Variables of a caller's environment that turn Bun into something else (ignore-environment.ts, guard.ts). */
const VARIABLES = [
  "BUN_BE_BUN=1",
  "BUN_OPTIONS=--help",
  "BUN_INSPECT=ws://127.0.0.1:1/x?wait=1",
  "BUN_FEATURE_FLAG_NO_ORPHANS=1",
  "JSC_SIGNAL_FOR_GC=70",
  "MIMALLOC_VERBOSE=1",
  "mimalloc_verbose=1",
  "BUN_JSC_dumpOptions=2",
  "BUN_JSC_useJIT=0",
  "BUN_JSC_noSuchOption=1",
];

/** What a shell does before it executes minibox, which runs all the same. */
const RUNS_AFTER = [
  ["the allocator reserves too much (reserve-less.ts)", "ulimit -v 1250000"],
  ["the allocator reserves too much (reserve-less.ts)", "ulimit -d 1150000"],
  ["the engine reserves too much (guard.ts)", "ulimit -v 500000"],
  ["Bun ends in a deleted directory (guard.ts)", 'cd "$(mktemp -d)" && rmdir "$PWD"'],
  ["the engine warns of an ignored SIGPWR (guard.ts)", "trap '' PWR"],
] as const;

/** A limit that is too low for minibox, which names it with its value (guard.ts). */
const NAMED = ["-s 48", "-s 128", "-n 4", "-v 250000", "-d 60000"];

/** Runs the executable. @throws Error with a line that names the first patch that does not hold, and what was seen instead */
export function prove(executable: string): void {
  proveEqual("the executable does not run", RUNS, versionAfter(executable, ":"));
  proveHeld(executable);
  for (const variable of VARIABLES)
    proveEqual(
      `${variable} in the environment changes what the executable does`,
      RUNS,
      versionAfter(executable, `export '${variable}'`),
    );
  for (const [what, before] of RUNS_AFTER) proveEqual(what, RUNS, versionAfter(executable, before));
  for (const limit of NAMED) {
    const [flag, value] = limit.split(" ");
    const seen = versionAfter(executable, `ulimit ${limit}`);
    const line = new RegExp(`^minibox: [^\\n]*: ulimit ${flag} says ${value}, [^\\n]*\\n$`).exec(seen.stderr);
    proveEqual(
      `the guard does not name ulimit ${limit} (guard.ts)`,
      { status: 125, stdout: "", stderr: line?.[0] ?? "one line that names the limit" },
      seen,
    );
  }
}

interface Seen {
  status: number | null;
  stdout: string;
  stderr: string;
}

/** What `minibox --version` does after a shell has done something before it. */
function versionAfter(executable: string, before: string): Seen {
  const words = ["-c", `${before}; exec "$0" --version`, executable];
  const env = { PATH: process.env.PATH ?? "" };
  const options = { env, encoding: "utf8", timeout: TOO_LONG, killSignal: "SIGKILL" } as const;
  const { status, stdout, stderr } = spawnSync("/bin/sh", words, {
    ...options,
    stdio: ["ignore", "pipe", "pipe"],
  });
  return { status, stdout, stderr };
}

function proveEqual(claim: string, wanted: Seen, seen: Seen): void {
  if (!Bun.deepEquals(wanted, seen))
    throw new Error(`${claim}: wanted ${JSON.stringify(wanted)}, saw ${JSON.stringify(seen).slice(0, 400)}`);
}

/**
 * Looks at a process of the executable that waits: it reads a file of variables, which is a fifo here, and goes on when
 * that has a writer. A line that is wrong then ends it before it makes anything.
 */
function proveHeld(executable: string): void {
  const directory = mkdtempSync("/tmp/minibox-build-");
  const fifo = `${directory}/env`;
  spawnSync("mkfifo", [fifo]);
  const script = 'ulimit -S -n 64; exec "$0" run --env-file "$1" "$2" true';
  const child = Bun.spawn(["/bin/sh", "-c", script, executable, fifo, directory], {
    stdio: ["ignore", "ignore", "ignore"],
  });
  try {
    const writer = openWriter(fifo, child);
    const limits = readFileSync(`/proc/${child.pid}/limits`, "utf8");
    const maps = readFileSync(`/proc/${child.pid}/smaps`, "utf8");
    const threads = readdirSync(`/proc/${child.pid}/task`).length;
    writeSync(writer, "not a variable\n");
    closeSync(writer);
    const soft = /^Max open files +(\d+)/m.exec(limits)?.[1];
    if (soft !== "64") throw new Error(`the caller's limit of 64 open files is ${soft} (keep-nofile.ts)`);
    if (threads !== 1) throw new Error(`the process has ${threads} threads (no-warm-up.ts)`);
    const mapped = maps.split("\n").filter((line) => line.endsWith(` ${executable}`));
    proveAligned(mapped.slice(0, -1));
    proveReadOnly(mapped.at(-1)!);
    proveLarge(maps, executable);
  } finally {
    child.kill("SIGKILL");
    rmSync(directory, { recursive: true });
  }
}

/** Opens a fifo for writing once the child has it open for reading: before that, the kernel refuses (ENXIO, fifo(7)). */
function openWriter(fifo: string, child: Bun.Subprocess): number {
  for (const end = Date.now() + TOO_LONG; Date.now() < end && child.exitCode === null; Bun.sleepSync(1)) {
    try {
      return openSync(fifo, constants.O_WRONLY | constants.O_NONBLOCK);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENXIO") throw error;
    }
  }
  throw new Error("the executable does not come to read the file of --env-file");
}

/** Each mapping of the executable's file but the bundle begins, modulo 2 MiB, where it begins in the file (proc_pid_maps(5)). */
function proveAligned(lines: readonly string[]): void {
  if (lines.length === 0) throw new Error("the executable is not mapped from its file");
  for (const line of lines) {
    const [range = "", , offset = ""] = line.split(/ +/);
    const distance = Number.parseInt(range, 16) - Number.parseInt(offset, 16);
    if (distance % LARGE_PAGE !== 0)
      throw new Error(`the segments do not lie as they are mapped, modulo 2 MiB (align.ts): ${line}`);
  }
}

/** The executable's constants, at its beginning, and its code have the flag "hg" (proc_pid_smaps(5)), where the kernel has it. */
function proveLarge(smaps: string, executable: string): void {
  if (!existsSync("/sys/kernel/mm/transparent_hugepage")) return;
  for (const mapping of smaps.split(/^(?=[0-9a-f]+-[0-9a-f]+ )/m)) {
    const [head = ""] = mapping.split("\n");
    const [, permissions, offset] = head.split(/ +/);
    const isOurs = permissions === "r-xp" || (permissions === "r--p" && Number.parseInt(offset!, 16) === 0);
    if (head.endsWith(` ${executable}`) && isOurs && !/^VmFlags:.* hg\b/m.test(mapping))
      throw new Error(`the executable is not asked for in large pieces (large-pages.ts): ${head}`);
  }
}

/** The last mapping is the bundle's. */
function proveReadOnly(line: string): void {
  const [, permissions, offset = ""] = line.split(/ +/);
  if (permissions !== "r--p" || Number.parseInt(offset, 16) % LARGE_PAGE !== 0)
    throw new Error(`the bundle is not read-only, or not in its place (read-only-bundle.ts): ${line}`);
}
