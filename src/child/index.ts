// Owns the container's first process, from its start to the user's own program.
//
// Theory of operation. The parent (`run`) made a pid namespace and spawned this binary again as `child`: it is
// PID 1 there. It knows nothing but the number of a socket. Over it comes one ChildRequest, an OCI object in which
// everything is decided; here it only happens, call by call, in the order below, and ends in execve: then no line
// of minibox is left inside. What goes wrong is sent over the socket (the parent words it); when execve succeeds,
// the socket closes by itself, and that is how the parent knows.
//
//   parent ── spawn ──▶ child (PID 1)
//          ── request ─▶        namespaces, root, mounts, limits, identity
//          ◀── error, warning, trace, terminal ──
//          ◀── end of stream ── execve
//
// Everything here is synchronous: Bun's asynchronous calls run on threads that keep the host's namespaces.

import { send } from "../sync.ts";
import { SIGNALS } from "../sys/constants.ts";
import { setCloexec } from "../sys/file.ts";
import { exit, setParentDeathSignal } from "../sys/process.ts";
import { becomeProcess } from "./become-process.ts";
import { receiveRequest } from "./descriptors.ts";
import { enterRoot } from "./enter-root.ts";

import { fail, reportCalls } from "./report.ts";

function serve(socket: number): never {
  const received = receiveRequest(socket);
  if (!received) exit(125);
  const { request, network, descriptors } = received;
  try {
    // not earlier: in a user namespace the process that started us is not the one that sends the request, and has ended
    setParentDeathSignal(SIGNALS.KILL);
    setCloexec(socket, true);
    if (request.options.trace) reportCalls(socket);
    const warn = (message: string): void => send(socket, { type: "warning", message });
    const entered = enterRoot(socket, request, network, descriptors, warn);
    becomeProcess(socket, request, entered, descriptors.get("start"), warn);
  } catch (error) {
    fail(socket, error);
  }
}

/** The entry of `minibox child SOCKET`. */
export function child(socket: number): never {
  try {
    return serve(socket);
  } catch {
    // the socket itself has failed, or was none: nobody is there to be told
    exit(125);
  }
}
