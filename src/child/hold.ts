// Owns the wait of a container that is created and not started: its filter is in force and only execve is left to do.
// Whoever may open the state directory can start it, over the socket in there; the process that created it may be gone.

import { type Labels, read, send, type ToChild } from "../sync.ts";
import { close } from "../sys/file.ts";
import { accept } from "../sys/socket.ts";
import { reportCalls } from "./report.ts";

/** Tells the maker that the container is held and waits for a starter; returns the connection to that one. @throws SysError */
export function hold(socket: number, listener: number, labels: Labels, trace: boolean): number {
  send(socket, { type: "held", labels });
  close(socket);
  for (;;) {
    const starter = accept(listener);
    // a starter that is killed before it has said "go" has started nothing
    if (read<ToChild>(starter)?.message.type !== "go") {
      close(starter);
      continue;
    }
    close(listener);
    if (trace) reportCalls(starter);
    send(starter, { type: "ready" });
    return starter;
  }
}
