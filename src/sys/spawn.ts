// Owns starting programs: in this process (execve(2)), and in one below it (posix_spawn(3)).

import { cstring, putLong } from "./bytes.ts";
import { CLONE } from "./constants.ts";
import { addressOf, attempt, type SpawnWords, spawnInNamespace, spawnInNamespaceAndEnd } from "./libc.ts";
import { signalSet, THREAD_SIGNALS } from "./signal.ts";

/**
 * A C vector (argv, envp): the strings one after the other, each with a NUL at its end, and the table of pointers to
 * them, NULL at the end.
 */
export function vector(words: readonly string[]): { table: Uint8Array; keep: Uint8Array } {
  const keep = cstring(words.join("\0"));
  const base = addressOf(keep);
  // pointers in halves: a BigInt for each would cost more than the call
  const table = new Uint32Array((words.length + 1) * 2);
  let at = 0;
  for (let i = 0; i < words.length; i++) {
    putLong(table, 2 * i, base + at);
    at = keep.indexOf(0, at) + 1;
  }
  return { table: new Uint8Array(table.buffer), keep };
}

/** int execve(const char *path, char *const argv[], char *const envp[]): returns only where it fails, with -errno. */
export function execve(path: string, argv: readonly string[], envp: readonly string[]): number {
  const args = vector(argv);
  const env = vector(envp);
  const result = attempt("execve", path, args.table, env.table);
  keepAlive(args.keep, env.keep);
  return result;
}

/**
 * posix_spawn(3): the pid, or -errno, also where the program could not be executed. The program starts with no signal
 * blocked, and with libc's own signals at their default; it inherits descriptors and namespaces.
 */
export function trySpawn(path: string, argv: readonly string[], envp: readonly string[]): number {
  const pid = new Int32Array(1);
  const args = vector(argv);
  const env = vector(envp);
  // posix_spawnattr_t of glibc and musl alike: short flags, pid_t pgroup, sigset_t default, sigset_t mask (empty), …
  const attributes = new Uint8Array(336);
  const POSIX_SPAWN_SETSIGDEF = 4;
  const POSIX_SPAWN_SETSIGMASK = 8;
  attributes[0] = POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK;
  attributes.set(signalSet(THREAD_SIGNALS), 8);
  const result = attempt(
    "posix_spawn",
    new Uint8Array(pid.buffer),
    path,
    null,
    attributes,
    args.table,
    env.table,
  );
  keepAlive(args.keep, env.keep);
  return result < 0 ? result : pid[0]!;
}

/** posix_spawn(3)'s arguments; the pid goes to the address `pid`. */
function spawnWords(
  pid: number,
  path: string,
  argv: readonly string[],
  envp: readonly string[],
): { words: SpawnWords; keep: Uint8Array[] } {
  const pathBytes = cstring(path);
  const args = vector(argv);
  const env = vector(envp);
  return {
    words: {
      pid,
      path: addressOf(pathBytes),
      argv: addressOf(args.table),
      envp: addressOf(env.table),
      shown: [path, argv.join(" ")],
    },
    keep: [pathBytes, args.keep, env.keep, args.table, env.table],
  };
}

/**
 * Spawns a program in another pid namespace, and leaves this process in its own, whose descriptor is `own`: in the one
 * whose descriptor is `joined`, or for -1 as the first process of a new one. setns(2) to `own` must be possible. The
 * program inherits the signal mask. Returns the pid, or -errno of posix_spawn. @throws SysError from unshare or setns
 */
export function spawnInPidNamespace(
  joined: number,
  own: number,
  path: string,
  argv: readonly string[],
  envp: readonly string[],
): number {
  const pid = new Int32Array(1);
  const pidBytes = new Uint8Array(pid.buffer);
  const { words, keep } = spawnWords(addressOf(pidBytes), path, argv, envp);
  const result = spawnInNamespace({ flag: CLONE.CLONE_NEWPID, joined }, own, words);
  keepAlive(pidBytes, ...keep);
  return result < 0 ? result : pid[0]!;
}

/**
 * The same by a process that ends with it, after it wrote `message` to the socket, whose last four bytes posix_spawn
 * fills with the pid. With "own" the program starts in the pid namespace of this process. The process's exit status is
 * posix_spawn's error number. @throws SysError from unshare or setns
 */
export function spawnInPidNamespaceAndEnd(
  joined: number | "own",
  path: string,
  argv: readonly string[],
  envp: readonly string[],
  socket: number,
  message: Uint8Array,
): never {
  const address = addressOf(message);
  const { words } = spawnWords(address + message.length - 4, path, argv, envp);
  const namespace = joined === "own" ? { flag: 0, joined: -1 } : { flag: CLONE.CLONE_NEWPID, joined };
  return spawnInNamespaceAndEnd(namespace, words, socket, { address, length: message.length });
}

/** Does nothing. A value that is named here is not collected before, and the kernel still has its address. */
function keepAlive(..._values: Uint8Array[]): void {}
