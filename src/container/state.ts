// Owns what is known of a container on disk: one directory each, with a locked state.json. The lock is the proof of
// life: it goes with its supervisor, however that ends, and whoever finds it free cleans up (flock(2)).

import { removeCgroups } from "../cgroup/remove.ts";
import { RunError } from "../errors.ts";
import { decode, encode } from "../sys/bytes.ts";
import { AT_FDCWD, LOCK_EX, LOCK_NB, LOCK_UN, O, SIGNALS } from "../sys/constants.ts";
import { EACCES, EEXIST, ENOENT, ENOTEMPTY, EROFS, SysError } from "../sys/errno.ts";
import {
  close,
  listDirectory,
  open,
  readAll,
  readFile,
  rmdir,
  statx,
  tryReadFile,
  tryStat,
  unlink,
  withFd,
  writeAll,
} from "../sys/file.ts";
import { attempt, call, step } from "../sys/libc.ts";
import { geteuid, kill, startTime } from "../sys/process.ts";
import { isSame, settleMade } from "./made.ts";

/** The recorded facts; what is to be removed is recorded before it is made. */
export interface State {
  ociVersion: string;
  id: string;
  /** the container's first process, as the host counts */
  pid: number;
  /** of that process, in clock ticks after boot: another with the same pid started later */
  startTime: number;
  bundle: string;
  /** the rootfs */
  root: string;
  /** seconds since the epoch */
  created: number;
  cgroups: readonly string[];
}

/** A container's directory, held by this process until released. */
export interface StateDirectory {
  path: string;
  lock: number;
}

let chosenRoot: string | undefined;

/** Keeps all states in this directory instead, an absolute path without a slash at its end. */
export function useStateRoot(path: string): void {
  chosenRoot = path;
}

/** The directory of all states: the chosen one, else /run/minibox for root, or in a user's own runtime directory. */
export function stateRoot(): string {
  if (chosenRoot !== undefined) return chosenRoot;
  const uid = geteuid();
  return uid === 0 ? "/run/minibox" : ownRoot(uid, uid);
}

/** `hostUid` names it: root of a user namespace is somebody else for the others who use /tmp. */
function ownRoot(uid: number, hostUid: number): string {
  const own = process.env.XDG_RUNTIME_DIR;
  // su keeps the variable of the user before: that directory is closed to us
  return own?.startsWith("/") && tryStat(own)?.uid === uid ? `${own}/minibox` : `/tmp/minibox-${hostUid}`;
}

/** Opens the root of all states, making it where missing; another user's directory in its place is refused. */
function openRoot(): { path: string; fd: number } {
  const path = stateRoot();
  const fd = openOrMake(path);
  if (fd >= 0) return checkOwner(path, fd);
  if (chosenRoot !== undefined || geteuid() !== 0 || (fd !== -EACCES && fd !== -EROFS && fd !== -ENOENT))
    throw new SysError("openat", [path], -fd, `open the state directory ${path}`);
  // root of a user namespace, to whom the host's /run is closed
  const [, outside] = readFile("/proc/self/uid_map").trim().split(/\s+/);
  const instead = ownRoot(0, Number(outside));
  const other = openOrMake(instead);
  if (other < 0) throw new SysError("openat", [instead], -other, `open the state directory ${instead}`);
  return checkOwner(instead, other);
}

/** The descriptor, or -errno. */
function openOrMake(path: string): number {
  const flags = O.O_DIRECTORY | O.O_NOFOLLOW | O.O_CLOEXEC;
  const fd = attempt("openat", AT_FDCWD, path, flags, 0);
  if (fd !== -ENOENT) return fd;
  makeAbove(path);
  const made = attempt("mkdirat", AT_FDCWD, path, 0o700);
  return made < 0 && made !== -EEXIST ? made : attempt("openat", AT_FDCWD, path, flags, 0);
}

/** Makes the directories that lead to a path, as far as they are missing. */
function makeAbove(path: string): void {
  const above = path.slice(0, path.lastIndexOf("/"));
  if (above === "" || tryStat(above) !== undefined) return;
  makeAbove(above);
  attempt("mkdirat", AT_FDCWD, above, 0o755);
}

function checkOwner(path: string, fd: number): { path: string; fd: number } {
  const { uid, mode } = statx(fd);
  if (uid === geteuid() && (mode & 0o022) === 0) return { path, fd };
  close(fd);
  throw new RunError(
    `${path} belongs to somebody else or is writable for others: remove it, or use another (--root)`,
  );
}

