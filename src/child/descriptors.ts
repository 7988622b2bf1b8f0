// Owns what the child receives before its work: the request, and the descriptors that the parent sends ahead of it.

import { type ChildRequest, type Descriptors, read, type ToChild } from "../sync.ts";

export interface Received {
  request: ChildRequest;
  /** a network namespace that the parent has made */
  network: number | undefined;
  /** by the names that the parent gave them, close-on-exec */
  descriptors: Descriptors;
}

/** Waits for the request. Undefined where the parent is gone, or sends what is none. @throws SysError */
export function receiveRequest(socket: number): Received | undefined {
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
