// Owns the `run` command: its words to a container that is run to its end, and the outcome to an exit code.

import { abandon, begin, beginUserNamespace, type Starting } from "../container/begin.ts";
import type { Request } from "../container/create.ts";
import { UserNamespaceNeeded } from "../container/spawn.ts";
import type { Compiler } from "../seccomp/default-filter.ts";
import type { Given } from "../spec/from-flags/given.ts";
import { type Caller, type RunOutcome, run } from "../supervise/run.ts";
import { SIGNALS } from "../sys/constants.ts";
import { geteuid } from "../sys/process.ts";
import { loadCompiler } from "./confinement.ts";
import { type Asked, requestFrom, wantedFrom, warnFor } from "./request.ts";
import { RUN_FLAGS } from "./run-flags.ts";

/**
 * Runs `minibox run WORDS…` and returns its exit code; `early` is the container's first process where it was spawned
 * already. @throws UsageError, RunError, SysError
 */
export async function runCommand(words: readonly string[], early: Starting | undefined): Promise<number> {
  const wanted = wantedFrom("run", words, RUN_FLAGS);
  if (!wanted) return (await import("./help.ts")).runHelp();
  const { given } = wanted;
  const extras = await extrasFor(given);
  const { starting, userns } = early
    ? { starting: early, userns: extras.userns }
    : await begun(given, extras);
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
  await tell(outcome, asked.request, given, caller.warn);
  return outcome.status;
}

/** What only some runs need. */
interface Extras {
  compiler?: Compiler | undefined;
  attest?: Caller["attest"];
  userns?: Request["userns"];
  trace?: Caller["trace"];
}

/** Whether src/userns is loaded, which says if there is to be a user namespace. */
const mayHaveUserNamespace = (given: Given): boolean =>
  given.one("userns") !== undefined ||
  given.many("uidmap").length + given.many("gidmap").length > 0 ||
  geteuid() !== 0;

async function extrasFor(given: Given): Promise<Extras> {
  const extras: Extras = {};
  const loading = loadCompiler(given);
  if (loading) extras.compiler = await loading;
  const attestTo = given.one("attest");
  if (attestTo !== undefined) extras.attest = (await import("./attest.ts")).attestTo(attestTo);
  if (mayHaveUserNamespace(given)) extras.userns = (await import("./userns.ts")).userNamespaceFor(given);
  if (given.is("trace")) {
    const { traceChild, traceParent } = await import("./trace.ts");
    traceParent();
    extras.trace = traceChild;
  }
  return extras;
}

/** Spawns the first process. @throws SysError */
async function begun(
  given: Given,
  { userns }: Extras,
): Promise<{ starting: Starting; userns: Request["userns"] }> {
  try {
    return { starting: userns ? beginUserNamespace(given.is("trace")) : begin(), userns };
  } catch (error) {
    if (!(error instanceof UserNamespaceNeeded)) throw error;
    const { userNamespaceFor } = await import("./userns.ts");
    return { starting: beginUserNamespace(given.is("trace")), userns: userNamespaceFor(given) };
  }
}

const explain: Caller["explain"] = async (error, pid, spec) =>
  (await import("../explain/index.ts")).explainExec(error, pid, spec);

/** Says what the exit code alone does not. */
async function tell(
  { oomKills, status, timedOut }: RunOutcome,
  { spec }: Request,
  given: Given,
  warn: (message: string) => void,
): Promise<void> {
  if (oomKills) {
    const { outOfMemoryNote } = await import("./out-of-memory.ts");
    const limit = spec.linux.resources?.memory?.limit;
    warn(outOfMemoryNote(oomKills, limit, status === 128 + SIGNALS.KILL));
  }
  if (timedOut) warn(`the time limit of ${given.one("timeout")} was reached`);
}
