// Owns the run of the tests: each file in a `bun test` of its own, a line for each, then failures whole, skips, and times.
//   bun scripts/test.ts [--lanes=N] [PART-OF-A-PATH…] [flags of bun test, such as -t PATTERN]
// As many files run at once as there are CPUs, at most four, unless --lanes=N or MINIBOX_TEST_LANES=N says otherwise.
// So a file may look only at what is its own on the host, as leavesNothing does, and at nothing that others change.

import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join, resolve } from "node:path";

const TOP = resolve(import.meta.dir, "..");
const SLOWEST = 15;

/** A file that takes longer is stuck: the slowest ones, with a virtual machine, take some minutes. */
const LONGEST = 25 * 60_000;

/** These measure times or load both CPUs: with several lanes they run afterwards, one at a time. */
const ALONE = ["integration/stress", "integration/timeout", "security/mount-race"];

/** Flags of bun test whose value is the next word. */
const WITH_VALUE = ["-t", "--test-name-pattern", "--timeout"];

interface Outcome {
  file: string;
  passed: boolean;
  seconds: number;
  /** CPU time of the file's process and of all that it waited for: unlike `seconds`, the same on a busy machine */
  cpuSeconds: number;
  counts: { pass: number; fail: number; skip: number };
  output: string;
}

interface Arguments {
  lanes: number;
  parts: string[];
  flags: string[];
}

