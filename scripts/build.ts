// Owns the build: src/main.ts becomes the one executable ./minibox.
//
//   bun scripts/build.ts [OUTFILE [TARGET [SOURCE]]]   TARGET is one of bun's (bun-linux-arm64); the benchmark has a
//                                                      SOURCE of its own
//   … --feature=PHASES                                 with the benchmark's stamps (src/sys/phases.ts)

import { spawnSync } from "node:child_process";
import { closeSync, existsSync, openSync, readFileSync, renameSync, rmSync, writeSync } from "node:fs";
import { basename, resolve } from "node:path";
import { EM_AARCH64, EM_X86_64, PT_INTERP } from "../src/sys/elf.ts";
import type { Executable } from "./elf/executable.ts";
import { patch } from "./elf/patch.ts";
import { prove } from "./elf/prove.ts";
import { inlineNumbers } from "./inline.ts";

const MAIN = "src/main.ts";
const given = process.argv.slice(2);
const features = given.filter((word) => word.startsWith("--feature="));
const [outfile = "minibox", target = "", source = MAIN] = given.filter((word) => !features.includes(word));

// --splitting with ESM: what a run does not need is not loaded. No JIT: a container's start is over before compiled code
// would pay, and without the compiler's thread the process has a single one. No autoload: a bunfig.toml or .env in the
// caller's directory would otherwise run code as root.
const CHUNKS = ["--format=esm", "--splitting"];
const FLAGS = [
  ...CHUNKS,
  "--compile",
  "--bytecode",
  "--minify",
  "--compile-jit-policy=1000000",
  "--no-compile-autoload-bunfig",
  "--no-compile-autoload-dotenv",
];

const MACHINES: Record<string, number> = { x64: EM_X86_64, arm64: EM_AARCH64 };

/** Whether this machine can run the executable: one of its architecture, whose loader is here. */
function runsHere(executable: Executable): boolean {
  const interp = executable.programHeaders(64).find(({ type }) => type === PT_INTERP)!;
  const loader = executable.text(interp.offset, interp.size);
  return executable.machine === MACHINES[process.arch] && loader !== undefined && existsSync(loader);
}

/** Where the chunks are between the bundler's two passes: in the first it links the modules, and in the second it compiles. */
const chunksOf = (made: string): string => `${made}.chunks`;

/** @throws Error */
function bundle(...words: string[]): void {
  const { status, stderr, error } = spawnSync(process.execPath, ["build", ...words], { encoding: "utf8" });
  if (status !== 0) throw new Error(`bun build: ${stderr || error}`);
}

/** @throws Error where the executable cannot be built, patched, or proved */
function build(made: string): void {
  // numbers and machine code of another architecture are left out
  const arch = target.includes("arm64") ? "arm64" : target.includes("x64") ? "x64" : process.arch;
  const machine = [`--define=process.arch="${arch}"`, ...(target ? [`--target=${target}`] : [])];
  const chunks = chunksOf(made);
  bundle(source, ...CHUNKS, "--target=bun", ...features, machine[0]!, "--outdir", chunks);
  inlineNumbers(chunks);
  bundle(`${chunks}/${basename(source, ".ts")}.js`, ...FLAGS, ...machine, "--outfile", made);
  const executable = patch(readFileSync(made));
  // a new file, in one write: that makes the page cache hold it in large pieces
  rmSync(made);
  const fd = openSync(made, "w", 0o755);
  writeSync(fd, executable.bytes);
  closeSync(fd);
  if (source !== MAIN) return;
  if (runsHere(executable)) prove(made);
  else
    console.error(
      `build: ${outfile} is for another kind of machine: whether its patches hold is not proved here`,
    );
}

const made = resolve(`${outfile}.${process.pid}`);
try {
  build(made);
  // A rename leaves a container that runs the old executable alone; a failed build leaves the old one in its place.
  renameSync(made, outfile);
} catch (error) {
  console.error(`build: ${(error as Error).message}`);
  process.exitCode = 1;
} finally {
  rmSync(made, { force: true });
  rmSync(chunksOf(made), { force: true, recursive: true });
}
