// Owns the container's first process, from its start to the execve(2) of the user's program.
//
// Theory of operation. The parent (`run`) made a pid namespace and spawned minibox's binary again as `child`, which is
// PID 1 there. Between the two stands a keeper (sys/keeper.ts), so that the container ends when the parent does. A
// container that is its caller's has no keeper.
//
// The child is given nothing but the number of a socket. Over the socket it receives one ChildRequest, an OCI object in
// which everything is decided. The child carries it out call by call, and ends with execve: after that no code of minibox
// is left in the container. The child reports an error over the socket, and the parent words it. When execve succeeds,
// the kernel closes the socket, which is how the parent learns of it.
//
//   parent ── spawn ──▶ child (PID 1)
//          ── request ─▶        namespaces, root, mounts, limits, identity
//          ◀── error, warning, trace, terminal ──
//          ◀── end of stream ── execve
//
// Everything in the child is synchronous: Bun's asynchronous calls run on threads that stay in the host's namespaces.

import { feature } from "bun:bundle";
import { type Descriptors, send } from "../sync.ts";
import { SIGNALS } from "../sys/constants.ts";
import { setCloexec } from "../sys/file.ts";
import { stamp } from "../sys/phases.ts";
import { exit, setParentDeathSignal } from "../sys/process.ts";
import { becomeProcess } from "./become-process.ts";
import { receiveRequest } from "./descriptors.ts";
import { enterRoot } from "./enter-root.ts";
import { fail, reportCalls } from "./report.ts";

function serve(socket: number): never {
  if (feature("PHASES")) stamp("wait for the request");
  const descriptors: Descriptors = {};
  const request = receiveRequest(socket, descriptors);
  try {
    // Set only here. In a user namespace the process that started this one ends before the request comes, and its end
    // would send the signal.
    setParentDeathSignal(SIGNALS.KILL);
    setCloexec(socket, true);
    if (request.options.trace) reportCalls(socket);
    const warn = (message: string): void => send(socket, { type: "warning", message });
    const entered = enterRoot(socket, request, descriptors, warn);
    becomeProcess(socket, request, entered, descriptors.start, warn);
  } catch (error) {
    fail(socket, error);
  }
}

/** The entry of `minibox child SOCKET`. */
export function child(socket: number): never {
  try {
    return serve(socket);
  } catch {
    // the socket itself failed, or the number is not a socket's: there is no way to report it
    exit(125);
  }
}
