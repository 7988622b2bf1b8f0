// Owns a run with a user namespace as the command line wants it. Loaded for those runs only.

import { isInitialUserNamespace, type RunRequest, type UserNamespaceWork } from "../container/run.ts";
import type { Given } from "../spec/from-flags.ts";
import { parseUserNamespace, rootWarning } from "../spec/userns.ts";
import { geteuid } from "../sys/process.ts";
import { planUserNamespace } from "../userns/id-maps.ts";
import { userNamespaceWork } from "../userns/parent.ts";
import { environmentVariable } from "./caller.ts";

/**
 * What the parent will do for it, given the request; undefined where none is wanted. `required` is for those who can
 * make no other container. @throws UsageError, RunError
 */
export function userNamespaceFor(
  given: Given,
  required: boolean,
): ((request: RunRequest) => UserNamespaceWork) | undefined {
  const wish = parseUserNamespace(given, geteuid() !== 0, required);
  if (wish.kind === "host") return undefined;
  const namespace = planUserNamespace(wish, environmentVariable("PATH"));
  // where all that there is are the ids of our own user namespace, no others can be chosen
  const chosen = (wish.kind === "mapped" || !namespace.rootless) && isInitialUserNamespace();
  const root = chosen ? rootWarning(namespace.uid, namespace.gid) : undefined;
  return (request) => {
    if (root !== undefined) request.warn(root);
    if (namespace.alone !== undefined)
      request.warn(`the container has one user id and one group id, the caller's: ${namespace.alone}`);
    return userNamespaceWork(namespace, request);
  };
}
