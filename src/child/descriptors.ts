// Owns receiving what the parent sends before the child's work begins: the request, and the descriptors that come with it.

import { type ChildRequest, type Descriptors, read, type ToChild } from "../sync.ts";
import { exit } from "../sys/process.ts";
import { MOST_FDS } from "../sys/socket.ts";

/**
 * Waits for the request. Descriptors are added, close-on-exec, by the names that the parent gave them. Ends the process
 * where the parent has ended, or sends something else. @throws SysError
 */
export function receiveRequest(socket: number, descriptors: Descriptors): ChildRequest {
  for (;;) {
    const received = read<ToChild>(socket, MOST_FDS);
    if (received?.message.type !== "request" && received?.message.type !== "descriptors") exit(125);
    const { message, fds } = received;
    if (message.names.length !== fds.length) exit(125);
    for (let i = 0; i < fds.length; i++) descriptors[message.names[i]!] = fds[i]!;
    if (message.type === "request") return message.request;
  }
}
