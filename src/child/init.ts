// Owns init mode: PID 1 stays minibox, runs the command as its child, passes signals on and reaps orphans, as the
// init of any system does (signal(7), signalfd(2), wait4(2)).

import type { Process } from "../spec/types.ts";
import { AT_FDCWD, PR, SIGNALS } from "../sys/constants.ts";
import { EACCES, ENOENT, EPERM, SysError } from "../sys/errno.ts";
import { close } from "../sys/file.ts";
import { attempt, call, step } from "../sys/libc.ts";
import { exit, kill, setSignalMask, signalSet, trySpawn, wait } from "../sys/process.ts";
import { redirectSignals } from "../sys/signal-threads.ts";
import { candidates, TRY_NEXT } from "./process.ts";

/**
 * Blocks all signals and returns a descriptor that they are read from. Before the command is there: a signal that
 * comes while it starts waits here and is passed on. @throws SysError
 */
export function takeSignals(): number {
  setSignalMask(signalSet());
  redirectSignals(PASSED_ON);
  const SFD_CLOEXEC = 0o2000000;
  return call("signalfd4", -1, signalSet(), 8, SFD_CLOEXEC);
}

/** Runs the command as a child of PID 1 and serves it until it ends; then ends with its status. @throws SysError */
export function runAsInit(socket: number, signals: number, process: Process): never {
  call("prctl", PR.PR_SET_NAME, "minibox"); // it was a descriptor's number
  // what is left of us in here has nothing to show, and no memory to be written
  call("prctl", PR.PR_SET_DUMPABLE, 0, 0, 0, 0);
  const main = start(process);
  close(socket);
  // a descriptor held here would keep a pipe open that the command has closed
  for (const fd of [0, 1, 2]) attempt("close", fd);
  reap(main);
  const info = new Uint8Array(128);
  const view = new DataView(info.buffer);
  for (;;) {
    call("read", signals, info, info.length);
    const signal = info[0]!;
    if (signal === SIGNALS.CHLD) reap(main);
    // what the terminal sends (^C) went to the command's whole process group already
    else if (view.getInt32(8, true) !== SI_KERNEL) kill(main, signal);
  }
}

/** All but those that cannot be handled, SIGCHLD, and 32 and 33, which are libc's own. */
const PASSED_ON: number[] = [];
for (let signal = 1; signal <= 64; signal++)
  if (
    signal !== 32 &&
    signal !== 33 &&
    signal !== SIGNALS.KILL &&
    signal !== SIGNALS.STOP &&
    signal !== SIGNALS.CHLD
  )
    PASSED_ON.push(signal);

/** siginfo's si_code for signals of the kernel's own (asm-generic/siginfo.h) */
const SI_KERNEL = 0x80;

/** The command gets pid 2: what is not there is not tried, for each try takes a pid. */
function start(process: Process): number {
  const command = process.args[0]!;
  const env = process.env ?? [];
  const files = candidates(command, env);
  let worst = ENOENT;
  for (const path of files) {
    const found = files.length === 1 ? 0 : attempt("faccessat", AT_FDCWD, path, X_OK);
    step(`spawn ${path}`, "PID 1 stays minibox: it passes signals on and reaps orphans");
    const result = found < 0 ? found : trySpawn(path, process.args, env);
    if (result > 0) return result;
    if (!TRY_NEXT.has(-result) || files.length === 1)
      throw new SysError("execve", [path], -result, `execute ${path}`);
    if (result === -EACCES || result === -EPERM) worst = -result;
  }
  throw new SysError("execve", [command], worst, `execute ${command}`);
}

/** faccessat(2) */
const X_OK = 1;

/** Collects every child that has ended; with the command itself, the container ends. */
function reap(main: number): void {
  for (;;) {
    const ended = wait(-1, false);
    if (!ended) return;
    if (ended.pid === main) exit(ended.exit.status);
  }
}
