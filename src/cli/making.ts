// Owns what `run` and `create` do alike before there is a request: loading what only some containers need, and spawning
// the first process.

import { begin, beginUserNamespace, type Starting } from "../container/begin.ts";
import type { Request } from "../container/create.ts";
import { type Owner, UserNamespaceNeeded } from "../container/spawn.ts";
import type { Compiler } from "../seccomp/default-filter.ts";
import type { Given } from "../spec/from-flags/given.ts";
import type { Caller } from "../supervise/run.ts";
import { geteuid } from "../sys/process.ts";
import { loadCompiler } from "./confinement.ts";

/** What only some containers need. */
export interface Extras {
  compiler?: Compiler | undefined;
  attest?: Caller["attest"];
  userns?: Request["userns"];
  trace?: Caller["trace"];
}

/** False where there is nothing to load: a run of root's without flags. */
export function needsExtras(given: Given): boolean {
  return !given.none || geteuid() !== 0;
}

/** Whether src/userns is loaded, which says if there is to be a user namespace. */
const mayHaveUserNamespace = (given: Given): boolean =>
  given.one("userns") !== undefined ||
  given.many("uidmap").length + given.many("gidmap").length > 0 ||
  geteuid() !== 0;

/** Loads what these flags need. @throws UsageError, RunError, SysError */
export async function extrasFor(given: Given): Promise<Extras> {
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
export async function begun(
  given: Given,
  { userns }: Extras,
  owner: Owner,
): Promise<{ starting: Starting; userns: Request["userns"] }> {
  try {
    return { starting: userns ? beginUserNamespace(given.is("trace"), owner) : begin(owner), userns };
  } catch (error) {
    if (!(error instanceof UserNamespaceNeeded)) throw error;
    const { userNamespaceFor } = await import("./userns.ts");
    return { starting: beginUserNamespace(given.is("trace"), owner), userns: userNamespaceFor(given) };
  }
}

/** Words for a failed execve(2), found by looking into the container's root. */
export const explain: Caller["explain"] = async (error, pid, spec, isWanted) =>
  (await import("../explain/index.ts")).explainExec(error, pid, spec, isWanted);
