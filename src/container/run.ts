// Owns a container's life as `run` knows it: made, served to its end, and removed without a trace.

import { openCgroup } from "../cgroup/index.ts";
import { RunError } from "../errors.ts";
import { makeNetwork } from "../network/namespace.ts";
import type { Rlimit, Spec } from "../spec/types.ts";
import { Supervisor } from "../supervise/loop.ts";
import { byCaller, gatherSignals, ignoredSignals } from "../supervise/signals.ts";
import { lendDescriptors } from "../supervise/stdio-inherit.ts";
import type { TerminalPlan } from "../supervise/terminal-plan.ts";
import type { Failure, Outcome } from "../supervise/wishes.ts";
import {
  type ChildRequest,
  type Descriptors,
  type FromChild,
  type Labels,
  type OwnFile,
  type SeccompFilter,
  send,
} from "../sync.ts";
import { SIGNALS } from "../sys/constants.ts";
import { ECONNRESET, EPIPE, isErrno, SysError } from "../sys/errno.ts";
import { close, tryReadFile } from "../sys/file.ts";
import { isInitialUserNamespace } from "../sys/namespace.ts";
import { descendants, startTime } from "../sys/process.ts";
import type { UserNamespaceWork } from "../userns/types.ts";
import { abandon, type Starting } from "./begin.ts";
import { type Limits, openLimits } from "./limits.ts";
import { handListener } from "./listener.ts";
import { noteMade } from "./made.ts";
import type { Child } from "./spawn.ts";
import { createState, prune, removeState, type StateDirectory } from "./state.ts";

/** What `run` is asked for beside the OCI object. */
export interface RunRequest {
  id: string;
  bundle: string;
  spec: Spec;
  requiredCapabilities: readonly string[];
  seccomp: SeccompFilter | undefined;
  /** the container has a user namespace: what the parent has to do for it; its code is loaded only then */
  userns: UserNamespaceWork | undefined;
  /** where spec.process.terminal is set */
  terminal: TerminalPlan | undefined;
  init: boolean;
  chroot: boolean;
  overlay: boolean;
  ownFiles: readonly OwnFile[];
  trace: boolean;
  timeout: number;
  stopTimeout: number;
  /** notes for the person */
  warn(message: string): void;
  /** called while the confined first process waits for execve, with its pid and its cgroup directories */
  attest: ((pid: number, cgroups: readonly string[], labels: Labels) => void) | undefined;
  /** a message of the child's when tracing */
  onTrace(message: FromChild): void;
  /** the child could not execute the command: words for it, found by looking into its root */
  explain(error: Extract<FromChild, { type: "error" }>, pid: number, spec: Spec): Promise<Error>;
}

/**
 * Runs the container to its end and removes it; nothing is left behind either way. A promise only where the command
 * could not be executed, to find words for it. @throws RunError, SysError
 */
export function run(starting: Starting, asked: RunRequest): Outcome | Promise<never> {
  let request = asked;
  const { child, signals } = starting;
  const undo: (() => void)[] = [() => abandon(starting)];
  let explaining: Promise<Error> | undefined;
  try {
    const entered = asked.userns?.enter(child, asked.spec, asked);
    if (entered) request = { ...asked, spec: entered.spec };
    const { directory, limits } = prepare(child, request, undo);
    const ignored = ignoredSignals();
    const supervisor = new Supervisor(child, signals, {
      timeout: request.timeout,
      stopTimeout: request.stopTimeout,
      init: request.init,
      terminal: request.terminal,
      givesBack: request.seccomp !== undefined,
      ignored: byCaller(ignored),
      everyone: () => {
        const inside = limits.processes();
        return inside.length > 0 ? inside : [child.pid, ...descendants(child.pid)];
      },
      onListener: (fd) => handListener(fd, request.id, child.pid, request.bundle, request.spec),
      onMessage: (message) => {
        if (message.type === "confined") {
          request.attest?.(child.pid, limits.directories, message.labels);
          send(child.socket, { type: "go" });
        } else if (message.type === "made")
          noteMade(directory.path, [
            { root: request.spec.root.path, path: message.path, inode: message.inode },
          ]);
        else heed(message, request);
      },
    });
    undo.push(() => supervisor.abort());
    undo.push(lendDescriptors(request.spec));
    const network = makeNetwork(request.spec);
    const descriptors = request.userns?.openDescriptors(
      child.pid,
      request.spec,
      limits.joinFiles,
      request.warn,
    );
    const keepGroups = entered?.keepGroups ?? false;
    give(child, childRequest(request, directory, limits, ignored, keepGroups), network, descriptors);
    limits.hasten();
    gatherSignals(byCaller(ignored));
    const outcome = supervisor.run();
    if (outcome.failure) explaining = wordsFor(outcome.failure, child, request);
    else if (!outcome.started) tellEarlyEnd(outcome.status);
    else tellOutOfMemory(limits, outcome, request);
    if (!explaining) return outcome;
  } finally {
    if (!explaining) undoAll(undo);
  }
  return explaining.then((error) => {
    undoAll(undo);
    throw error;
  });
}

