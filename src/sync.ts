// Owns the protocol between parent and child, both ends of it: JSON messages, each a frame on a Unix stream socket
// (frames.ts). The parent sends descriptors and one ChildRequest; the child reports what it does. The child's end is
// close-on-exec, so the end of the stream tells the parent that execve(2) has succeeded.

import type { Options } from "./container/options.ts";
import { frameOf, readFrame, readOn, sendFrame, textsIn } from "./frames.ts";
import { parseOwn, stringify } from "./json.ts";
import type { MountOperation } from "./spec/mount-operations.ts";
import type { CapabilitySet, Linux, Namespace, Process, Spec } from "./spec/types.ts";
import type { CapabilityMask } from "./sys/capability.ts";
import { setNonblocking } from "./sys/descriptor.ts";
import { type Arg, EAGAIN, ECONNRESET, isErrno } from "./sys/errno.ts";
import { tryRead } from "./sys/file.ts";
import { untraced } from "./sys/libc.ts";
import type { Stamp } from "./sys/phases.ts";
import { MOST_FDS } from "./sys/socket.ts";

/**
 * All of the child's environment: the caller's or the container's variables could change what Bun does (BUN_OPTIONS,
 * LD_PRELOAD). The first one makes Bun reserve less address space, which may be limited, and scripts/elf/guard.ts knows
 * by it that minibox started the process. Without the concurrent JIT Bun starts no helper threads: only a process of
 * one thread may change its user namespace (setns(2)). useJIT=0 would start faster still, but bun:ffi needs the JIT.
 */
export const CHILD_ENVIRONMENT: string[] = [
  "BUN_JSC_jitMemoryReservationSize=16777216",
  "BUN_JSC_useConcurrentJIT=0",
];

/** Everything that decides what the container's first process becomes. */
export interface ChildRequest {
  id: string;
  /** absolute; relative paths in the spec start here */
  bundle: string;
  spec: ChildSpec;
  capabilities: Readonly<Record<CapabilitySet, CapabilityMask>>;
  mounts: readonly MountOperation[];
  /** linux.rootfsPropagation as MS_* */
  rootPropagation?: number | undefined;
  options: Options;
  host: Host;
}

/** What the child reads of the spec. What is left out is in the rest of the request, as numbers. */
export interface ChildSpec extends Pick<Spec, "root" | "hostname" | "domainname"> {
  process: Omit<Process, "capabilities">;
  linux: Omit<Linux, "resources" | "seccomp">;
}

/** What the parent found out or made on the host for a container. */
export interface Host {
  /** the container's directory on the host, where the child can mount something before the container's root is ready */
  stateDirectory: string;
  /** what the command's 0, 1 and 2 are */
  stdio: readonly Stream[];
  /** files to mount over the rootfs's files of the same paths */
  ownFiles: readonly OwnFile[];
  cgroup: CgroupToJoin;
  /** the user namespace allows no setgroups(2): the caller's supplementary groups stay (user_namespaces(7)) */
  keepGroups: boolean;
  /** the compiled form of spec.linux.seccomp */
  seccomp?: SeccompFilter | undefined;
  /** signals that the parent ignores, because Bun or the caller (nohup) made it; a child inherits that (execve(2)) */
  ignoredSignals: readonly number[];
  /** the child waits, with everything in force but execve, until somebody connects to its socket and sends "go" */
  hold: boolean;
  /** the container ends with the process that made it (PR_SET_PDEATHSIG) */
  endsWithMaker: boolean;
}

/**
 * What one of 0, 1 and 2 is for the command: the container's terminal, the container's own /dev/null, the descriptor
 * that the child has inherited, or the one that comes as "stream N".
 */
export type Stream = "terminal" | "null" | "same" | "given";

/** The name of the descriptor that is to be the command's 0, 1 or 2. */
export function streamName(fd: number): string {
  return `stream ${fd}`;
}

