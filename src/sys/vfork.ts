// Owns starting a program with resource limits of its own: vfork(2), then calls that the new process makes for itself, then
// execve(2). posix_spawn(3) cannot set resource limits, and a limit that init lowered for itself would hold for init too.
//
// Until execve the new process runs in the memory of this one, which is suspended (calls.ts).

import { type Call, callsCode, cloneWithCalls, tableOf } from "./calls.ts";
import { mapCode } from "./code.ts";
import { CLONE, SIG_SETMASK, SIGNALS } from "./constants.ts";
import { SysError } from "./errno.ts";
import { addressOf, traced } from "./libc.ts";
import { wait } from "./process.ts";
import { vector } from "./spawn.ts";

/** A limit for the new process. The resource is the number of an RLIMIT_* (getrlimit(2)). */
export interface Limit {
  resource: number;
  soft: bigint;
  hard: bigint;
}

/** Starts a program: its pid, or -errno of the first call that failed, execve(2) among them. */
export type Spawn = (
  path: string,
  argv: readonly string[],
  envp: readonly string[],
  limits: readonly Limit[],
) => number;

/**
 * Returns what starts programs with limits of their own, every signal unblocked and at its default. It may be called when a
 * seccomp filter is in force. The caller must have blocked every signal: otherwise handlers of this process could run in
 * the new one. @throws SysError
 */
export function prepareSpawn(): Spawn {
  const code = mapCode(callsCode());
  if (code < 0) throw new SysError("mmap", ["machine code"], -code, "prepare to start the command");
  return (path, argv, envp, limits) => spawn(code, callsFor(path, argv, envp, limits));
}

interface Prepared {
  calls: Call[];
  /** what the calls' bytes point at */
  keep: Uint8Array[];
}

function callsFor(
  path: string,
  argv: readonly string[],
  envp: readonly string[],
  limits: readonly Limit[],
): Prepared {
  const calls: Call[] = [];
  const byDefault = new Uint8Array(32); // struct sigaction
  for (let signal = 1; signal <= 64; signal++)
    if (signal !== SIGNALS.KILL && signal !== SIGNALS.STOP)
      calls.push({ name: "rt_sigaction", args: [signal, byDefault, 0, 8] });
  for (const { resource, soft, hard } of limits) {
    const limit = new Uint8Array(new BigUint64Array([soft, hard]).buffer);
    calls.push({ name: "prlimit64", args: [0, resource, limit, 0] });
  }
  calls.push({ name: "rt_sigprocmask", args: [SIG_SETMASK, new Uint8Array(8), 0, 8] });
  const [args, env] = [vector(argv), vector(envp)];
  calls.push({ name: "execve", args: [path, args.table, env.table] });
  return { calls, keep: [args.keep, env.keep] };
}

const FLAGS = CLONE.CLONE_VM | CLONE.CLONE_VFORK | SIGNALS.CHLD;

function spawn(code: number, { calls, keep }: Prepared): number {
  const { table, keep: pointedAt } = tableOf(calls);
  const stack = new Uint8Array(512);
  keep.push(...pointedAt, table, stack);
  const start = { code, table: addressOf(table), stack: addressOf(stack) + stack.length };
  const pid = cloneWithCalls(start, FLAGS);
  const failure = new Int32Array(table.buffer)[0]!;
  traced("clone", [FLAGS, null], pid);
  for (const { name, args } of calls)
    if (name !== "rt_sigaction" && name !== "finish")
      traced(name, [...args], name === "execve" ? failure : 0);
  if (pid < 0 || failure === 0) return pid;
  wait(pid);
  return failure;
}
