// Owns the protocol between parent and child: length-prefixed JSON over one Unix stream socket, both ends here.
// The parent sends one ChildRequest, then a word when the child may go on; the child reports what it does, and its
// end of the socket closes by itself when execve succeeds.

import type { Spec } from "./spec/types.ts";
import { decode, encode } from "./sys/bytes.ts";
import type { Arg } from "./sys/errno.ts";
import { close } from "./sys/file.ts";
import { call, untraced } from "./sys/libc.ts";
import { receive, sendFd } from "./sys/socket.ts";

/** What the child needs to know beside the OCI object. */
export interface ChildRequest {
  id: string;
  /** absolute; relative paths in the spec start here */
  bundle: string;
  spec: Spec;
  /** the child stays as PID 1 and runs the command below itself */
  init: boolean;
  /** change the root with chroot(2), where pivot_root(2) cannot work */
  chroot: boolean;
  /** writes go to a tmpfs above the rootfs that ends with the container */
  overlay: boolean;
  /** files to write "0" into, to be in the cgroup */
  cgroupFiles: string[];
  /** an empty directory of this container's own, to mount what needs a place before the root is ready */
  stateDir: string;
  /** report every call */
  trace: boolean;
  /** signals that are ignored on our side of execve: Bun's doing, or the caller's (nohup) */
  ignored: number[];
}

/** An argument as JSON can carry it: of a kernel structure the bytes in hex, of a large buffer only the length. */
export type WireArg = Exclude<Arg, Uint8Array> | { hex: string } | { length: number };

export type ToChild = { type: "request"; request: ChildRequest } | { type: "go" };

export type FromChild =
  | { type: "error"; phase: string; call: string; args: Arg[]; errno: number }
  /** the request itself cannot be met: a sentence for the person */
  | { type: "refused"; message: string }
  | { type: "step"; text: string; why: string }
  | { type: "call"; name: string; args: WireArg[]; result: number }
  /** comes with the pty's master */
  | { type: "terminal" }
  | { type: "warning"; message: string }
  /** execve comes next */
  | { type: "ready" }
  /** never sent: what the end of the stream means after "ready" */
  | { type: "started" };

/** Sends one message, with a descriptor where one is given. @throws SysError (EPIPE when the other end is gone) */
export function send(socket: number, message: ToChild | FromChild, fd?: number): void {
  untraced(() => sendFrame(socket, message, fd));
}

function sendFrame(socket: number, message: ToChild | FromChild, fd?: number): void {
  const body = encode(JSON.stringify(message));
  const frame = new Uint8Array(4 + body.length);
  new DataView(frame.buffer).setUint32(0, body.length, true);
  frame.set(body, 4);
  let sent = 0;
  if (fd !== undefined) {
    sendFd(socket, frame.subarray(0, 1), fd);
    sent = 1;
  }
  while (sent < frame.length) sent += call("write", socket, frame.subarray(sent), frame.length - sent);
}

/** A received message, and the descriptor that came with it. */
export interface Received<T> {
  message: T;
  fd: number | undefined;
}

/** Waits for the next message; undefined at the end of the stream, also in the midst of one. @throws SysError */
export function read<T extends ToChild | FromChild>(socket: number): Received<T> | undefined {
  return untraced(() => readFrame<T>(socket));
}

function readFrame<T>(socket: number): Received<T> | undefined {
  const head = readExactly(socket, 4);
  if (!head) return undefined;
  const length = new DataView(head.bytes.buffer, head.bytes.byteOffset).getUint32(0, true);
  const body = readExactly(socket, length);
  if (!body) {
    if (head.fd !== undefined) close(head.fd);
    return undefined;
  }
  return { message: JSON.parse(decode(body.bytes)) as T, fd: head.fd };
}

function readExactly(
  socket: number,
  length: number,
): { bytes: Uint8Array; fd: number | undefined } | undefined {
  const bytes = new Uint8Array(length);
  let fd: number | undefined;
  for (let got = 0; got < length; ) {
    const part = receive(socket, length - got);
    if (part.bytes.length === 0) return undefined;
    fd ??= part.fd;
    bytes.set(part.bytes, got);
    got += part.bytes.length;
  }
  return { bytes, fd };
}
