// Owns starting a held container. Any process that may open the state directory can do it: the held process listens on
// a socket in that directory (child/hold.ts), and sends its messages over the connection from then on.

import { openCgroup } from "../cgroup/index.ts";
import { RunError } from "../errors.ts";
import { send } from "../sync.ts";
import { tryFchmod } from "../sys/access.ts";
import { tryUnlinkat } from "../sys/directory.ts";
import { ECONNREFUSED, SysError } from "../sys/errno.ts";
import { isStopped } from "../sys/process.ts";
import { isAlive } from "./first-process.ts";
import { type Failure, Handshake } from "./handshake.ts";
import { closeSocket } from "./spawn.ts";
import { START_SOCKET, STARTED_MODE, type State, type StateDirectory } from "./state.ts";
import { tryConnectIn } from "./state-file.ts";
import { checkStatus } from "./status.ts";

/** Sends "go" to the held process. Returns the connection over which its messages come. @throws RunError, SysError */
export function letGo({ fd, path, state }: StateDirectory): number {
  const connection = tryConnectIn(fd, START_SOCKET);
  if (connection === -ECONNREFUSED && isAlive(state)) {
    // The process listens no more, so it was started already, by a process that was killed before it removed the
    // socket.
    tryUnlinkat(fd, START_SOCKET, 0);
    checkStatus("start", state.id, "running");
  }
  if (connection < 0)
    throw new SysError(
      "connect",
      [`${path}/${START_SOCKET}`],
      -connection,
      `start the container ${state.id}`,
    );
  send(connection, { type: "go" });
  tryUnlinkat(fd, START_SOCKET, 0);
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
  checkAwake(directory.state);
  const connection = { socket: -1 };
  const handshake = new Handshake(connection, { warn, trace: () => {} });
  handshake.goOn(letGo(directory));
  handshake.finish(() => checkAwake(directory.state));
  return { failure: handshake.failure, closeSocket: () => closeSocket(connection) };
}

/**
 * Checks that the container's first process is not stopped or frozen: waiting for it would never end. @throws RunError
 */
function checkAwake({ id, pid, cgroup }: State): void {
  const why = isStopped(pid)
    ? `its first process ${pid} is stopped (SIGSTOP, or a debugger)`
    : openCgroup(cgroup)?.isFrozen() && "its cgroup is frozen";
  if (why) throw new RunError(`cannot start ${id}: ${why}`);
}

/** Records that a supervisor's container runs its command. */
export function recordStarted({ file }: StateDirectory): void {
  if (file !== undefined) tryFchmod(file, STARTED_MODE);
}
