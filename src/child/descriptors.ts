// Owns receiving what the parent sends before the child's work begins: descriptors, and the request after them.

import { type ChildRequest, type Descriptors, read, type ToChild } from "../sync.ts";

export interface ReceivedRequest {
  request: ChildRequest;
  /** a network namespace that the parent has made */
  network: number | undefined;
  /** close-on-exec, by the names that the parent gave them */
  descriptors: Descriptors;
}

/** Waits for the request. Undefined where the parent has ended, or sends something else. @throws SysError */
export function receiveRequest(socket: number): ReceivedRequest | undefined {
  const descriptors: Descriptors = new Map();
  for (;;) {
    const received = read<ToChild>(socket);
    if (!received) return undefined;
    const { message, fd } = received;
    if (message.type === "request") return { request: message.request, network: fd, descriptors };
    if (message.type !== "descriptor" || fd === undefined) return undefined;
    descriptors.set(message.name, fd);
  }
}
