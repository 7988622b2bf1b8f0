// Owns starting a held container. Any process that may open the state directory can do it: the held process listens on
// a socket in that directory (child/hold.ts), and sends its messages over the connection from then on.

import { RunError } from "../errors.ts";
import { send } from "../sync.ts";
import { tryUnlinkat } from "../sys/directory.ts";
import { SysError } from "../sys/errno.ts";
import { fdPath } from "../sys/mount.ts";
import { tryConnect } from "../sys/socket.ts";
import { type Failure, Handshake } from "./handshake.ts";
import { closeSocket } from "./spawn.ts";
import { START_SOCKET, type StateDirectory, writeState } from "./state.ts";

/** Sends "go" to the held process. Returns the connection over which its messages come. @throws SysError */
export function letGo({ fd, path, state }: StateDirectory): number {
  const connection = tryConnect(`${fdPath(fd)}/${START_SOCKET}`);
  if (connection < 0)
    throw new SysError(
      "connect",
      [`${path}/${START_SOCKET}`],
      -connection,
      `start the container ${state.id}`,
    );
  send(connection, { type: "go" });
  return connection;
}

/** A held container that was let go. */
export interface Started {
  /** why the command could not be run; the process then waits until closeSocket(), so that its root can be looked at */
  failure: Failure | undefined;
  closeSocket(): void;
}

/**
 * Lets a held container go, and waits until it runs its command or reports why it cannot. @throws RunError, SysError
 */
export function startContainer(directory: StateDirectory, warn: (message: string) => void): Started {
  const connection = { socket: letGo(directory) };
  const handshake = new Handshake(connection, { warn, trace: () => {} });
  handshake.finish();
  const { failure } = handshake;
  if (handshake.started) recordStarted(directory);
  else if (!failure)
    throw new RunError(`the container ${directory.state.id} ended before it could run its command`);
  return { failure, closeSocket: () => closeSocket(connection) };
}

/** Records that the command runs, and removes the socket, so that it cannot be started again. @throws SysError */
export function recordStarted(directory: StateDirectory): void {
  tryUnlinkat(directory.fd, START_SOCKET, 0);
  directory.state.status = "running";
  writeState(directory);
}
