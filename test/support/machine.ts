// Owns the virtual machine for tests: whether it can run here, a command in it, and the facts that a script finds in it.

import { relative } from "node:path";
import { execute, MINIBOX, type Result, skipped, skipReason, TOP } from "./minibox.ts";

const RUN = `${TOP}/scripts/vm/run.sh`;

/** True inside the virtual machine, which starts no other one. */
const inside = process.env.MINIBOX_TEST_IN_VM !== undefined;

/** Why a test that needs the machine, and these programs on the host, is skipped, or "". */
export const reasonWithoutMachine = (...programs: string[]): string => whyNot([], programs);

/** Why a test that needs the machine with systemd is skipped, or "". */
export const reasonWithoutSystemd = (): string => whyNot(["--systemd"], []);

function whyNot(flags: readonly string[], programs: readonly string[]): string {
  if (inside) return skipped("this is the virtual machine");
  // the machine has this checkout's binary, and would test that instead of the one that was asked for
  if (relative(TOP, MINIBOX).startsWith("..")) return skipped("it tests the checkout's own binary");
  const check = Bun.spawnSync([RUN, ...flags, "--check"], { stderr: "ignore" });
  const reason = check.stdout.toString().trim();
  if (!check.success && process.env.CI === "true")
    throw new Error(`CI must have what the VM needs: ${reason}`);
  return reason ? skipped(reason) : skipReason(...programs);
}

/** Runs a command in a new machine; the flags are those of scripts/vm/run.sh. */
export const inMachine = (flags: readonly string[], words: readonly string[]): Promise<Result> =>
  execute([RUN, ...flags, "--", ...words]);

/** The start of a script of facts: `fact NAME COMMAND…` prints NAME=STATUS OUTPUT, the output's lines joined by |. */
export const PREAMBLE = `fact() {
  local name=$1 out status
  shift
  out=$("$@" 2>&1 </dev/null)
  status=$?
  echo "$name=$status \${out//$'\\n'/|}"
}
run() { /minibox/minibox run "$@"; }
`;

/** Runs a line in a machine with the directory at /mnt/facts; returns the facts. @throws Error where there are none */
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