/** The container's cgroup, as the child joins and shows it. */
export interface CgroupToJoin {
  /** the files into which a process writes "0" to join (cgroups(7)) */
  files: readonly string[];
  /** this many files, from the first, must accept the child; the others may refuse it */
  required: number;
  /** the cgroup lets only harmless devices be opened */
  limitsDevices: boolean;
  /** the control groups that the container sees; undefined where the host has none */
  view?: CgroupView | undefined;
}

/** A file of the container's own, mounted over the rootfs's. */
export interface OwnFile {
  path: string;
  text: string;
  /** where the rootfs lacks the file, an empty one is made there for as long as the container runs */
  make: boolean;
}

/**
 * The control groups as a container sees them. Version 2 is one file system. Version 1 is one file system for each
 * hierarchy, mounted with these options in a directory of this name; `options` is null for a hierarchy of version 2.
 */
export interface CgroupView {
  version: 1 | 2;
  hierarchies: [name: string, options: string | null][];
}

/**
 * What the parent opened for the child, by name. "rootfs" is the directory that becomes the root, in the mount namespace
 * in which the child starts; or else there is "root". "root" and "bind N" are detached copies of mounts, where N is the
 * bind's place in spec.mounts. "cgroup N" is the Nth of the cgroup's files, open for writing. "start" is the listening
 * socket over which a held container is started. "stream N" is to be the command's descriptor N. "network" is a network
 * namespace.
 */
export type Descriptors = Record<string, number>;

/** What the process that makes a user namespace needs to know. */
export interface EnterRequest {
  /** the container's namespaces; the process enters the user and the pid namespace alone */
  namespaces: readonly Namespace[];
  /** with whom the container is to end (container/spawn.ts) */
  owner: "supervisor" | "caller";
  /** the parent may not clone a read-only mount of the executable; in a user namespace the process may, and does */
  protectExecutable: boolean;
  /** those of 0, 1 and 2 that the process opens once more, for the same reason */
  reopen: readonly number[];
  /** report every call */
  trace: boolean;
}

/** A call's argument as JSON can carry it: a kernel structure as its bytes in hex, a large buffer as its length. */
export type WireArg = Exclude<Arg, Uint8Array> | { hex: string } | { length: number };

/** A compiled seccomp filter. */
export interface SeccompFilter {
  /** an array of struct sock_filter, in base64 */
  program: string;
  /** SECCOMP_FILTER_FLAG_* */
  flags: number;
  /** the filter sends notices (SCMP_ACT_NOTIFY), so the child sends the descriptor of its listener to the parent */
  listens: boolean;
}

/** The labels that security modules will confine the command with, as the kernel writes them. */
export interface Labels {
  apparmorProfile?: string;
  selinuxLabel?: string;
}

export type ToChild =
  /** comes with descriptors, whose names are in the same order, as do "descriptors" */
  | { type: "request"; request: ChildRequest; names: readonly string[] }
  /** the first message to the process that makes a user namespace */
  | { type: "enter"; enter: EnterRequest }
  /** the user namespace has its mappings; comes with the rootfs, where the container's first process is to open it */
  | { type: "mapped" }
  /** comes before the request, where that has more descriptors than one message may have */
  | { type: "descriptors"; names: readonly string[] }
  | { type: "go" };

export type FromChild =
  | { type: "error"; step: string; call: string; args: Arg[]; errno: number }
  /** the request cannot be met; the message is a sentence for the person */
  | { type: "refused"; message: string }
  | { type: "step"; text: string; why: string }
  | { type: "call"; name: string; args: WireArg[]; result: number }
  /** a new user namespace waits for its mappings */
  | { type: "map" }
  /** comes with a descriptor that the process has opened in the place of this one */
  | { type: "reopened"; fd: number }
  /** comes with the rootfs, as it is in the mount namespace in which the container's first process starts */
  | { type: "rootfs" }
  /** the container's first process was started in the user namespace; its pid follows (readPid()) */
  | { type: "spawned" }
  /** the same with the pid of its keeper; comes with the pidfd of the container's first process */
  | { type: "kept"; keeper: number }
  /** comes with the pty's master */
  | { type: "terminal" }
  /** comes with the descriptor that seccomp notices are read from */
  | { type: "listener" }
  | { type: "warning"; message: string }
  /** a file or directory had to be made in the rootfs, for a mount or to work in */
  | { type: "made"; path: string; inode: number }
  /** the child waits until it is started, and only execve is left; after that it sends nothing more unless it fails */
  | { type: "held"; labels: Labels }
  /** the child's phases up to execve; sent by a build with the feature PHASES alone */
  | { type: "phases"; stamps: readonly Stamp[] }
  /** execve comes next */
  | { type: "ready" }
  /**
   * an init is about to start the command. The command can take the init over, so from now on only errors are believed.
   */
  | { type: "spawning" }
  /** never sent: the parent's name for the end of the stream after "ready" */
  | { type: "started" };

