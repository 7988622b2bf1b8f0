// Owns the virtual machine as tests use it: whether it can be had, a command in it, and facts that a script finds there.

import { relative } from "node:path";
import { execute, MINIBOX, type Result, skipped, skipReason, TOP } from "./minibox.ts";

const RUN = `${TOP}/scripts/vm/run.sh`;

/** True within the virtual machine: it does not start another one. */
const inside = process.env.MINIBOX_TEST_IN_VM !== undefined;

/** Why no machine can be had here, or these programs on the host, or "". */
export const reasonWithoutMachine = (...programs: string[]): string => whyNot([], programs);

/** The same of one with systemd. */
export const reasonWithoutSystemd = (): string => whyNot(["--systemd"], []);

function whyNot(flags: readonly string[], programs: readonly string[]): string {
  if (inside) return skipped("this is the virtual machine");
  // a test of the binary of another place would be one of this checkout's in there
  if (relative(TOP, MINIBOX).startsWith("..")) return skipped("it tests the checkout's own binary");
  const check = Bun.spawnSync([RUN, ...flags, "--check"], { stderr: "ignore" });
  const reason = check.stdout.toString().trim();
  if (!check.success && process.env.CI === "true")
    throw new Error(`CI must have what the VM needs: ${reason}`);
  return reason ? skipped(reason) : skipReason(...programs);
}

/** Runs a command in a new machine; for the flags see scripts/vm/run.sh. */
export const inMachine = (flags: readonly string[], words: readonly string[]): Promise<Result> =>
  execute([RUN, ...flags, "--", ...words]);

/** For a script of facts: `fact NAME COMMAND…` prints NAME=STATUS OUTPUT, the output's lines joined by |. */
export const PREAMBLE = `fact() {
  local name=$1 out status
  shift
  out=$("$@" 2>&1 </dev/null)
  status=$?
  echo "$name=$status \${out//$'\\n'/|}"
}
run() { /minibox/minibox run "$@"; }
`;

/** What such scripts in the directory have found, which is at /mnt/facts in the machine. @throws where it is nothing */
export async function factsOf(
  directory: string,
  flags: readonly string[],
  line: string,
): Promise<Map<string, string>> {
  const disk = ["--disk-dir", `${directory}:/mnt/facts`];
  const { stdout, stderr } = await inMachine([...disk, ...flags], ["bash", "-c", line]);
  const facts = new Map<string, string>();
  for (const fact of stdout.split("\n")) {
    const equals = fact.indexOf("=");
    if (equals > 0) facts.set(fact.slice(0, equals), fact.slice(equals + 1));
  }
  if (facts.size === 0) throw new Error(stderr);
  return facts;
}