function parseArguments(words: string[]): Arguments {
  const lanes = Number(process.env.MINIBOX_TEST_LANES ?? Math.min(availableParallelism(), 4));
  const result: Arguments = { lanes, parts: [], flags: [] };
  for (let i = 0; i < words.length; i++) {
    const word = words[i]!;
    if (word.startsWith("--lanes=")) result.lanes = Number(word.slice("--lanes=".length));
    else if (WITH_VALUE.includes(word)) result.flags.push(word, words[++i] ?? "");
    else if (word.startsWith("-")) result.flags.push(word);
    else result.parts.push(word.replace(/^\.\//, ""));
  }
  if (!Number.isInteger(result.lanes) || result.lanes < 1) throw new Error("--lanes takes a whole number");
  return result;
}

/** The test files whose path contains one of the parts; those with a virtual machine, the slowest, come first. */
function filesOf(parts: string[]): string[] {
  const all = [...new Bun.Glob("test/**/*.test.ts").scanSync({ cwd: TOP })].sort();
  const chosen = all.filter(
    (file) => parts.length === 0 || parts.some((part) => join(TOP, file).includes(part)),
  );
  const hasMachine = (file: string): boolean =>
    readFileSync(join(TOP, file), "utf8").includes("support/machine.ts");
  return [...chosen.filter(hasMachine), ...chosen.filter((file) => !hasMachine(file))];
}

const scratch = mkdtempSync(join(tmpdir(), "minibox-tests-"));
process.on("exit", () => rmSync(scratch, { recursive: true, force: true }));

/**
 * One file's tests, which end with this process (--no-orphans). Their output goes to a file: what a test leaves running
 * would hold a pipe open.
 */
async function runFile(file: string, flags: string[]): Promise<Outcome> {
  const log = join(scratch, file.replaceAll("/", "-"));
  const output = openSync(log, "a");
  const started = performance.now();
  const mode = ["--only-failures", "--pass-with-no-tests", "--no-orphans"];
  const words = ["--timeout", "60000", ...mode, ...flags, `./${file}`];
  const child = Bun.spawn([process.execPath, "test", ...words], {
    cwd: TOP,
    stdio: ["ignore", output, output],
    timeout: LONGEST,
    killSignal: "SIGKILL",
  });
  closeSync(output);
  const status = await child.exited;
  const seconds = (performance.now() - started) / 1000;
  const cpuSeconds = Number(child.resourceUsage()?.cpuTime.total ?? 0) / 1e6;
  const text = readFileSync(log, "utf8");
  rmSync(log);
  // bun test ends with lines such as " 12 pass"
  const count = (what: string): number =>
    Number([...text.matchAll(new RegExp(`^ (\\d+) ${what}$`, "gm"))].at(-1)?.[1] ?? 0);
  const counts = { pass: count("pass"), fail: count("fail"), skip: count("skip") + count("todo") };
  const stuck = child.signalCode ? `\n${file} was ended after ${Math.round(seconds)} s\n` : "";
  return { file, passed: status === 0, seconds, cpuSeconds, counts, output: text.trim() + stuck };
}

const testsOf = ({ counts }: Outcome): number => counts.pass + counts.fail + counts.skip;

function line(outcome: Outcome): string {
  const { file, passed, seconds, cpuSeconds, counts } = outcome;
  const times = `${seconds.toFixed(1).padStart(6)} s ${cpuSeconds.toFixed(1).padStart(6)} s of CPU`;
  const skips = counts.skip > 0 ? `, ${counts.skip} skipped` : "";
  return `${passed ? "ok  " : "FAIL"} ${times} ${String(testsOf(outcome)).padStart(4)} tests  ${file}${skips}`;
}

/** The names of the tests that failed; all of the output where it failed otherwise. */
const failedTests = ({ output }: Outcome): string => {
  const names = output.split("\n").filter((text) => text.startsWith("(fail)"));
  return [...new Set(names)].join("\n") || output;
};

/** Runs the files in so many lanes: each takes the next file when it has finished one. */
async function runAll(files: string[], lanes: number, flags: string[]): Promise<Outcome[]> {
  const queue = [...files];
  const outcomes: Outcome[] = [];
  const lane = async (): Promise<void> => {
    for (let file = queue.shift(); file !== undefined; file = queue.shift()) {
      const outcome = await runFile(file, flags);
      outcomes.push(outcome);
      if (testsOf(outcome) > 0 || !outcome.passed) console.log(line(outcome));
      if (!outcome.passed) console.log(failedTests(outcome));
    }
  };
  await Promise.all(Array.from({ length: lanes }, lane));
  return outcomes;
}

const heading = (text: string): void => console.log(`\n── ${text} ──`);

/** Each reason with the files that gave it. */
function printSkips(outcomes: Outcome[]): void {
  const files = new Map<string, string[]>();
  for (const { file, output } of outcomes)
    for (const [, reason] of output.matchAll(/^skipped here: (.*)$/gm))
      files.set(reason!, [...new Set([...(files.get(reason!) ?? []), file])]);
  if (files.size > 0) heading("skipped here");
  for (const [reason, where] of files) console.log(`${reason}: ${where.join(" ")}`);
}

function printSlowest(outcomes: Outcome[]): void {
  heading("the slowest files");
  const ran = outcomes.filter((outcome) => testsOf(outcome) > 0);
  const slowest = ran.toSorted((a, b) => b.seconds - a.seconds).slice(0, SLOWEST);
  for (const outcome of slowest) console.log(line(outcome));
}

/** Runs each failed file once more, alone, and prints a failure whole; returns what passed only now, and what did not. */
async function again(failed: Outcome[], flags: string[]): Promise<{ flaky: Outcome[]; broken: Outcome[] }> {
  const flaky: Outcome[] = [];
  const broken: Outcome[] = [];
  for (const first of failed) {
    const [second] = await runAll([first.file], 1, flags);
    (second!.passed ? flaky : broken).push(second!);
    heading(second!.passed ? `flaky: ${first.file}, its first run` : `failed twice: ${first.file}`);
    console.log(second!.passed ? first.output : second!.output);
  }
  return { flaky, broken };
}

const started = performance.now();
const { lanes, parts, flags } = parseArguments(process.argv.slice(2));
const files = filesOf(parts);
const isAlone = (file: string): boolean => ALONE.some((name) => file.includes(name));
const together = lanes === 1 ? files : files.filter((file) => !isAlone(file));
const outcomes = [
  ...(await runAll(together, lanes, flags)),
  ...(lanes === 1 ? [] : await runAll(files.filter(isAlone), 1, flags)),
];
const { flaky, broken } = await again(
  outcomes.filter(({ passed }) => !passed),
  flags,
);
printSkips(outcomes);
printSlowest(outcomes);

const final = outcomes.map((outcome) => flaky.find(({ file }) => file === outcome.file) ?? outcome);
const sum = (what: keyof Outcome["counts"]): number =>
  final.reduce((total, { counts }) => total + counts[what], 0);
heading("in all");
for (const { file } of flaky)
  console.log(`flaky: ${file}: it failed, and passed when it was run once more, alone`);
for (const { file } of broken) console.log(`failed: ${file}`);
const seconds = Math.round((performance.now() - started) / 1000);
console.log(
  `${sum("pass")} passed, ${sum("fail")} failed, ${sum("skip")} skipped; ${final.length} files, ${lanes} at a time, in ${seconds} s`,
);
const none = final.every((outcome) => testsOf(outcome) === 0);
if (none) console.error("no test matches");
process.exit(broken.length > 0 || none ? 1 : 0);