/**
 * Sends one message, together with these descriptors, at most MOST_FDS. @throws SysError (EPIPE when the other end is
 * gone)
 */
export function send(socket: number, message: ToChild | FromChild, ...fds: number[]): void {
  untraced(() => sendFrame(socket, frameOf(stringify(message)), fds));
}

/**
 * Sends descriptors by their names, and the request with the last of them. A message carries no more than MOST_FDS, and
 * a container with as many volumes has more. @throws SysError (EPIPE when the other end is gone)
 */
export function sendRequest(socket: number, request: ChildRequest, ...descriptors: Descriptors[]): void {
  let names: string[] = [];
  let fds: number[] = [];
  for (const some of descriptors)
    for (const name in some) {
      if (fds.length === MOST_FDS) {
        send(socket, { type: "descriptors", names }, ...fds);
        [names, fds] = [[], []];
      }
      names.push(name);
      fds.push(some[name]!);
    }
  send(socket, { type: "request", request, names }, ...fds);
}

/** A received message, and the descriptors that came with it. */
export interface Received<T> {
  message: T;
  fds: readonly number[];
}

/**
 * Waits for the next message; only the parent sends more than one descriptor with a message. Undefined where the stream
 * ends, even in the middle of a message, and where the other end was killed before it had read everything that was sent to
 * it (ECONNRESET). @throws SysError
 */
export function read<T extends ToChild | FromChild>(socket: number, mostFds = 1): Received<T> | undefined {
  return untraced(() => {
    try {
      const frame = readFrame(socket, mostFds);
      return frame && { message: parseOwn(frame.text) as T, fds: frame.fds };
    } catch (error) {
      if (isErrno(error, ECONNRESET)) return undefined;
      throw error;
    }
  });
}

/** In bytes. An error and the trace of the calls before it are smaller. */
const MOST_AT_HAND = 65_536;

/**
 * Returns the messages that have arrived, without waiting. It is for a peer that may be hostile and could send half a
 * message, or gigabytes. Undefined at the end of the stream and for bytes that are no message. Descriptors are dropped.
 */
export function readAtHand<T extends FromChild>(socket: number): T[] | undefined {
  return untraced(() => {
    setNonblocking(socket);
    const bytes = new Uint8Array(MOST_AT_HAND);
    const n = tryRead(socket, bytes);
    if (n === -EAGAIN) return [];
    try {
      return n > 0 ? textsIn(bytes.subarray(0, n)).map((text) => parseOwn(text) as T) : undefined;
    } catch {
      return undefined;
    }
  });
}

/** In bytes, an int. */
const PID_SIZE = 4;

/**
 * Returns the message "spawned" with room for a pid at its end. The sender runs no JavaScript any more between
 * posix_spawn(3) and its own end, so posix_spawn writes the pid into these bytes.
 */
export function spawnedFrame(): Uint8Array {
  const frame = frameOf(JSON.stringify({ type: "spawned" }));
  const bytes = new Uint8Array(frame.length + PID_SIZE);
  bytes.set(frame);
  return bytes;
}

/** Reads the pid that follows "spawned"; undefined at the end of the stream. @throws SysError */
export function readPid(socket: number): number | undefined {
  const pid = new Int32Array(1);
  return untraced(() => readOn(socket, new Uint8Array(pid.buffer), 0)) ? pid[0]! : undefined;
}
