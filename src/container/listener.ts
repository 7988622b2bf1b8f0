// Owns handing a seccomp listener to the agent that the profile names (runtime-spec, config-linux.md, "The Container
// Process State").

import { encode } from "../sys/bytes.ts";
import { SysError } from "../sys/errno.ts";
import { close, withFd } from "../sys/file.ts";
import { step } from "../sys/libc.ts";
import { sendFds, tryConnect } from "../sys/socket.ts";
import { ociState, type State } from "./state.ts";

/**
 * Connects to linux.seccomp.listenerPath, sends the descriptor with the container's state, and closes the descriptor.
 * @throws SysError
 */
export function handListener(
  listener: number,
  container: Pick<State, "id" | "bundle" | "spec" | "pid">,
): void {
  const { listenerPath = "", listenerMetadata } = container.spec.linux.seccomp ?? {};
  step(`hand the seccomp listener to ${listenerPath}`, "the agent there answers the filter's notices");
  const state = ociState(container, "creating");
  const message = {
    ociVersion: state.ociVersion,
    fds: ["seccompFd"],
    pid: state.pid,
    metadata: listenerMetadata ?? "",
    state,
  };
  try {
    const socket = tryConnect(listenerPath);
    if (socket < 0)
      throw new SysError("connect", [listenerPath], -socket, `hand the seccomp listener to ${listenerPath}`);
    withFd(socket, () => sendFds(socket, encode(JSON.stringify(message)), [listener]));
  } finally {
    close(listener);
  }
}
