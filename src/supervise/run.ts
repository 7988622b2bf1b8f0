// Owns `run`: a container is created, started, supervised until it ends, and deleted.

import { feature } from "bun:bundle";
import type { OomKills } from "../cgroup/types.ts";
import { openStdio, type Starting } from "../container/begin.ts";
import { type Container, create, type Request } from "../container/create.ts";
import { earlyEnd, errorOf } from "../container/failure.ts";
import type { Failure } from "../container/handshake.ts";
import { prune } from "../container/prune.ts";
import { byCaller, gatherSignals, ignoredSignals } from "../container/signals.ts";
import { letGo, recordStarted } from "../container/start.ts";
import type { FromChild, Labels } from "../sync.ts";
import { SIGNALS } from "../sys/constants.ts";
import { stamp } from "../sys/phases.ts";
import { descendants } from "../sys/process.ts";
import { Supervisor } from "./loop.ts";
import type { TerminalPlan } from "./terminal-plan.ts";
import type { Connection, Outcome } from "./types.ts";

/** What the command line does for a run: terminal, messages, and the explanation of an error. */
export interface Caller {
  /** how the container's terminal is connected, where it has one */
  terminal: TerminalPlan | undefined;
  /** a note for the person */
  warn(message: string): void;
  /** a message of a traced child */
  trace(message: FromChild): void;
  /** called while the first process waits right before execve, with its pid and its cgroup's directories */
  attest?: ((pid: number, cgroups: readonly string[], labels: Labels) => void) | undefined;
  /**
   * returns the error for a failed execve; the child waits meanwhile, so that the reason can be found in its root.
   * `isWanted` is called while it is looked for
   */
  explain(
    error: Extract<FromChild, { type: "error" }>,
    pid: number,
    spec: Request["spec"],
    isWanted: () => boolean,
  ): Promise<Error>;
}

export interface RunOutcome extends Outcome {
  /** the processes that the kernel's OOM killer killed; undefined where there are none */
  oomKills: OomKills | undefined;
}

const terminalStdio = async (plan: TerminalPlan, givesBack: boolean): Promise<Connection> => ({
  type: "terminal",
  plan,
  givesBack,
  Relay: (await import("./stdio-terminal.ts")).Relay,
});

/** Runs the container until it ends, and removes everything that was made for it. @throws RunError, SysError */
export async function run(starting: Starting, request: Request, caller: Caller): Promise<RunOutcome> {
  const { terminal, warn, trace, attest } = caller;
  const { options, host } = request;
  const ignored = byCaller(ignoredSignals());
  const standard = openStdio(starting, terminal?.descriptors ?? [], true);
  // the code that passes bytes on is not needed by most containers
  const passing = standard.passages.length > 0 ? await import("./passages.ts") : undefined;
  const connection = terminal
    ? await terminalStdio(terminal, host.seccomp !== undefined)
    : ({ type: "inherit" } as const);
  // Only an attested container is held: otherwise the child executes the command at once, which saves a message each
  // way.
  const hold = attest !== undefined;
  const container = create(starting, request, {
    hold,
    owner: "supervisor",
    stdio: standard,
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
    connection,
    { timeout: options.timeout, stopTimeout: options.stopTimeout, ignored },
  );
  undo.add(() => standard.end());
  undo.add(() => supervisor.abort());
  try {
    gatherSignals(ignored);
    prune(request.id); // the child has enough to do meanwhile, and its time has begun
    if (passing) supervisor.passOn(passing.passAll(standard.passages, fileSizeLimit(request.spec)));
    if (feature("PHASES")) stamp("wait for execve");
    let outcome = supervisor.run();
    if (handshake.failure) {
      const error = await toError(handshake.failure, container, caller, supervisor);
      if (!supervisor.isInterrupted()) throw error;
      outcome = supervisor.finish();
    }
    // 125: the guard has printed the reason itself (scripts/elf/guard.ts)
    if (!outcome.started && outcome.status !== 125) throw earlyEnd(outcome.status);
    return { ...outcome, oomKills: oomKillsOf(container, outcome.status) };
  } finally {
    if (feature("PHASES")) stamp("undo");
    undo.rollBack();
  }
}

/** In bytes: the container's RLIMIT_FSIZE; undefined for the caller's. */
function fileSizeLimit({ process: { rlimits = [] } }: Request["spec"]): bigint | undefined {
  for (const { type, soft } of rlimits) if (type === "RLIMIT_FSIZE") return BigInt(soft);
  return undefined;
}

/**
 * Returns the error for what the child reported. After a failed execve(2) the child waits, and its root is looked at.
 */
function toError(
  failure: Failure,
  { child, request }: Container,
  { explain }: Caller,
  supervisor: Supervisor,
): Error | Promise<Error> {
  const isExec = failure.type === "error" && failure.call === "execve";
  return isExec
    ? explain(failure, child.pid, request.spec, () => !supervisor.isInterrupted())
    : errorOf(failure);
}

/**
 * Reads the cgroup's count of OOM kills only where there can be any: with a memory limit, or where SIGKILL ended it.
 */
function oomKillsOf({ cgroup, request }: Container, status: number): OomKills | undefined {
  if (request.spec.linux.resources?.memory?.limit === undefined && status !== 128 + SIGNALS.KILL)
    return undefined;
  const kills = cgroup?.oomKills();
  return kills && kills.count > 0 ? kills : undefined;
}
