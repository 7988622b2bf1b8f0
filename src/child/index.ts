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

import { type ChildRequest, type Descriptors, type Labels, read, send, type ToChild } from "../sync.ts";
import { SIGNALS } from "../sys/constants.ts";
import { setCloexec } from "../sys/file.ts";
import { exit, setParentDeathSignal } from "../sys/process.ts";
import { limitBounding, limitCapabilities } from "./capabilities.ts";
import { joinCgroup } from "./cgroup.ts";
import { receiveRequest } from "./descriptors.ts";
import { createDevices, guardDevices } from "./devices.ts";
import { prepareInit, runAsInit } from "./init.ts";
import { labelCommand, leaveKeyring, resetPersonality, setOomScore } from "./isolation.ts";
import { reportMade } from "./mount-points.ts";
import { mountAll, mountShared, openTiedSources } from "./mounts.ts";
import { enterNamespaces, nameHost, unshareCgroupNamespace } from "./namespaces.ts";
import { withTmpfs } from "./own-files.ts";
import { openKernelTrees, protectPaths, setSysctls } from "./paths.ts";
import {
  becomeUser,
  changeDirectory,
  execute,
  leaveNothingOpen,
  limitResources,
  makeDirectory,
  tryChangeDirectory,
} from "./process.ts";
import { fail, reportCalls } from "./report.ts";
import { changeRoot, prepareRoot, sealRoot } from "./rootfs.ts";
import { filterCallsEarly, forbidNewPrivileges } from "./seccomp.ts";
import { attachTerminal } from "./terminal.ts";

/** Everything between the request and the program, in order. */
function confine(
  socket: number,
  request: ChildRequest,
  network: number | undefined,
  descriptors: Descriptors,
): never {
  const { spec } = request;
  const process = spec.process;
  const warn = (message: string): void => send(socket, { type: "warning", message });
  enterNamespaces(spec, network); // first: whatever follows must not be seen by the host
  nameHost(spec, network);
  leaveKeyring();
  resetPersonality();
  openTiedSources(request, descriptors); // while the host's mounts are no strangers yet
  if (!request.overlay) reportMade((path, inode) => send(socket, { type: "made", path, inode }));
  const made = prepareRoot(request, spec, descriptors.get("root"), warn); // a mount of its own, that pivot_root can make the root
  const { root } = made;
  joinCgroup(request, descriptors); // before the cgroup namespace, whose root is where we are now
  unshareCgroupNamespace(spec);
  // on the host's side of the root still: sources of binds are host paths
  mountAll(root, request, descriptors, () => createDevices(root, spec));
  guardDevices(root, request, warn);
  const terminal = process.terminal ? attachTerminal(socket, root, process) : undefined;
  const trees = openKernelTrees(root, spec); // whatever becomes of the names /proc and /sys from now on
  const { proc } = trees;
  setSysctls(proc, spec);
  setOomScore(proc, request);
  withTmpfs(root, request, (tmpfs) => protectPaths(root, tmpfs, request, trees));
  if (spec.root.readonly) makeDirectory(root, process);
  mountShared(root, request, descriptors);
  sealRoot(made, spec); // after the last mount point was made
  changeRoot(root, request, warn);
  limitResources(process, request.init);
  filterCallsEarly(socket, request);
  const labels = labelCommand(proc, request);
  limitBounding(process, request.requiredCapabilities, warn); // while we may: it takes CAP_SETPCAP
  const entered = tryChangeDirectory(process); // as root, who may create it, and enter what is closed to the user
  becomeUser(process, request.keepGroups);
  if (!entered) changeDirectory(process); // as the user, to whom alone it may be open
  limitCapabilities(process);
  leaveNothingOpen(terminal, request);
  setParentDeathSignal(SIGNALS.KILL); // a change of identity has cleared it
  const init = request.init ? prepareInit() : undefined; // first: once we are ready, signals are passed on
  send(socket, { type: "ready" });
  forbidNewPrivileges(socket, request); // last: what we do need not be allowed
  if (request.pause) awaitWord(socket, labels); // everything is in force now, and can be looked at
  if (init) runAsInit(socket, init, process);
  execute(process);
}

function awaitWord(socket: number, labels: Labels): void {
  send(socket, { type: "confined", labels });
  if (read<ToChild>(socket)?.message.type !== "go") exit(125);
}

function serve(socket: number): never {
  const received = receiveRequest(socket);
  if (!received) exit(125);
  const { request, network, descriptors } = received;
  try {
    // not earlier: in a user namespace the process that started us is not the one that sends the request, and has ended
    setParentDeathSignal(SIGNALS.KILL);
    setCloexec(socket, true);
    if (request.trace) reportCalls(socket);
    confine(socket, request, network, descriptors);
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
