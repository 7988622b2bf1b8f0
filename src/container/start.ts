// Owns letting a held container go. Any process that may open the state directory can do it: the held process listens on
// a socket in there (child/hold.ts), and reports over the connection as it did to its maker.

import { RunError } from "../errors.ts";
import { send } from "../sync.ts";
import { SysError } from "../sys/errno.ts";
import { fdPath } from "../sys/mount.ts";
import { tryConnect } from "../sys/socket.ts";
import { START_SOCKET, type StateDirectory, writeState } from "./state.ts";

/** Says "go" to the held process; returns the connection, over which its messages come. @throws RunError, SysError */
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

/** Records that the command runs. @throws SysError */
export function recordStarted(directory: StateDirectory): void {
  directory.state.status = "running";
  writeState(directory);
}

/** What is left to say where a container ended before it ran its command. */
export const endedEarly = (id: string): RunError =>
  new RunError(`the container ${id} ended before it could run its command`);