/** Makes a container's state directory and locks it. @throws RunError when the name is in use */
export function createState(state: State): StateDirectory {
  step("record the container's state", "first of all: what follows can be removed from this file alone");
  const root = openRoot();
  // all of them in one go: whoever finds a directory without a locked file, while it holds this lock, finds a dead one
  return withFd(root.fd, (fd) => {
    call("flock", fd, LOCK_EX);
    const path = `${root.path}/${state.id}`;
    let made = attempt("mkdirat", AT_FDCWD, path, 0o700);
    if (made === -EEXIST && removeDead(path)) made = attempt("mkdirat", AT_FDCWD, path, 0o700);
    if (made === -EEXIST) throw new RunError(`the name ${state.id} is in use by a running container`);
    if (made < 0) throw new SysError("mkdirat", [path], -made, `create ${path}`);
    const lock = open(`${path}/state.json`, O.O_RDWR | O.O_CREAT | O.O_EXCL, 0o600);
    // not LOCK_NB: one that looks whether we are dead holds it for a moment
    call("flock", lock, LOCK_EX);
    writeAll(lock, encode(JSON.stringify(state)));
    return { path, lock };
  });
}

/** Removes the directory; the lock goes last. */
export function removeState(state: StateDirectory): void {
  unlink(`${state.path}/state.json`);
  if (rmdir(state.path) === -ENOTEMPTY)
    withFd(openRoot().fd, (fd) => {
      call("flock", fd, LOCK_EX); // whoever starts on the same rootfs has its state by now, or makes its places itself
      removeDirectory(state.path);
    });
  close(state.lock);
}

/** Holding the lock of the root. */
function removeDirectory(path: string): boolean {
  const result = rmdir(path);
  if (result !== -ENOTEMPTY) return result === 0;
  settleMade(path, (root) => userOf(root, path));
  return rmdir(path) === 0;
}

/** The state directory of another running container that has this rootfs. */
function userOf(root: string, except: string): string | undefined {
  const rootfs = tryStat(root);
  const all = except.slice(0, except.lastIndexOf("/"));
  for (const name of withFd(open(all, O.O_DIRECTORY), listDirectory)) {
    const path = `${all}/${name}`;
    const other = parseState(tryReadFile(`${path}/state.json`) ?? "")?.root;
    if (path === except || !other || !rootfs || !isSame(rootfs, tryStat(other))) continue;
    if (isAlive(path)) return path;
  }
  return undefined;
}

/** Cleans up after every supervisor that ended without doing so itself. */
export function prune(): void {
  const root = openRoot();
  withFd(root.fd, (fd) => {
    for (const name of listDirectory(fd)) {
      const path = `${root.path}/${name}`;
      if (isForeign(path) || isAlive(path)) continue;
      call("flock", fd, LOCK_EX);
      removeDead(path);
      call("flock", fd, LOCK_UN);
    }
  });
}

/** A directory that the caller chose may hold more than states. */
const isForeign = (path: string): boolean =>
  chosenRoot !== undefined && !["state.json", "made"].some((name) => tryStat(`${path}/${name}`, false));

const openState = (path: string): number =>
  attempt("openat", AT_FDCWD, `${path}/state.json`, O.O_RDWR | O.O_CLOEXEC | O.O_NOFOLLOW, 0);

/** True where somebody holds the lock; false may also mean that it is not made yet. */
function isAlive(path: string): boolean {
  const fd = openState(path);
  return fd >= 0 && withFd(fd, () => attempt("flock", fd, LOCK_EX | LOCK_NB) < 0);
}

/** How long, in milliseconds, a command waits for a process of another's that does not end (in state D). */
const PATIENCE = 100;

/** Ends and removes what a dead supervisor left, holding the lock of the root. True when it is gone now. */
function removeDead(path: string): boolean {
  const fd = openState(path);
  if (fd < 0) return removeDirectory(path);
  return withFd(fd, () => {
    if (attempt("flock", fd, LOCK_EX | LOCK_NB) < 0) return false;
    const state = parseState(decode(readAll(fd)));
    // only a process that has cleared its PR_SET_PDEATHSIG has outlived its supervisor
    if (state && state.startTime > 0 && startTime(state.pid) === state.startTime)
      kill(state.pid, SIGNALS.KILL);
    if (state && removeCgroups(ownCgroups(state), PATIENCE).length > 0) return false;
    unlink(`${path}/state.json`);
    return removeDirectory(path);
  });
}

/** The file is our own (its directory admits nobody else), but a full disk or a kill may have cut it short. */
function parseState(text: string): State | undefined {
  try {
    return JSON.parse(text) as State;
  } catch {
    return undefined;
  }
}

function ownCgroups(state: State): string[] {
  const paths: string[] = [];
  for (const path of state.cgroups) if (path.includes("/minibox/")) paths.push(path);
  return paths;
}
