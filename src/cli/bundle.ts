// Owns the way from a bundle to a container's request (runtime specification, bundle.md).

import { begin, beginUserNamespace, type Starting } from "../container/begin.ts";
import type { Request } from "../container/create.ts";
import { checkSecurityModules } from "../container/security-modules.ts";
import { UserNamespaceNeeded } from "../container/spawn.ts";
import { RunError, SpecError } from "../errors.ts";
import { openRootfs } from "../rootfs/check.ts";
import { compileSeccomp } from "../seccomp/load-profile.ts";
import { specFromBundle } from "../spec/from-bundle.ts";
import type { Spec } from "../spec/types.ts";
import { userNamespaceWish } from "../spec/userns.ts";
import { decode } from "../sys/bytes.ts";
import { O } from "../sys/constants.ts";
import { open, openat, readAll, withFd } from "../sys/file.ts";
import { geteuid } from "../sys/process.ts";
import { userNamespaceWork } from "../userns/parent.ts";
import { planUserNamespace } from "../userns/plan.ts";
import { environmentVariable, workingDirectory } from "./caller.ts";
import { naming } from "./named-files.ts";
import { note } from "./report.ts";

/** Milliseconds between SIGTERM and SIGKILL, for who supervises it later. */
const STOP_TIMEOUT = 10_000;

/**
 * Reads a bundle and makes the request for it. The bundle's path is resolved once, so that config.json and the rootfs
 * are of the same bundle. @throws RunError, SpecError, SysError
 */
export function requestFromBundle(id: string, directory: string): Request {
  const bundle = directory.startsWith("/") ? directory : `${workingDirectory()}/${directory}`;
  const file = `${bundle}/config.json`;
  return withFd(
    naming(file, () => open(bundle, O.O_PATH | O.O_DIRECTORY)),
    (fd) => {
      const text = naming(file, () =>
        withFd(openat(fd, "config.json", 0), (config) => readAll(config, file)),
      );
      return requestFrom(id, bundle, fd, specFromBundle(decode(text), bundle));
    },
  );
}

/** The request for the spec of a bundle, whose directory is also open. @throws RunError, SpecError, SysError */
function requestFrom(id: string, bundle: string, directory: number, config: Spec): Request {
  const file = `${bundle}/config.json`;
  const { path } = config.root;
  const rootfs = openRootfs(path, directory, path.startsWith("/") ? path : `${bundle}/${path}`);
  const spec: Spec = { ...config, root: { ...config.root, path: rootfs.path } };
  if (spec.process.terminal)
    throw new SpecError(
      "process.terminal",
      "needs somebody who takes the terminal, and create has nobody",
      file,
    );
  checkSecurityModules(spec);
  const { seccomp } = spec.linux;
  return {
    id,
    bundle,
    rootfs: rootfs.fd,
    spec,
    options: {
      init: false,
      noPivot: false,
      overlay: false,
      requiredCapabilities: [],
      stopTimeout: STOP_TIMEOUT,
      trace: false,
    },
    host: { ownFiles: [], seccomp: seccomp && compileSeccomp(seccomp, `${file}: linux.seccomp`, note) },
  };
}

/** Spawns the first process that a spec asks for. @throws RunError, SysError */
export function beginFor(spec: Spec): { starting: Starting; userns: Request["userns"] } {
  const namespaces = spec.linux.namespaces ?? [];
  const wish = userNamespaceWish(spec);
  try {
    if (!wish && geteuid() === 0) return { starting: begin("caller", namespaces), userns: undefined };
  } catch (error) {
    if (!(error instanceof UserNamespaceNeeded)) throw error;
  }
  const plan = planUserNamespace(wish, environmentVariable("PATH"));
  if (!plan) throw new RunError("this user may make no container here without a user namespace");
  return { starting: beginUserNamespace(false, "caller", namespaces), userns: userNamespaceWork(plan) };
}
