// Owns init mode (--init): minibox stays PID 1, runs the command as its child, passes signals on to it and reaps
// orphans, as the init of any system does (signal(7), signalfd(2), wait4(2)).

import type { Process } from "../spec/types.ts";
import { send } from "../sync.ts";
import { tryFaccessat } from "../sys/access.ts";
import { AT_FDCWD, SFD_CLOEXEC, SI_KERNEL, SIGNALS, X_OK } from "../sys/constants.ts";
import { closeRange, LAST_DESCRIPTOR } from "../sys/descriptor.ts";
import { EACCES, ENOENT, EPERM, SysError } from "../sys/errno.ts";
import { close } from "../sys/file.ts";
import { setTracer, step } from "../sys/libc.ts";
import { exit, kill, setDumpable, setName, wait } from "../sys/process.ts";
import { setSignalMask, signalSet } from "../sys/signal.ts";
import { hasThreads, redirectSignals, takenByThreads } from "../sys/signal-threads.ts";
import { readSignal, signalfd } from "../sys/signalfd.ts";
import { type Limit, prepareSpawn, type Spawn } from "../sys/vfork.ts";
import { candidates, rlimitNumber, TRY_NEXT } from "./process.ts";

/** What an init prepares before the seccomp filter is in force. */
export interface Init {
  /** the signalfd(2) from which signals are read */
  signals: number;
  spawn: Spawn;
}

/**
 * Blocks all signals and opens the signalfd. A signal that comes while the command starts stays pending, and is passed
 * on afterwards. @throws SysError
 */
export function prepareInit(): Init {
  setSignalMask(signalSet());
  redirectSignals(takenByThreads(hasThreads()));
  return { signals: signalfd(signalSet(), SFD_CLOEXEC), spawn: prepareSpawn() };
}

/** Runs the command as a child of PID 1 until it ends, and exits with its status. @throws SysError */
export function runAsInit(socket: number, { signals, spawn }: Init, program: Process): never {
  setName("minibox"); // the kernel names a process after the file that it executed, here a descriptor's number
  leaveOpen(socket, signals);
  // Programs log to /proc/1/fd/1. The kernel lets them open it only where PID 1 is dumpable, and lets them ptrace(2) a
  // dumpable process as well. So from its first instruction on the command can control PID 1.
  setDumpable();
  send(socket, { type: "spawning" });
  const main = start(program, spawn);
  setTracer(undefined); // the tracer sends over the socket, which is closed next
  close(socket);
  reap(main);
  for (;;) {
    const { signal, code } = readSignal(signals);
    if (signal === SIGNALS.CHLD) reap(main);
    // the terminal has sent its own signals (^C) to the command already, as part of its process group
    else if (code !== SI_KERNEL) kill(main, signal);
  }
}

/** Closes every descriptor except 0, 1, 2 and these. */
function leaveOpen(...descriptors: number[]): void {
  let next = 3;
  for (const fd of descriptors.sort((a, b) => a - b)) {
    if (fd > next) closeRange(next, fd - 1, 0);
    next = fd + 1;
  }
  closeRange(next, LAST_DESCRIPTOR, 0);
}

/**
 * Starts the command; returns its pid. Each spawn takes a pid, so on a PATH only an executable file is tried: the
 * command then gets pid 2. @throws SysError
 */
function start({ args, env = [], rlimits = [] }: Process, spawn: Spawn): number {
  const command = args[0]!;
  const files = candidates(command, env);
  let worst = ENOENT;
  for (const path of files) {
    const found = files.length === 1 ? 0 : tryFaccessat(AT_FDCWD, path, X_OK);
    step(`spawn ${path}`, "PID 1 stays minibox: it passes signals on and reaps orphans");
    const result = found < 0 ? found : spawn(path, args, env, limitsOf(rlimits));
    if (result > 0) return result;
    if (!TRY_NEXT.includes(-result) || files.length === 1)
      throw new SysError("execve", [path], -result, `spawn ${path}`);
    if (result === -EACCES || result === -EPERM) worst = -result;
  }
  throw new SysError("execve", [command], worst, `spawn ${command}`);
}

/** Returns the spec's rlimits for the command alone: PID 1 could not always work under them. */
function limitsOf(rlimits: NonNullable<Process["rlimits"]>): Limit[] {
  const limits: Limit[] = [];
  for (const { type, soft, hard } of rlimits)
    limits.push({ resource: rlimitNumber(type), soft: BigInt(soft), hard: BigInt(hard) });
  return limits;
}

/** Waits for every child that has ended. Exits where the command is among them, which ends the container. */
function reap(main: number): void {
  for (;;) {
    const ended = wait(-1, false);
    if (!ended) return;
    if (ended.pid === main) exit(ended.exit.status);
  }
}
