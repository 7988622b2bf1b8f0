// Owns the `run` command: its words to a container that is run to its end, and the outcome to an exit code.

import { abandon, type Starting } from "../container/begin.ts";
import type { Request } from "../container/create.ts";
import type { Given } from "../spec/from-flags/given.ts";
import { type Caller, type RunOutcome, run } from "../supervise/run.ts";
import { SIGNALS } from "../sys/constants.ts";
import { EFBIG, type SysError } from "../sys/errno.ts";
import { parseFlags } from "./argv.ts";
import { begun, type Extras, explain, extrasFor, needsExtras } from "./making.ts";
import { note } from "./report.ts";
import { type Asked, requestFrom, wantedFrom, warnFor } from "./request.ts";
import { runFlags } from "./run-flags.ts";

/**
 * Runs `minibox run WORDS…` and returns its exit code; `early` is the container's first process where it was spawned
 * already. @throws UsageError, RunError, SysError
 */
export async function runCommand(words: readonly string[], early: Starting | undefined): Promise<number> {
  const parsed = words[0]?.startsWith("-")
    ? parseFlags(words, runFlags())
    : { given: new Map<string, string[]>(), rest: [...words] };
  if (parsed.given.get("help")?.[0] === "true") return (await import("./help.ts")).printHelp("run");
  const wanted = wantedFrom("run", parsed);
  const { given } = wanted;
  const extras: Extras = needsExtras(given) ? await extrasFor(given) : {};
  const { starting, userns } = early
    ? { starting: early, userns: extras.userns }
    : await begun(given, extras, "supervisor");
  const caller: Omit<Caller, "terminal"> = {
    warn: warnFor(given),
    trace: extras.trace ?? (() => {}),
    attest: extras.attest,
    explain,
  };
  let asked: Asked;
  try {
    asked = requestFrom(wanted, extras.compiler);
    asked.request.userns = userns;
  } catch (error) {
    abandon(starting);
    throw error;
  }
  const outcome = await run(starting, asked.request, { ...caller, terminal: asked.terminal });
  const { oomKills, timedOut, lost } = outcome;
  if (oomKills || timedOut || lost.length > 0) await tell(outcome, asked.request, given, caller.warn);
  return outcome.status || statusOfLoss(lost);
}

/**
 * The exit code of a command that has succeeded, although bytes did not pass: 125, or what the kernel would have ended
 * the command with where it wrote a file beyond its limit.
 */
const statusOfLoss = (lost: readonly SysError[]): number =>
  lost.length === 0 ? 0 : lost.some(({ errno }) => errno === EFBIG) ? 128 + SIGNALS.XFSZ : 125;

/** Says what the exit code alone does not. */
async function tell(
  { oomKills, status, timedOut, lost }: RunOutcome,
  { spec }: Request,
  given: Given,
  warn: (message: string) => void,
): Promise<void> {
  if (oomKills) {
    const { outOfMemoryNote } = await import("./out-of-memory.ts");
    const limit = spec.linux.resources?.memory?.limit;
    warn(outOfMemoryNote(oomKills, limit, status === 128 + SIGNALS.KILL));
  }
  for (const { message } of lost) note(message);
  if (timedOut) warn(`the time limit of ${given.one("timeout")} was reached`);
}
