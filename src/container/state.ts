// Owns the record of a container on disk: a directory with the file state.json. The file is replaced as a whole, so it
// can be read at any moment. The directory carries a lock (flock(2)): a supervisor holds it as long as it lives, and
// the kernel releases it however the supervisor ends; other commands hold it while they act on the container.

import { openCgroup } from "../cgroup/index.ts";
import { RunError } from "../errors.ts";
import { stringify } from "../json.ts";
import { encode } from "../sys/bytes.ts";
import { S_IXUSR } from "../sys/constants.ts";
import { renameat } from "../sys/directory.ts";
import { ENAMETOOLONG, ENOENT, SysError } from "../sys/errno.ts";
import { close, writeAll } from "../sys/file.ts";
import { tryLock } from "../sys/lock.ts";
import { literal } from "../sys/printable.ts";
import { isAlive } from "./first-process.ts";
import { hasEntry, openNew, tryOpenDirectory, tryReadIn } from "./state-file.ts";
import { lockDirectory } from "./state-lock.ts";
import { openRoot } from "./state-root.ts";
import { parseState } from "./state-shape.ts";
import type { Status } from "./status.ts";
import type { State } from "./types.ts";

export type { State };

/** A container's directory, open. */
export interface StateDirectory {
  path: string;
  /** a descriptor of the directory, which carries the lock */
  fd: number;
  state: State;
  /** a descriptor of state.json, for who has written it */
  file?: number;
}

export const STATE_FILE = "state.json";
/**
 * The mode of a supervisor's state.json once its command has started: the execute bit says so, which costs less than a new
 * state.
 */
export const STARTED_MODE = 0o600 | S_IXUSR;
/** The name of the socket over which a held container is started. It is removed when the container is started. */
export const START_SOCKET = "start";

/** True where another process holds the lock. */
export const isLocked = (fd: number): boolean => !tryLock(fd);

/** Replaces state.json as a whole (rename(2)). @throws SysError */
export function writeState(directory: StateDirectory): void {
  const { fd, state } = directory;
  const next = `${STATE_FILE}.new`;
  const file = openNew(fd, next);
  writeAll(file, encode(stringify(state)));
  renameat(fd, next, fd, STATE_FILE);
  if (directory.file !== undefined) close(directory.file);
  directory.file = file;
}

/** Reads state.json in the open directory of the container with this id; undefined where there is none that is valid. */
export function readState(directory: number, id: string): State | undefined {
  const found = tryReadIn(directory, STATE_FILE);
  const state = found && parseState(found.text, id);
  if (!state) return undefined;
  const hasStarted =
    state.status === "creating"
      ? (found.mode & S_IXUSR) !== 0
      : state.status === "created" && !hasEntry(directory, START_SOCKET);
  if (hasStarted) state.status = "running";
  return state;
}

/** True where an open directory has a state.json, valid or not. */
export const hasState = (directory: number): boolean => hasEntry(directory, STATE_FILE);

/**
 * Opens a container's directory and reads its state, without the lock: another process may change it at any moment.
 * Undefined where there is no such container. @throws RunError where state.json is not valid, SysError
 */
export function tryOpenState(id: string): StateDirectory | undefined {
  const root = openRoot();
  close(root.fd);
  if (!isName(id)) return undefined;
  const path = `${root.path}/${id}`;
  const fd = tryOpenDirectory(path);
  if (fd === -ENOENT || fd === -ENAMETOOLONG) return undefined;
  if (fd < 0) throw new SysError("openat", [path], -fd, `open ${path}`);
  const state = readState(fd, id);
  if (state) return { path, fd, state };
  const isUnreadable = hasState(fd);
  close(fd);
  if (isUnreadable) throw unreadable(id, path);
  return undefined;
}

/** An id with white space or control characters in it is shown in quotes. */
const noSuchContainer = (id: string): RunError =>
  new RunError(`the container ${/^[!-~]+$/.test(id) ? id : literal(id)} does not exist`);

const unreadable = (id: string, path: string): RunError =>
  new RunError(
    `the state of the container ${id} cannot be read: ${path}/${STATE_FILE} is damaged, or another version's`,
    125,
    `where nothing runs in it any more, remove it by hand: rm -r ${path}`,
  );

/** Opens a container as tryOpenState() does. @throws RunError where there is no such container, SysError */
export function openState(id: string): StateDirectory {
  const directory = tryOpenState(id);
  if (!directory) throw noSuchContainer(id);
  return directory;
}

/**
 * Opens a container and takes its lock, waiting until no other command acts on it. A supervisor holds the lock of its
 * container as long as it lives, so for such a container the lock is not taken. @throws RunError where there is no such
 * container, SysError
 */
export function openToAct(id: string): StateDirectory {
  const directory = openState(id);
  if (directory.state.owner === "supervisor") return directory;
  lockDirectory(directory.fd, directory.path);
  const state = readState(directory.fd, id); // the process that held the lock may have changed or deleted the container
  if (!state) throw noSuchContainer(id);
  return { ...directory, state };
}

/** True where an id is the name of a directory of the state root, and leads to no other place. */
export const isName = (id: string): boolean => id !== "" && id !== "." && id !== ".." && !id.includes("/");

/** Returns the container's status now. */
export function statusOf(state: State): Status {
  if (!isAlive(state)) return "stopped";
  return state.status === "running" && openCgroup(state.cgroup)?.isFrozen() ? "paused" : state.status;
}

/** Returns the runtime specification's object for a container (runtime.md, "State"). */
export const ociState = (
  { id, pid, bundle, spec }: Pick<State, "id" | "pid" | "bundle" | "spec">,
  status: Status,
) => ({
  ociVersion: spec.ociVersion,
  id,
  status,
  pid: status === "stopped" ? 0 : pid,
  bundle,
  annotations: spec.annotations ?? {},
});

/** Records that the container is made, and belongs to its caller from now on. @throws SysError */
export function leaveToCaller(directory: StateDirectory): void {
  directory.state.status = "created";
  directory.state.owner = "caller";
  writeState(directory);
}
