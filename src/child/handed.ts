// Owns taking over the descriptors that the parent opened with the host's root's rights: the root of a user
// namespace has none on the host's own directories.

import { type ChildRequest, read, type ToChild } from "../sync.ts";
import { exit } from "../sys/process.ts";

export interface Handed {
  /** a detached copy of the rootfs's mount */
  root: number;
  /** detached copies of the binds' sources, by their place in spec.mounts; -1 for what is no bind */
  binds: number[];
  /** open for writing */
  cgroupFiles: number[];
}

/** Receives what the request announces; undefined where that is nothing. */
export function receiveHanded(socket: number, request: ChildRequest): Handed | undefined {
  if (!request.handed) return undefined;
  const root = next(socket);
  const binds: number[] = [];
  for (const at of request.handed.binds) {
    while (binds.length < at) binds.push(-1);
    binds.push(next(socket));
  }
  const cgroupFiles: number[] = [];
  for (let i = 0; i < request.handed.cgroupFiles; i++) cgroupFiles.push(next(socket));
  return { root, binds, cgroupFiles };
}

/** A stream that ends here means that the parent is gone. */
function next(socket: number): number {
  const received = read<ToChild>(socket);
  if (received?.message.type !== "descriptor" || received.fd === undefined) exit(125);
  return received.fd;
}
