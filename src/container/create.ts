// Owns making a container: the state, the cgroup and the network on the host, and the request to the container's first
// process. The caller then supervises that process (`run`), or leaves it held (`create`).

import { feature } from "bun:bundle";
import { planCgroup } from "../cgroup/index.ts";
import type { NewCgroup } from "../cgroup/types.ts";
import { makeNetwork } from "../network/namespace.ts";
import type { Spec } from "../spec/types.ts";
import { type ChildRequest, type Descriptors, type Host, sendRequest } from "../sync.ts";
import { SIGNALS } from "../sys/constants.ts";
import { ECONNRESET, EPIPE, isErrno } from "../sys/errno.ts";
import { close } from "../sys/file.ts";
import { fdPath } from "../sys/mount.ts";
import { stamp } from "../sys/phases.ts";
import { startTime, tryPidfdSendSignal } from "../sys/process.ts";
import { listenAt } from "../sys/socket.ts";
import { identityOf, statx, tryStat } from "../sys/stat.ts";
import type { UserNamespaceWork } from "../userns/types.ts";
import { abandon, type Starting } from "./begin.ts";
import { childRequest } from "./child-request.ts";
import { claim } from "./claim.ts";
import { deleteContainer } from "./delete.ts";
import { type Callbacks, Handshake } from "./handshake.ts";
import { lendDescriptors } from "./lend.ts";
import { handListener } from "./listener.ts";
import { noteMade } from "./made.ts";
import type { Options } from "./options.ts";
import { makeOwnCgroup, type OwnCgroup } from "./own-cgroup.ts";
import type { Child } from "./spawn.ts";
import { START_SOCKET, type State, type StateDirectory, writeState } from "./state.ts";
import type { Stdio } from "./stdio.ts";
import { Undo } from "./undo.ts";

/** What container to make. */
export interface Request {
  id: string;
  /** absolute; relative paths in the spec start here */
  bundle: string;
  /** the open directory that becomes the root; create() closes it */
  rootfs: number;
  spec: Spec;
  options: Options;
  /** what the caller found out about the host beforehand */
  host: Pick<Host, "ownFiles" | "seccomp">;
  /** what the parent does for a container with a user namespace; this code is only loaded for such a container */
  userns?: UserNamespaceWork | undefined;
}

/** How to make it. */
export interface Making extends Pick<Callbacks, "warn" | "trace" | "terminal"> {
  /** the command's 0, 1 and 2, which the caller closes */
  stdio: Stdio;
  /** the first process waits, with everything in force but execve(2), until start.ts lets it go */
  hold: boolean;
  /** a supervisor's container is killed when the process that makes it ends; a caller's is not */
  owner: State["owner"];
}

/** A container whose first process has its request. */
export interface Container {
  child: Child;
  handshake: Handshake;
  request: Request;
  directory: StateDirectory;
  /** undefined where the container stays in the cgroup of the process that made it */
  cgroup: NewCgroup | undefined;
  /** rollBack() removes the container; after commit() it stays */
  undo: Undo;
}

/**
 * Makes the container and sends its first process the request. The returned handshake then receives what that process
 * reports. Where making it fails, everything made is removed again. @throws RunError, SysError
 */
