// Owns a run with a user namespace as the command line wants it. Loaded for those runs only.

import type { Given } from "../spec/from-flags/given.ts";
import { parseUserNamespace } from "../spec/from-flags/userns.ts";
import { userNamespaceWork } from "../userns/parent.ts";
import { planUserNamespace } from "../userns/plan.ts";
import type { UserNamespaceWork } from "../userns/types.ts";
import { environmentVariable } from "./caller.ts";

/** What the parent will do for the namespace; undefined where there is to be none. @throws UsageError, RunError, SysError */
export function userNamespaceFor(given: Given): UserNamespaceWork | undefined {
  const plan = planUserNamespace(parseUserNamespace(given), environmentVariable("PATH"));
  return plan && userNamespaceWork(plan);
}
