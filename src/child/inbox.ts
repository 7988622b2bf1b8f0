// Owns receiving what the parent sends: the request, and the descriptors that come with it or after it.

import { type ChildRequest, type Descriptors, read, type ToChild } from "../sync.ts";
import { exit } from "../sys/process.ts";
import { MOST_FDS } from "../sys/socket.ts";

/** What the parent has sent so far. */
export class Inbox {
  /** close-on-exec, by the names that the parent gave them */
  readonly descriptors: Descriptors = {};

  constructor(private readonly socket: number) {}

  /** Waits for the request. @throws SysError */
  request(): ChildRequest {
    for (;;) {
      const request = this.receive();
      if (request) return request;
    }
  }

  /**
   * Takes a descriptor out, and waits for it where it has not come yet: what takes the parent long may be ready only
   * after the request. @throws SysError
   */
  take(name: string): number {
    for (;;) {
      const fd = this.descriptors[name];
      if (fd !== undefined) {
        delete this.descriptors[name];
        return fd;
      }
      this.receive();
    }
  }

  /** Ends the process where the parent has ended, or sends something else. */
  private receive(): ChildRequest | undefined {
    const received = read<ToChild>(this.socket, MOST_FDS);
    if (received?.message.type !== "request" && received?.message.type !== "descriptors") exit(125);
    const { message, fds } = received;
    if (message.names.length !== fds.length) exit(125);
    for (let i = 0; i < fds.length; i++) this.descriptors[message.names[i]!] = fds[i]!;
    return message.type === "request" ? message.request : undefined;
  }
}
