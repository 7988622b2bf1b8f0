// Owns the protocol between parent and child: length-prefixed JSON over one Unix stream socket, both ends here.
// The parent sends one ChildRequest, then a word when the child may go on; the child reports what it does, and its
// end of the socket closes by itself when execve succeeds.

import type { Options } from "./container/options.ts";
import { parse, stringify } from "./json.ts";
import type { Namespace, Spec } from "./spec/types.ts";
import { decode, encode } from "./sys/bytes.ts";
import { setNonblocking } from "./sys/descriptor.ts";
import { type Arg, EAGAIN, ECONNRESET, isErrno } from "./sys/errno.ts";
import { close, read as readBytes, tryRead, write } from "./sys/file.ts";
import { untraced } from "./sys/libc.ts";
import { receive, sendFd } from "./sys/socket.ts";

/**
 * A fixed environment: the container's, or the caller's, could change what the runtime does (BUN_OPTIONS, LD_PRELOAD).
 * Without helper threads, the child may enter a user namespace. (useJIT=0 would start it sooner still, but takes bun:ffi away.)
 * The first one keeps address space, which may be limited, and tells ours from a caller's (scripts/elf/guard.ts).
 */
export const CHILD_ENVIRONMENT: string[] = [
  "BUN_JSC_jitMemoryReservationSize=16777216",
  "BUN_JSC_useConcurrentJIT=0",
  "BUN_JSC_useWarmUpMarkedBlocks=0",
];

/** Everything that decides what the container's first process becomes. A network namespace made by the parent comes with it. */
export interface ChildRequest {
  id: string;
  /** absolute; relative paths in the spec start here */
  bundle: string;
  spec: Spec;
  options: Options;
  host: Host;
}

/** What the parent found out or made on the host for a container. */
export interface Host {
  /** an empty directory of this container's own, to mount what needs a place before the root is ready */
  stateDirectory: string;
  /** which of 0, 1 and 2 become the container's terminal, where it has one; the others stay the caller's */
  terminalDescriptors?: readonly number[] | undefined;
  /** laid upon the rootfs's files of the same paths, where it has them */
  ownFiles: readonly OwnFile[];
  cgroup: CgroupToJoin;
  /** the user namespace allows no setgroups(2): the caller's supplementary groups stay (user_namespaces(7)) */
  keepGroups: boolean;
  /** the compiled form of spec.linux.seccomp */
  seccomp?: SeccompFilter | undefined;
  /** signals that are ignored on the parent's side of execve: Bun's doing, or the caller's (nohup) */
  ignoredSignals: readonly number[];
  /** with everything in force the child waits before execve; the word to go on comes over a listening socket */
  hold: boolean;
  /** the container ends with the process that made it (PR_SET_PDEATHSIG) */
  endsWithMaker: boolean;
}

/** The container's cgroup, as the child joins and shows it. */
export interface CgroupToJoin {
  /** files to write "0" into, which means oneself */
  files: readonly string[];
  /** how many of them, from the first, must let the child in */
  required: number;
  /** no device can be opened but harmless ones */
  limitsDevices: boolean;
  /** the control groups that the container sees; undefined where the host has none */
  view?: CgroupView | undefined;
}

/** A file that the container has for itself. */
export interface OwnFile {
  path: string;
  text: string;
  /** the rootfs gets a place for it, where it has none, for as long as the container runs */
  make: boolean;
}

/** Version 2 is one file system, version 1 one for each of these names, with mount(2)'s options; null for version 2. */
export interface CgroupView {
  version: 1 | 2;
  hierarchies: [name: string, options: string | null][];
}

/**
 * What the parent opened because the child may not, by name: "root" and "bind N" are detached copies of mounts (N is
 * the bind's place in spec.mounts), "cgroup N" is the Nth of the cgroup's files, open for writing.
 */
export type Descriptors = Map<string, number>;

/** What the process that makes a user namespace needs to know. */
export interface EnterRequest {
  /** the container's, of which it enters the user and the pid namespace */
  namespaces: readonly Namespace[];
  /** the parent could not open the executable so that nobody can write it: the new namespace gives the right to */
  seal: boolean;
  /** report every call */
  trace: boolean;
}

/** An argument as JSON can carry it: of a kernel structure the bytes in hex, of a large buffer only the length. */
export type WireArg = Exclude<Arg, Uint8Array> | { hex: string } | { length: number };
/** A compiled filter on its way to the child. */
export interface SeccompFilter {
  /** an array of struct sock_filter, in base64 */
  program: string;
  /** SECCOMP_FILTER_FLAG_* */
  flags: number;
  /** the filter has notices to give: its listener goes to the parent */
  listens: boolean;
}

/** What security modules will confine the command with, as they tell it. */
export interface Labels {
  apparmorProfile?: string;
  selinuxLabel?: string;
}

export type ToChild =
  | { type: "request"; request: ChildRequest }
  /** the first message to the process that makes a user namespace */
  | { type: "enter"; enter: EnterRequest }
  /** the user namespace has its mappings */
  | { type: "mapped" }
  /** comes with a descriptor, before the request */
  | { type: "descriptor"; name: string }
  | { type: "go" };

