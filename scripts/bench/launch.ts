// Owns starting one program and waiting for it, with what the kernel says it used. posix_spawn(3) and wait4(2) are called
// directly: Bun's own spawn has no page faults, and its event loop would be part of the time that is measured.

import { dlopen, type Pointer, ptr } from "bun:ffi";

const { symbols: libc } = dlopen("libc.so.6", {
  posix_spawn: { args: ["ptr", "ptr", "ptr", "ptr", "ptr", "ptr"], returns: "int" },
  posix_spawn_file_actions_init: { args: ["ptr"], returns: "int" },
  posix_spawn_file_actions_adddup2: { args: ["ptr", "int", "int"], returns: "int" },
  posix_spawn_file_actions_destroy: { args: ["ptr"], returns: "int" },
  posix_spawnattr_init: { args: ["ptr"], returns: "int" },
  posix_spawnattr_setflags: { args: ["ptr", "i16"], returns: "int" },
  posix_spawnattr_setsigdefault: { args: ["ptr", "ptr"], returns: "int" },
  wait4: { args: ["int", "ptr", "int", "ptr"], returns: "int" },
  clock_gettime: { args: ["int", "ptr"], returns: "int" },
});

const CLOCK_MONOTONIC = 1;
const POSIX_SPAWN_SETSIGDEF = 4;
const POSIX_SPAWN_SETSIGMASK = 8;
/** more than glibc's and musl's posix_spawn structures need */
const STRUCTURE = 512;

const ptrTable = (words: readonly Buffer[]): BigUint64Array =>
  BigUint64Array.from([...words.map((word) => BigInt(ptr(word))), 0n]);
const cstring = (text: string): Buffer => Buffer.from(`${text}\0`);

/** One run of a program, with all its descendants that were waited for. Times are in nanoseconds. */
export interface Run {
  /** CLOCK_MONOTONIC right before the program was spawned, and right after it was reaped */
  start: number;
  end: number;
  /** user and system time */
  cpu: number;
  /** minor page faults */
  faults: number;
  /** exit code, or 128 + signal */
  status: number;
}

const clockWords = new BigInt64Array(2);
const clockAddress = ptr(clockWords);

/** CLOCK_MONOTONIC in nanoseconds. */
export function now(): number {
  libc.clock_gettime(CLOCK_MONOTONIC, clockAddress);
  return Number(clockWords[0]! * 1_000_000_000n + clockWords[1]!);
}

/** As a program is started from a shell: no signal ignored or blocked. */
function attributes(): { structure: Uint8Array; address: Pointer } {
  const structure = new Uint8Array(STRUCTURE);
  const address = ptr(structure);
  libc.posix_spawnattr_init(address);
  libc.posix_spawnattr_setflags(address, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
  libc.posix_spawnattr_setsigdefault(address, ptr(new Uint8Array(128).fill(0xff)));
  return { structure, address };
}
const attribute = attributes();

/**
 * Runs a program to its end, and does nothing else meanwhile. `path` is absolute; 0 and 1 are the descriptor `quiet`, and 2
 * is `stderr`. @throws Error where it cannot be started
 */
export function launch(
  command: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
  quiet: number,
  stderr: number,
): Run {
  const words = command.map(cstring);
  const variables = Object.entries(environment).map(([name, value]) => cstring(`${name}=${value}`));
  const [argv, envp] = [ptrTable(words), ptrTable(variables)];
  const actions = new Uint8Array(STRUCTURE);
  const actionsAddress = ptr(actions);
  libc.posix_spawn_file_actions_init(actionsAddress);
  for (const [from, to] of [
    [quiet, 0],
    [quiet, 1],
    [stderr, 2],
  ] as const)
    libc.posix_spawn_file_actions_adddup2(actionsAddress, from, to);
  const pid = new Int32Array(2);
  const status = new Int32Array(2);
  const usage = new BigInt64Array(18);
  const [pidAddress, path, statusAddress, usageAddress] = [ptr(pid), ptr(words[0]!), ptr(status), ptr(usage)];
  const [argvAddress, envpAddress] = [ptr(argv), ptr(envp)];
  const start = now();
  const failed = libc.posix_spawn(
    pidAddress,
    path,
    actionsAddress,
    attribute.address,
    argvAddress,
    envpAddress,
  );
  const ended = failed === 0 ? libc.wait4(pid[0]!, statusAddress, 0, usageAddress) : -1;
  const end = now();
  libc.posix_spawn_file_actions_destroy(actionsAddress);
  if (ended < 0) throw new Error(`${command[0]} cannot be started or waited for: error ${failed}`);
  const signal = status[0]! & 0x7f;
  // struct rusage (getrusage(2)): ru_utime and ru_stime in seconds and microseconds, …, ru_minflt
  const [userSeconds, user, systemSeconds, system, , , , , faults] = usage;
  return {
    start,
    end,
    cpu: Number((userSeconds! + systemSeconds!) * 1_000_000n + user! + system!) * 1000,
    faults: Number(faults),
    status: signal ? 128 + signal : (status[0]! >> 8) & 0xff,
  };
}
