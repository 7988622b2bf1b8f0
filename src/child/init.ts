// Owns init mode: PID 1 stays minibox, runs the command as its child, passes signals on and reaps orphans, as the
// init of any system does (signal(7), signalfd(2), wait4(2)).

import type { Process } from "../spec/types.ts";
import { send } from "../sync.ts";
import { tryFaccessat } from "../sys/access.ts";
import { AT_FDCWD, SFD_CLOEXEC, SI_KERNEL, SIGNALS, X_OK } from "../sys/constants.ts";
import { closeRange, LAST_DESCRIPTOR } from "../sys/descriptor.ts";
import { EACCES, ENOENT, EPERM, SysError } from "../sys/errno.ts";
import { close } from "../sys/file.ts";
import { setTracer, step } from "../sys/libc.ts";
import { exit, kill, setDumpable, setName, wait } from "../sys/process.ts";
import { setSignalMask, signalSet, THREAD_SIGNALS } from "../sys/signal.ts";
import { redirectSignals } from "../sys/signal-threads.ts";
import { readSignal, signalfd } from "../sys/signalfd.ts";
import { type Limit, prepareSpawn, type Spawn } from "../sys/vfork.ts";
import { candidates, rlimitNumber, TRY_NEXT } from "./process.ts";

/** What an init has ready before the filter of system calls is in force. */
export interface Init {
  /** the descriptor that signals are read from */
  signals: number;
  spawn: Spawn;
}

/**
 * Blocks all signals. Before the command is there: a signal that comes while it starts waits here and is passed on.
 * @throws SysError
 */
export function prepareInit(): Init {
  setSignalMask(signalSet());
  redirectSignals(PASSED_ON);
  return { signals: signalfd(signalSet(), SFD_CLOEXEC), spawn: prepareSpawn() };
}

/** Runs the command as a child of PID 1 and serves it until it ends; then ends with its status. @throws SysError */
export function runAsInit(socket: number, { signals, spawn }: Init, program: Process): never {
  setName("minibox"); // it was a descriptor's number
  leaveOpen(socket, signals);
  // Programs log to /proc/1/fd/1. The kernel shows that only of a process that can also be traced, so from its first
  // instruction on the command may do with PID 1 as it likes.
  setDumpable();
  send(socket, { type: "spawning" });
  const main = start(program, spawn);
  setTracer(undefined); // a trace goes over the socket
  close(socket);
  reap(main);
  for (;;) {
    const { signal, code } = readSignal(signals);
    if (signal === SIGNALS.CHLD) reap(main);
    // what the terminal sends (^C) went to the command's whole process group already
    else if (code !== SI_KERNEL) kill(main, signal);
  }
}

/** Closes everything else but 0, 1 and 2. */
function leaveOpen(...descriptors: number[]): void {
  let next = 3;
  for (const fd of descriptors.sort((a, b) => a - b)) {
    if (fd > next) closeRange(next, fd - 1, 0);
    next = fd + 1;
  }
  closeRange(next, LAST_DESCRIPTOR, 0);
}

/** All but those that cannot be handled, SIGCHLD, and libc's own. */
const PASSED_ON: number[] = [];
for (let signal = 1; signal <= 64; signal++)
  if (
    !THREAD_SIGNALS.includes(signal) &&
    signal !== SIGNALS.KILL &&
    signal !== SIGNALS.STOP &&
    signal !== SIGNALS.CHLD
  )
    PASSED_ON.push(signal);

/** The command gets pid 2: what is not there is not tried, for each try takes a pid. */
function start({ args, env = [], rlimits = [] }: Process, spawn: Spawn): number {
  const command = args[0]!;
  const files = candidates(command, env);
  let worst = ENOENT;
  for (const path of files) {
    const found = files.length === 1 ? 0 : tryFaccessat(AT_FDCWD, path, X_OK);
    step(`spawn ${path}`, "PID 1 stays minibox: it passes signals on and reaps orphans");
    const result = found < 0 ? found : spawn(path, args, env, limitsOf(rlimits));
    if (result > 0) return result;
    if (!TRY_NEXT.has(-result) || files.length === 1)
      throw new SysError("execve", [path], -result, `spawn ${path}`);
    if (result === -EACCES || result === -EPERM) worst = -result;
  }
  throw new SysError("execve", [command], worst, `spawn ${command}`);
}

/** The spec's limits are the command's: under them PID 1 could not always work. */
function limitsOf(rlimits: NonNullable<Process["rlimits"]>): Limit[] {
  const limits: Limit[] = [];
  for (const { type, soft, hard } of rlimits)
    limits.push({ resource: rlimitNumber(type), soft: BigInt(soft), hard: BigInt(hard) });
  return limits;
}

/** Collects every child that has ended; with the command itself, the container ends. */
function reap(main: number): void {
  for (;;) {
    const ended = wait(-1, false);
    if (!ended) return;
    if (ended.pid === main) exit(ended.exit.status);
  }
}