export function create(starting: Starting, asked: Request, making: Making): Container {
  if (feature("PHASES")) stamp("state and cgroup");
  const { child } = starting;
  const undo = new Undo();
  undo.add(() => abandon(starting));
  try {
    const { directory, own } = reserve(child, asked, making.warn, undo);
    if (feature("PHASES")) stamp("request");
    const entered = asked.userns?.enter(child, asked.spec, asked.rootfs, making);
    for (const [fd, again] of entered?.reopened ?? []) making.stdio.replace(fd, again);
    const rootfs = entered?.rootfs ?? asked.rootfs;
    const identity = identityOf(statx(rootfs));
    const request: Request = { ...asked, spec: entered?.spec ?? asked.spec };
    if (entered) recordEntered(directory, child, entered.spec);
    const { spec, id, bundle } = request;
    const handshake = new Handshake(child, {
      warn: making.warn,
      trace: making.trace,
      ...(making.terminal && { terminal: making.terminal }),
      listener: (fd) => handListener(fd, { id, bundle, spec, pid: child.pid }),
      made: (path, inode) =>
        noteMade(directory.fd, [{ root: spec.root.path, rootIdentity: identity, path, inode }]),
    });
    undo.add(lendDescriptors(spec, making.stdio));
    const network = makeNetwork(spec);
    const descriptors =
      request.userns?.openDescriptors(child.pid, spec, rootfs, own.cgroup?.joinFiles ?? [], making.warn) ??
      {};
    // a name of its own: a copy of the mount, "root", takes its place where the child may not enter the rootfs
    if (descriptors.root !== undefined) close(rootfs);
    else descriptors.rootfs = rootfs;
    if (network !== undefined) descriptors.network = network;
    if (making.hold) descriptors.start = listenAt(`${fdPath(directory.fd)}/${START_SOCKET}`);
    const known = {
      id,
      bundle,
      spec,
      options: asked.options,
      own,
      ...asked.host,
      stdio: making.stdio.streams,
      stateDirectory: directory.path,
      keepGroups: entered?.keepGroups ?? false,
      hold: making.hold,
      endsWithMaker: making.owner === "supervisor",
    };
    hand(child, childRequest(known, making.warn), descriptors, making.stdio.given);
    making.stdio.handedOver();
    own.cgroup?.hasten?.();
    return { child, handshake, request, directory, cgroup: own.cgroup, undo };
  } catch (error) {
    undo.rollBack();
    throw error;
  }
}

/** Records the container's state, then makes its cgroup, so that a cgroup never exists without a record of it. */
function reserve(
  child: Child,
  { id, bundle, rootfs, spec, userns }: Request,
  warn: (message: string) => void,
  undo: Undo,
): { directory: StateDirectory; own: OwnCgroup } {
  const cgroup = (userns?.planCgroup ?? planCgroup)(id, spec.linux);
  // A container of this name under another state root has the same cgroup. It must not be recorded here: removing this
  // container would kill that one's processes.
  const isOurs = cgroup !== undefined && (isFree(cgroup) || cgroup.pids().length === 0);
  const state: State = {
    id,
    status: "creating",
    owner: "supervisor",
    pid: child.pid,
    startTime: startTime(child.pid),
    created: Math.floor(Date.now() / 1000),
    cgroup: isOurs ? cgroup.record : undefined,
    bundle,
    spec: withoutProfile(spec),
  };
  const directory = claim(state, userns, rootfs);
  let made: NewCgroup | undefined;
  undo.add(() => {
    // its pidfd shows it for certain, which a record does not
    if (!child.exit) tryPidfdSendSignal(child.pidfd, SIGNALS.KILL);
    deleteContainer(directory, warn, made);
  });
  const own = makeOwnCgroup(cgroup, spec.linux);
  made = own.cgroup;
  if (own.cgroup && own.cgroup.record !== directory.state.cgroup) {
    directory.state.cgroup = own.cgroup.record; // some directories existed before, and must not be removed
    writeState(directory);
  }
  return { directory, own };
}

/** True where there is no such cgroup yet. */
const isFree = ({ record }: NewCgroup): boolean => tryStat(record.directories[0]!) === undefined;

/** What is recorded of a spec: nobody asks for the profile of system calls once the container has the compiled filter. */
function withoutProfile(spec: Spec): Spec {
  const { seccomp: _, ...linux } = spec.linux;
  return { ...spec, linux };
}

/** Records the first process in a user namespace, which has taken the place of the one that made the namespace. */
function recordEntered(directory: StateDirectory, { pid }: Child, spec: Spec): void {
  Object.assign(directory.state, { pid, startTime: startTime(pid), spec: withoutProfile(spec) });
  writeState(directory);
}

/**
 * Sends the request and the descriptors, and closes the descriptors, but not those that are lent. No error where the
 * child has ended: its handshake then finds the end of the stream.
 */
function hand(child: Child, request: ChildRequest, descriptors: Descriptors, lent: Descriptors): void {
  try {
    sendRequest(child.socket, request, descriptors, lent);
  } catch (error) {
    if (!isErrno(error, EPIPE, ECONNRESET)) throw error;
  } finally {
    for (const name in descriptors) close(descriptors[name]!);
  }
}
