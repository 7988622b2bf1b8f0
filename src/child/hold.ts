// Owns the wait of a container that is created and not yet started: everything is in force, and only execve(2) is left.
// Any process that may open the state directory can start the container over the socket in that directory, even when
// the process that created the container has ended.

import { type Labels, send } from "../sync.ts";
import { EBADF, SysError } from "../sys/errno.ts";
import { close, tryRead } from "../sys/file.ts";
import { step } from "../sys/libc.ts";
import { accept, tryAccept } from "../sys/socket.ts";
import { reportCalls } from "./report.ts";

/**
 * Sends "held" to the process that made the container, and waits for a process that starts it. Returns the connection
 * to that one, and closes `socket` and `listener`. @throws SysError
 */
export function hold(socket: number, listener: number, labels: Labels, trace: boolean): number {
  checkFilter();
  send(socket, { type: "held", labels });
  close(socket);
  for (;;) {
    const starter = accept(listener);
    // a process that ends before it has sent "go" has not started the container
    if (tryRead(starter, new Uint8Array(1)) > 0) {
      close(listener);
      if (trace) reportCalls(starter);
      return starter;
    }
    close(starter);
  }
}

/**
 * Checks that the container's seccomp filter allows the calls of the wait, while an error can still be reported to the
 * process that made the container. The kernel answers a call on an invalid descriptor with EBADF, and a filter that
 * denies the call with another error. @throws SysError
 */
function checkFilter(): void {
  step("wait to be started", "the container's seccomp filter must allow accept4, close, read and write here");
  close(-1); // only to find out whether the filter kills the process for it; its error does not matter
  const answers = { accept4: tryAccept(-1), read: tryRead(-1, new Uint8Array(1)) };
  for (const [name, answer] of Object.entries(answers))
    if (answer !== -EBADF) throw new SysError(name, [-1], -answer, "wait to be started");
}
