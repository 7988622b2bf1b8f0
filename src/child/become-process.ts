// Owns the second half of the way from the request to the program: the process gives up its rights and descriptors of
// the host, call by call, in order, and ends with execve(2). A process that joins a running container needs only this
// half.

import { feature } from "bun:bundle";
import { type ChildRequest, send } from "../sync.ts";
import { SIGNALS } from "../sys/constants.ts";
import { ownStamps, stamp } from "../sys/phases.ts";
import { setParentDeathSignal } from "../sys/process.ts";
import { limitBounding, limitCapabilities } from "./capabilities.ts";
import type { Entered } from "./enter-root.ts";
import { hold } from "./hold.ts";
import { prepareInit, runAsInit } from "./init.ts";
import { labelCommand } from "./isolation.ts";
import {
  becomeUser,
  changeDirectory,
  execute,
  resetDescriptorsAndSignals,
  setRlimits,
  tryChangeDirectory,
} from "./process.ts";
import { fail } from "./report.ts";
import { filterCallsEarly, forbidNewPrivileges } from "./seccomp.ts";

/**
 * Becomes the program of the spec; never returns. With a `listener`, the socket that a held process listens on, the
 * process waits before execve until it is started. @throws SysError, Refusal
 */
export function becomeProcess(
  socket: number,
  request: ChildRequest,
  { proc }: Entered,
  listener: number | undefined,
  warn: (message: string) => void,
): never {
  const { spec, options, host } = request;
  if (feature("PHASES")) stamp("identity");
  const { rlimits, apparmorProfile, selinuxLabel } = spec.process;
  if (rlimits) setRlimits(rlimits, options.init);
  filterCallsEarly(socket, request);
  const labels = apparmorProfile || selinuxLabel ? labelCommand(proc, request) : {};
  limitBounding(request, warn); // needs CAP_SETPCAP, which is given up below
  const entered = tryChangeDirectory(spec.process); // root can make the directory, and enter one that the user cannot
  becomeUser(spec.process, host.keepGroups);
  if (!entered) changeDirectory(spec.process); // the user can enter one that root cannot (NFS, FUSE)
  limitCapabilities(request.capabilities);
  resetDescriptorsAndSignals(request);
  setParentDeathSignal(host.endsWithMaker ? SIGNALS.KILL : 0); // the kernel clears it when the user changes (prctl(2))
  const init = options.init ? prepareInit() : undefined; // before "ready": after that the parent passes signals on
  if (feature("PHASES")) stamp("seccomp filter");
  if (listener === undefined) send(socket, { type: "ready" });
  forbidNewPrivileges(socket, request); // near the end, so that the filter need not allow the calls above
  const starter = listener === undefined ? socket : hold(socket, listener, labels, options.trace);
  if (feature("PHASES")) {
    stamp("execve");
    send(starter, { type: "phases", stamps: ownStamps() });
  }
  try {
    if (init) runAsInit(starter, init, spec.process);
    execute(spec.process);
  } catch (error) {
    fail(starter, error);
  }
}