export type FromChild =
  | { type: "error"; step: string; call: string; args: Arg[]; errno: number }
  /** the request itself cannot be met: a sentence for the person */
  | { type: "refused"; message: string }
  | { type: "step"; text: string; why: string }
  | { type: "call"; name: string; args: WireArg[]; result: number }
  /** a new user namespace waits for its mappings */
  | { type: "map" }
  /** the first process of the container was started inside of it: readPid() has its pid */
  | { type: "spawned" }
  /** comes with the pty's master */
  | { type: "terminal" }
  /** comes with the descriptor that seccomp notices are read from */
  | { type: "listener" }
  | { type: "warning"; message: string }
  /** a file or directory had to be made in the rootfs, for a mount or to work in */
  | { type: "made"; path: string; inode: number }
  /** nothing but execve is left to do; the child waits to be let go */
  | { type: "held"; labels: Labels }
  /** execve comes next */
  | { type: "ready" }
  /** an init starts the command now, which may take the init over: only an error of that start is to be believed */
  | { type: "spawning" }
  /** never sent: what the end of the stream means after "ready" */
  | { type: "started" };

/** Sends one message, with a descriptor where one is given. @throws SysError (EPIPE when the other end is gone) */
export function send(socket: number, message: ToChild | FromChild, fd?: number): void {
  untraced(() => sendFrame(socket, message, fd));
}

function frameOf(text: string): Uint8Array {
  const body = encode(text);
  const frame = new Uint8Array(4 + body.length);
  for (let i = 0; i < 4; i++) frame[i] = body.length >>> (8 * i);
  frame.set(body, 4);
  return frame;
}

const PID_SIZE = 4;

/**
 * The bytes of "spawned", with room for a pid as an int at their end. Who sends them starts a process and ends: it may
 * make no message at that time, so posix_spawn(3) writes the pid into these bytes.
 */
export function spawnedFrame(): Uint8Array {
  const frame = frameOf(JSON.stringify({ type: "spawned" }));
  const bytes = new Uint8Array(frame.length + PID_SIZE);
  bytes.set(frame);
  return bytes;
}

/** The pid that follows "spawned"; undefined at the end of the stream. @throws SysError */
export function readPid(socket: number): number | undefined {
  const pid = new Int32Array(1);
  return untraced(() => readOn(socket, new Uint8Array(pid.buffer), 0)) ? pid[0]! : undefined;
}

function sendFrame(socket: number, message: ToChild | FromChild, fd?: number): void {
  const frame = frameOf(stringify(message));
  let sent = 0;
  if (fd !== undefined) {
    sendFd(socket, frame.subarray(0, 1), fd);
    sent = 1;
  }
  while (sent < frame.length) sent += write(socket, frame.subarray(sent));
}

/** A received message, and the descriptor that came with it. */
export interface Received<T> {
  message: T;
  fd: number | undefined;
}

/**
 * Waits for the next message; undefined at the end of the stream, also in the midst of one, and where the other end
 * was killed before it had read what we sent (ECONNRESET). @throws SysError
 */
export function read<T extends ToChild | FromChild>(socket: number): Received<T> | undefined {
  return untraced(() => {
    try {
      return readFrame<T>(socket);
    } catch (error) {
      if (isErrno(error, ECONNRESET)) return undefined;
      throw error;
    }
  });
}

/** More than an honest last word and its trace take. */
const LAST_WORDS = 65_536;

/**
 * The messages that are there, without waiting: for a peer that may be in hostile hands, and could send half of one, or
 * gigabytes. Undefined at the end of the stream, and for what is no message. Descriptors that come along are dropped.
 */
export function readAtHand<T extends FromChild>(socket: number): T[] | undefined {
  return untraced(() => {
    setNonblocking(socket);
    const bytes = new Uint8Array(LAST_WORDS);
    const n = tryRead(socket, bytes);
    if (n === -EAGAIN) return [];
    try {
      return n > 0 ? framesIn<T>(bytes.subarray(0, n)) : undefined;
    } catch {
      return undefined;
    }
  });
}

function framesIn<T>(bytes: Uint8Array): T[] {
  const messages: T[] = [];
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  for (let at = 0; at < bytes.length; ) {
    const end = at + 4 + view.getUint32(at, true);
    if (end > bytes.length) throw new RangeError("half a message");
    messages.push(parse(decode(bytes.subarray(at + 4, end))) as T);
    at = end;
  }
  return messages;
}

function readFrame<T>(socket: number): Received<T> | undefined {
  const head = receive(socket, 4); // a descriptor comes with a message's first byte
  if (head.length === 0 || !readOn(socket, head.bytes, head.length)) return undefined;
  let length = 0;
  for (let i = 3; i >= 0; i--) length = length * 256 + head.bytes[i]!;
  const body = new Uint8Array(length);
  if (readOn(socket, body, 0)) return { message: parse(decode(body)) as T, fd: head.fd };
  if (head.fd !== undefined) close(head.fd);
  return undefined;
}

/** Fills the rest of a buffer; false at the end of the stream. */
function readOn(socket: number, bytes: Uint8Array, from: number): boolean {
  for (let got = from; got < bytes.length; ) {
    const n = readBytes(socket, got === 0 ? bytes : bytes.subarray(got));
    if (n === 0) return false;
    got += n;
  }
  return true;
}