/** @throws RunError where the child has not said why itself, as the guard does (scripts/guard.ts) */
function tellEarlyEnd(status: number): void {
  if (status === 125) return;
  const how = status > 128 ? `was ended by signal ${status - 128}` : `ended with ${status}`;
  const hint =
    status === 128 + SIGNALS.KILL
      ? "the kernel does that to what takes more memory than its cgroup may: see memory.max of the one that minibox is in, and dmesg"
      : undefined;
  throw new RunError(`the container's first process ${how} before it could run the command`, 125, hint);
}

function undoAll(undo: (() => void)[]): void {
  for (let step = undo.pop(); step; step = undo.pop()) step();
}

/** A child that is gone already is for the supervisor to notice. */
function give(
  child: Child,
  request: ChildRequest,
  network: number | undefined,
  descriptors: Descriptors | undefined,
): void {
  try {
    if (descriptors)
      for (const [name, fd] of descriptors) send(child.socket, { type: "descriptor", name }, fd);
    send(child.socket, { type: "request", request }, network);
  } catch (error) {
    if (!isErrno(error, EPIPE, ECONNRESET)) throw error;
  } finally {
    if (network !== undefined) close(network);
    if (descriptors) for (const fd of descriptors.values()) close(fd);
  }
}

/** What the host keeps for a container, recorded before it is made. */
function prepare(
  child: Child,
  request: RunRequest,
  undo: (() => void)[],
): { directory: StateDirectory; limits: Limits } {
  const cgroup = (request.userns?.openCgroup ?? openCgroup)(request.id, request.spec.linux);
  const directories = cgroup?.directories ?? [];
  const directory = createState({
    ociVersion: request.spec.ociVersion,
    id: request.id,
    pid: child.pid,
    startTime: startTime(child.pid),
    bundle: request.bundle,
    root: request.spec.root.path,
    created: Math.floor(Date.now() / 1000),
    cgroups: directories,
  });
  undo.push(() => removeState(directory));
  const limits = openLimits(cgroup, request.spec.linux, request.warn, undo);
  prune();
  return { directory, limits };
}

function childRequest(
  request: RunRequest,
  directory: StateDirectory,
  limits: Limits,
  ignored: number[],
  keepGroups: boolean,
): ChildRequest {
  const { id, bundle, spec, requiredCapabilities, seccomp, init, chroot, overlay, ownFiles, trace } = request;
  return {
    id,
    bundle,
    spec: plain(spec),
    requiredCapabilities,
    seccomp,
    terminalDescriptors: request.terminal?.descriptors,
    init,
    chroot,
    overlay,
    ownFiles,
    trace,
    pause: request.attest !== undefined,
    ignored,
    cgroupFiles: [...limits.joinFiles],
    requiredCgroups: limits.required,
    devicesLimited: limits.devices || !isInitialUserNamespace(),
    cgroups: limits.view,
    oomScoreAdj: spec.process.oomScoreAdj ?? unusualOomScore(),
    stateDir: directory.path,
    keepGroups,
  };
}

/** Ours is what the container inherits; docker's is 0. */
function unusualOomScore(): number | undefined {
  return tryReadFile("/proc/self/oom_score_adj") === "0\n" ? undefined : 0;
}

/**
 * JSON has no bigint: rlimits up to 2^64-1 travel as their digits, which BigInt() reads like the number; the seccomp
 * profile, which may hold some too, travels compiled.
 */
function plain(spec: Spec): Spec {
  const { rlimits } = spec.process;
  if (!rlimits && !spec.linux.seccomp) return spec;
  const digits: unknown[] = [];
  for (const { type, soft, hard } of rlimits ?? []) digits.push({ type, soft: `${soft}`, hard: `${hard}` });
  const { seccomp: _, ...linux } = spec.linux;
  return { ...spec, process: { ...spec.process, rlimits: digits as Rlimit[] }, linux };
}

/** Takes in what the child says on its way. */
function heed(message: FromChild, request: RunRequest): void {
  if (message.type === "warning") request.warn(message.message);
  else request.onTrace(message);
}

/** The child's last word as an error. It waits meanwhile: its root can still be looked at. @throws SysError, RunError */
function wordsFor(failure: Failure, child: Child, request: RunRequest): Promise<Error> {
  if (failure.type === "refused") throw new RunError(failure.message);
  if (failure.call === "execve") return request.explain(failure, child.pid, request.spec);
  throw new SysError(failure.call, failure.args, failure.errno, failure.phase);
}

/** 128 and SIGKILL */
const KILLED = 137;

function tellOutOfMemory(limits: Limits, outcome: Outcome, request: RunRequest): void {
  const limit = request.spec.linux.resources?.memory?.limit;
  // without a limit, and not killed, there is nothing to look for
  if (limit === undefined && outcome.status !== KILLED) return;
  const { count, own, above } = limits.oomKills();
  if (count === 0) return;
  const who =
    outcome.status === KILLED ? "the container" : `${count === 1 ? "a process" : `${count} processes`} in it`;
  if (own && limit !== undefined)
    request.warn(`out of memory: ${who} reached the limit of ${limit} bytes (--memory) and was killed`);
  else if (above)
    request.warn(
      `out of memory: ${who} was killed, because all that is in the cgroup ${above.path} reached its limit of ${above.limit} bytes`,
    );
  else request.warn(`out of memory: ${who} was killed, because the host, or a cgroup around it, has no more`);
}
