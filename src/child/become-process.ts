// Owns the second half of the way from the request to the program: what is left of the host's rights and belongings is
// given up, call by call, in order, and execve(2) ends the list. A process that joins a running container needs this
// half alone.

import { type ChildRequest, send } from "../sync.ts";
import { SIGNALS } from "../sys/constants.ts";
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
  leaveNothingOpen,
  setRlimits,
  tryChangeDirectory,
} from "./process.ts";
import { fail } from "./report.ts";
import { filterCallsEarly, forbidNewPrivileges } from "./seccomp.ts";

/** Becomes the program of the spec. `listener` is where a held process hears the word to go on. @throws SysError, Refusal */
export function becomeProcess(
  socket: number,
  request: ChildRequest,
  { proc, terminal }: Entered,
  listener: number | undefined,
  warn: (message: string) => void,
): never {
  const { spec, options, host } = request;
  setRlimits(spec.process, options.init);
  filterCallsEarly(socket, request);
  const labels = labelCommand(proc, request);
  limitBounding(spec.process, options.requiredCapabilities, warn); // before CAP_SETPCAP, which it takes, is given up
  const entered = tryChangeDirectory(spec.process); // as root, who may make it, and enter what is closed to the user
  becomeUser(spec.process, host.keepGroups);
  if (!entered) changeDirectory(spec.process); // as the user, to whom alone it may be open
  limitCapabilities(spec.process);
  leaveNothingOpen(terminal, request);
  setParentDeathSignal(host.endsWithMaker ? SIGNALS.KILL : 0); // the change of identity has cleared it
  const init = options.init ? prepareInit() : undefined; // before "ready": from then on the parent passes signals on
  if (listener === undefined) send(socket, { type: "ready" });
  forbidNewPrivileges(socket, request); // near the end: the filter need not allow the calls above
  const starter = listener === undefined ? socket : hold(socket, listener, labels, options.trace);
  try {
    if (init) runAsInit(starter, init, spec.process);
    execute(spec.process);
  } catch (error) {
    fail(starter, error);
  }
}
