// Owns making a container: what the host keeps for it is recorded and made, and its first process gets the request that
// says what to become. Whoever calls this decides what comes next: to supervise the process, or to leave it held.

import { callersView, planCgroup } from "../cgroup/index.ts";
import type { NewCgroup } from "../cgroup/types.ts";
import { makeNetwork } from "../network/namespace.ts";
import { type ChildRequest, type Descriptors, type Host, send } from "../sync.ts";
import { ECONNRESET, EPIPE, isErrno } from "../sys/errno.ts";
import { close } from "../sys/file.ts";
import { fdPath } from "../sys/mount.ts";
import { isInitialUserNamespace } from "../sys/namespace.ts";
import { startTime } from "../sys/process.ts";
import { listenAt } from "../sys/socket.ts";
import type { UserNamespaceWork } from "../userns/types.ts";
import { abandon, type Starting } from "./begin.ts";
import { claim } from "./claim.ts";
import { deleteContainer } from "./delete.ts";
import { withoutDeviceNodes } from "./device-nodes.ts";
import { type Ears, Handshake } from "./handshake.ts";
import { handListener } from "./listener.ts";
import { noteMade } from "./made.ts";
import type { Options } from "./options.ts";
import { makeCgroup, type OwnCgroup } from "./own-cgroup.ts";
import { prune } from "./prune.ts";
import { ignoredSignals } from "./signals.ts";
import type { Child } from "./spawn.ts";
import { START_SOCKET, type State, type StateDirectory, writeState } from "./state.ts";
import { lendDescriptors } from "./stdio.ts";
import { Undo } from "./undo.ts";

/** A container as it is asked for. */
export interface Request {
  id: string;
  /** absolute; relative paths in the spec start here */
  bundle: string;
  spec: ChildRequest["spec"];
  options: Options;
  /** what was found out before anything is made */
  host: Pick<Host, "terminalDescriptors" | "ownFiles" | "seccomp">;
  /** the container has a user namespace: what the parent has to do for it; its code is loaded only then */
  userns?: UserNamespaceWork | undefined;
}

/** How a container is made. */
export interface Making extends Pick<Ears, "warn" | "trace" | "terminal"> {
  /** With everything in force the first process waits before execve(2), until start.ts lets it go. */
  hold: boolean;
  /** Only a supervisor's container ends with the process that makes it. */
  owner: State["owner"];
}

/** A container whose first process has its request. */
export interface Container {
  child: Child;
  handshake: Handshake;
  request: Request;
  directory: StateDirectory;
  /** undefined where the container stays in its maker's */
  cgroup: NewCgroup | undefined;
  /** takes everything back; committed, the container stays */
  undo: Undo;
}

/**
 * Makes the container and sends its first process the request. What comes of that the handshake tells. Where this
 * fails, nothing is left. @throws RunError, SysError
 */
export function create(starting: Starting, asked: Request, making: Making): Container {
  const { child } = starting;
  const undo = new Undo();
  undo.add(() => abandon(starting));
  try {
    const entered = asked.userns?.enter(child, asked.spec, { warn: making.warn, onTrace: making.trace });
    const request: Request = { ...asked, spec: entered?.spec ?? asked.spec };
    const { directory, own } = reserve(child, request, making.warn, undo);
    const { spec, id, bundle } = request;
    const handshake = new Handshake(child, {
      warn: making.warn,
      trace: making.trace,
      ...(making.terminal && { terminal: making.terminal }),
      listener: (fd) => handListener(fd, { id, bundle, spec, pid: child.pid }),
      made: (path, inode) => noteMade(directory.path, [{ root: spec.root.path, path, inode }]),
    });
    undo.add(lendDescriptors(spec));
    const network = makeNetwork(spec);
    const descriptors =
      request.userns?.openDescriptors(child.pid, spec, own.cgroup?.joinFiles ?? [], making.warn) ??
      new Map<string, number>();
    if (making.hold) descriptors.set("start", listenAt(`${fdPath(directory.fd)}/${START_SOCKET}`));
    give(
      child,
      childRequest(request, directory, own, making, entered?.keepGroups ?? false),
      network,
      descriptors,
    );
    own.cgroup?.hasten?.();
    return { child, handshake, request, directory, cgroup: own.cgroup, undo };
  } catch (error) {
    undo.rollBack();
    throw error;
  }
}

/** What the host keeps for a container, recorded before it is made. */
function reserve(
  child: Child,
  { id, bundle, spec, options, userns }: Request,
  warn: (message: string) => void,
  undo: Undo,
): { directory: StateDirectory; own: OwnCgroup } {
  const cgroup = (userns?.planCgroup ?? planCgroup)(id, spec.linux);
  const directory = claim({
    id,
    status: "creating",
    owner: "supervisor",
    pid: child.pid,
    startTime: startTime(child.pid),
    created: Math.floor(Date.now() / 1000),
    cgroup: cgroup?.record,
    bundle,
    spec,
    options,
  });
  undo.add(() => deleteContainer(directory, warn));
  const own = makeCgroup(cgroup, spec.linux);
  if (cgroup && cgroup.record !== directory.state.cgroup) {
    directory.state.cgroup = cgroup.record; // some of its directories were there before: they must never be removed
    writeState(directory);
  }
  prune();
  return { directory, own };
}

function childRequest(
  { id, bundle, spec: asked, options, host }: Request,
  { path }: StateDirectory,
  own: OwnCgroup,
  { hold, owner, warn }: Making,
  keepGroups: boolean,
): ChildRequest {
  const limitsDevices = own.limitsDevices || !isInitialUserNamespace();
  const spec = limitsDevices ? asked : withoutDeviceNodes(asked, options.requiredCapabilities, warn);
  const { seccomp: _, ...linux } = spec.linux; // the child needs the compiled form alone
  return {
    id,
    bundle,
    spec: { ...spec, linux },
    options,
    host: {
      ...host,
      stateDirectory: path,
      cgroup: {
        files: own.cgroup?.joinFiles ?? [],
        required: own.cgroup?.required ?? 0,
        limitsDevices,
        view: own.cgroup ? own.cgroup.view : callersView(),
      },
      keepGroups,
      ignoredSignals: ignoredSignals(),
      hold,
      endsWithMaker: owner === "supervisor",
    },
  };
}

/** A child that is gone already is for the handshake to notice. */
function give(
  child: Child,
  request: ChildRequest,
  network: number | undefined,
  descriptors: Descriptors,
): void {
  try {
    for (const [name, fd] of descriptors) send(child.socket, { type: "descriptor", name }, fd);
    send(child.socket, { type: "request", request }, network);
  } catch (error) {
    if (!isErrno(error, EPIPE, ECONNRESET)) throw error;
  } finally {
    for (const fd of descriptors.values()) close(fd);
    if (network !== undefined) close(network);
  }
}
