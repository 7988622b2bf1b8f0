// Owns `run`: a container is created, started, supervised to its end, and deleted without a trace.

import type { OomKills } from "../cgroup/types.ts";
import type { Starting } from "../container/begin.ts";
import { type Container, create, type Request } from "../container/create.ts";
import { earlyEnd, errorOf } from "../container/failure.ts";
import type { Failure } from "../container/handshake.ts";
import { byCaller, gatherSignals, ignoredSignals } from "../container/signals.ts";
import { letGo, recordStarted } from "../container/start.ts";
import type { FromChild, Labels } from "../sync.ts";
import { SIGNALS } from "../sys/constants.ts";
import { descendants } from "../sys/process.ts";
import { type Outcome, Supervisor } from "./loop.ts";
import type { TerminalPlan } from "./terminal-plan.ts";

/** The person, or program, that wants a container to run. */
export interface Caller {
  /** how the container's terminal is connected, where it has one */
  terminal: TerminalPlan | undefined;
  /** a note for the person */
  warn(message: string): void;
  /** a message of the child's when tracing */
  trace(message: FromChild): void;
  /** called while the confined first process waits for execve, with its pid and its cgroup directories */
  attest?: ((pid: number, cgroups: readonly string[], labels: Labels) => void) | undefined;
  /** the child could not execute the command: words for it, found by looking into its root */
  explain(error: Extract<FromChild, { type: "error" }>, pid: number, spec: Request["spec"]): Promise<Error>;
}

export interface RunOutcome extends Outcome {
  /** who was killed for want of memory, if anybody */
  oomKills: OomKills | undefined;
}

/** Runs the container to its end and removes it; nothing is left behind either way. @throws RunError, SysError */
export async function run(starting: Starting, request: Request, caller: Caller): Promise<RunOutcome> {
  const { terminal, warn, trace, attest } = caller;
  const { options, host } = request;
  const ignored = byCaller(ignoredSignals());
  // A container that nobody looks at before it starts is let go with its request: that saves a message each way.
  const hold = attest !== undefined;
  const container = create(starting, request, {
    hold,
    owner: "supervisor",
    warn,
    trace,
    terminal: (master) => supervisor.connect(master),
  });
  const { child, handshake, directory, cgroup, undo } = container;
  const supervisor = new Supervisor(
    {
      child,
      handshake,
      init: options.init,
      everyone: () => {
        const inside = cgroup?.pids() ?? [];
        return inside.length > 0 ? inside : [child.pid, ...descendants(child.pid)];
      },
      onHeld: () => {
        attest?.(child.pid, cgroup?.record.directories ?? [], handshake.held ?? {});
        handshake.goOn(letGo(directory));
      },
      onStarted: () => recordStarted(directory),
    },
    starting.signals,
    terminal
      ? { type: "terminal", plan: terminal, givesBack: host.seccomp !== undefined }
      : { type: "inherit" },
    { timeout: options.timeout, stopTimeout: options.stopTimeout, ignored },
  );
  undo.add(() => supervisor.abort());
  try {
    gatherSignals(ignored);
    const outcome = supervisor.run();
    if (handshake.failure) throw await words(handshake.failure, container, caller);
    // 125: the guard has said why itself (scripts/elf/guard.ts)
    if (!outcome.started && outcome.status !== 125) throw earlyEnd(outcome.status);
    return { ...outcome, oomKills: oomKillsOf(container, outcome.status) };
  } finally {
    undo.rollBack();
  }
}

/** Words for what the child could not do. It waits: after a failed execve(2) its root can still be looked at. */
function words(failure: Failure, { child, request }: Container, { explain }: Caller): Error | Promise<Error> {
  const isExec = failure.type === "error" && failure.call === "execve";
  return isExec ? explain(failure, child.pid, request.spec) : errorOf(failure);
}

/** Without a limit, and not killed, nobody was killed for want of memory. */
function oomKillsOf({ cgroup, request }: Container, status: number): OomKills | undefined {
  if (request.spec.linux.resources?.memory?.limit === undefined && status !== 128 + SIGNALS.KILL)
    return undefined;
  const kills = cgroup?.oomKills();
  return kills && kills.count > 0 ? kills : undefined;
}
