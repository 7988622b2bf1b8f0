// Owns the record of a container on disk: a directory with the file state.json. The file is replaced as a whole, so it
// can be read at any moment. The directory carries a lock (flock(2)): a supervisor holds it as long as it lives, and
// the kernel releases it however the supervisor ends; other commands hold it while they act on the container.

import { openCgroup } from "../cgroup/index.ts";
import type { CgroupRecord } from "../cgroup/types.ts";
import { RunError } from "../errors.ts";
import { parseOwn, stringify } from "../json.ts";
import type { Spec } from "../spec/types.ts";
import { decode, encode } from "../sys/bytes.ts";
import { O } from "../sys/constants.ts";
import { renameat, tryUnlinkat } from "../sys/directory.ts";
import { ENAMETOOLONG, ENOENT, SysError } from "../sys/errno.ts";
import { close, openat, readAll, tryOpen, tryOpenat, withFd, writeAll } from "../sys/file.ts";
import { lock, tryLock } from "../sys/lock.ts";
import { literal } from "../sys/printable.ts";
import { isRunning } from "../sys/process.ts";
import type { Options } from "./options.ts";
import { openRoot } from "./state-root.ts";
import type { Status } from "./status.ts";

/** Everything that is recorded of a container. Whatever has to be removed later is recorded before it is made. */
export interface State {
  id: string;
  /** the status when the file was written; statusOf() returns the status now */
  status: Exclude<Status, "paused" | "stopped">;
  /** a supervisor's container is removed when its supervisor ends; a caller's stays until the caller deletes it */
  owner: "supervisor" | "caller";
  /** the container's first process, in minibox's own pid namespace */
  pid: number;
  /** when that process started, in clock ticks after boot: a later process with the same pid has another start time */
  startTime: number;
  /** seconds since the epoch */
  created: number;
  /** the container's cgroup, removed with it; undefined where it has none of its own */
  cgroup?: CgroupRecord | undefined;
  bundle: string;
  spec: Spec;
  options: Options;
}

/** A container's directory, open. */
export interface StateDirectory {
  path: string;
  /** a descriptor of the directory, which carries the lock */
  fd: number;
  state: State;
}

export const STATE_FILE = "state.json";
/** The name of an empty file. It is removed when a supervisor's container has started: that costs less than a new state. */
export const CREATING = "creating";
/** The name of the socket over which a held container is started. It is removed when the container is started. */
export const START_SOCKET = "start";

/** Opens a directory of the state root without following a symbolic link. Returns the descriptor, or -errno. */
export const tryOpenDirectory = (path: string): number => tryOpen(path, O.O_DIRECTORY | O.O_NOFOLLOW);

/** True where another process holds the lock. */
export const isLocked = (fd: number): boolean => !tryLock(fd);

/** Replaces state.json as a whole (rename(2)). @throws SysError */
export function writeState({ fd, state }: StateDirectory): void {
  const next = `${STATE_FILE}.new`;
  withFd(openat(fd, next, O.O_WRONLY | O.O_CREAT | O.O_TRUNC | O.O_NOFOLLOW, 0o600), (file) =>
    writeAll(file, encode(stringify(state))),
  );
  renameat(fd, next, fd, STATE_FILE);
}

/** Reads state.json in an open directory; undefined where it is missing, or is no state of this version. */
export function readState(directory: number): State | undefined {
  // O_NONBLOCK: the state directory may hold a FIFO in its place, and opening that would block
  const fd = tryOpenat(directory, STATE_FILE, O.O_NOFOLLOW | O.O_NONBLOCK);
  if (fd < 0) return undefined;
  try {
    const state = parseOwn(withFd(fd, (file) => decode(readAll(file)))) as State | null;
    if (!state?.spec || !state.owner || !state.status) return undefined;
    const before = { creating: CREATING, created: START_SOCKET, running: "" }[state.status];
    if (before !== "" && !hasFile(directory, before)) state.status = "running";
    return state;
  } catch {
    return undefined;
  }
}

/** True where an open directory has a state.json, valid or not. */
export const hasState = (directory: number): boolean => hasFile(directory, STATE_FILE);

function hasFile(directory: number, name: string): boolean {
  const fd = tryOpenat(directory, name, O.O_PATH | O.O_NOFOLLOW);
  if (fd >= 0) close(fd);
  return fd >= 0;
}

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
  const state = readState(fd);
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
  lock(directory.fd);
  const state = readState(directory.fd); // the process that held the lock may have changed or deleted the container
  if (!state) throw noSuchContainer(id);
  return { ...directory, state };
}

/** True where an id is the name of a directory of the state root, and leads to no other place. */
export const isName = (id: string): boolean => id !== "" && id !== "." && id !== ".." && !id.includes("/");

/** Returns the container's status now. */
export function statusOf({ pid, startTime, status, cgroup }: State): Status {
  if (!isRunning(pid, startTime)) return "stopped";
  return status === "running" && cgroup && openCgroup(cgroup).isFrozen() ? "paused" : status;
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
  tryUnlinkat(directory.fd, CREATING, 0);
}
