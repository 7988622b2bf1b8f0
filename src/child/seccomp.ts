// Owns the last two doors to close: no_new_privs and the seccomp filter (seccomp(2), prctl(2)).

import type { ChildRequest } from "../sync.ts";
import { send } from "../sync.ts";
import { close } from "../sys/file.ts";
import { step } from "../sys/libc.ts";
import { installFilter, setNoNewPrivileges } from "../sys/seccomp.ts";

/**
 * Without no_new_privs a filter needs CAP_SYS_ADMIN, which goes with the capabilities: it is then installed before
 * them. @throws SysError
 */
export function filterCallsEarly(socket: number, request: ChildRequest): void {
  if (!request.spec.process.noNewPrivileges) filterCalls(socket, request);
}

/** The usual place: last, so that the filter need not allow what only we do. @throws SysError */
export function forbidNewPrivileges(socket: number, request: ChildRequest): void {
  if (!request.spec.process.noNewPrivileges) return;
  step("set no_new_privs", "a set-uid program inside stays its caller");
  setNoNewPrivileges();
  filterCalls(socket, request);
}

function filterCalls(socket: number, { seccomp }: ChildRequest): void {
  if (!seccomp) return;
  step("install the seccomp filter", "system calls that a container has no use for fail from here on");
  const listener = installFilter(Uint8Array.fromBase64(seccomp.program), seccomp.flags);
  if (!seccomp.listens) return;
  send(socket, { type: "listener" }, listener);
  close(listener);
}
