// Owns receiving what the parent sends: the request, and the descriptors that come with it or after it.

import { type ChildRequest, type Descriptors, read, type ToChild } from "../sync.ts";
import { exit } from "../sys/process.ts";
import { MOST_FDS } from "../sys/socket.ts";

/** Waits for the request. Descriptors are added, close-on-exec, by the names that the parent gave them. @throws SysError */
export function receiveRequest(socket: number, descriptors: Descriptors): ChildRequest {
  for (;;) {
    const request = receive(socket, descriptors);
    if (request) return request;
  }
}

/**
 * Returns a descriptor, and waits for it where it has not come yet: what takes the parent long may be ready only after
 * the request. @throws SysError
 */
export function awaitDescriptor(socket: number, descriptors: Descriptors, name: string): number {
  while (descriptors[name] === undefined) receive(socket, descriptors);
  return descriptors[name];
}

/** Ends the process where the parent has ended, or sends something else. */
function receive(socket: number, descriptors: Descriptors): ChildRequest | undefined {
  const received = read<ToChild>(socket, MOST_FDS);
  if (received?.message.type !== "request" && received?.message.type !== "descriptors") exit(125);
  const { message, fds } = received;
  if (message.names.length !== fds.length) exit(125);
  for (let i = 0; i < fds.length; i++) descriptors[message.names[i]!] = fds[i]!;
  return message.type === "request" ? message.request : undefined;
}
