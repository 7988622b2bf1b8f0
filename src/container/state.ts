// Owns what is known of a container on disk: one directory each, with a locked state.json. The lock is the proof of
// life: it goes with its supervisor, however that ends, and whoever finds it free cleans up (flock(2)).

import { removeCgroups } from "../cgroup/remove.ts";
import { RunError } from "../errors.ts";
import { decode, encode } from "../sys/bytes.ts";
import { AT_FDCWD, LOCK_EX, LOCK_NB, O } from "../sys/constants.ts";
import { EEXIST, ENOENT, SysError } from "../sys/errno.ts";
import {
  close,
  listDirectory,
  mkdirs,
  open,
  readAll,
  rmdir,
  statx,
  unlink,
  withFd,
  writeAll,
} from "../sys/file.ts";
import { attempt, step } from "../sys/libc.ts";
import { geteuid } from "../sys/process.ts";

/** The recorded facts; what is to be removed is recorded before it is made. */
export interface State {
  ociVersion: string;
  id: string;
  /** the container's first process, as the host counts */
  pid: number;
  bundle: string;
  /** seconds since the epoch */
  created: number;
  cgroups: readonly string[];
}

/** A container's directory, held by this process until released. */
export interface StateDirectory {
  path: string;
  lock: number;
}

/** /run/minibox for root; an ordinary user's own runtime directory. */
export function stateRoot(): string {
  const uid = geteuid();
  if (uid === 0) return "/run/minibox";
  const own = process.env.XDG_RUNTIME_DIR;
  return own?.startsWith("/") ? `${own}/minibox` : `/tmp/minibox-${uid}`;
}

/** Opens the root of all states, making it where missing; another user's directory in its place is refused. */
function openRoot(): { path: string; fd: number } {
  const path = stateRoot();
  let fd = attempt("openat", AT_FDCWD, path, O.O_DIRECTORY | O.O_NOFOLLOW | O.O_CLOEXEC, 0);
  if (fd === -ENOENT) {
    mkdirs(path, 0o700);
    fd = attempt("openat", AT_FDCWD, path, O.O_DIRECTORY | O.O_NOFOLLOW | O.O_CLOEXEC, 0);
  }
  if (fd < 0) throw new SysError("openat", [path], -fd, `open the state directory ${path}`);
  const { uid, mode } = statx(fd);
  if (uid === geteuid() && (mode & 0o022) === 0) return { path, fd };
  close(fd);
  throw new RunError(`${path} belongs to somebody else or is writable for others: remove it`);
}

/** Makes a container's state directory and locks it. @throws RunError when the name is in use */
export function createState(state: State): StateDirectory {
  step("record the container's state", "first of all: what follows can be removed from this file alone");
  const root = openRoot();
  close(root.fd);
  const path = `${root.path}/${state.id}`;
  let made = attempt("mkdirat", AT_FDCWD, path, 0o700);
  if (made === -EEXIST && removeIfDead(path)) made = attempt("mkdirat", AT_FDCWD, path, 0o700);
  if (made === -EEXIST) throw new RunError(`the name ${state.id} is in use by a running container`);
  if (made < 0) throw new SysError("mkdirat", [path], -made, `create ${path}`);
  const lock = open(`${path}/state.json`, O.O_RDWR | O.O_CREAT | O.O_EXCL, 0o600);
  attempt("flock", lock, LOCK_EX | LOCK_NB);
  writeAll(lock, encode(JSON.stringify(state)));
  return { path, lock };
}

/** Removes the directory; the lock goes last. */
export function removeState(state: StateDirectory): void {
  unlink(`${state.path}/state.json`);
  rmdir(state.path);
  close(state.lock);
}

/** Cleans up after every supervisor that ended without doing so itself. */
export function prune(): void {
  const root = openRoot();
  withFd(root.fd, (fd) => {
    for (const name of listDirectory(fd)) removeIfDead(`${root.path}/${name}`);
  });
}

/** A directory whose lock is free and that is no newborn without one. True when it is gone now. */
function removeIfDead(path: string): boolean {
  const fd = attempt("openat", AT_FDCWD, `${path}/state.json`, O.O_RDWR | O.O_CLOEXEC | O.O_NOFOLLOW, 0);
  if (fd < 0) return isNewborn(path) ? false : rmdir(path) === 0;
  return withFd(fd, () => {
    if (attempt("flock", fd, LOCK_EX | LOCK_NB) < 0) return false;
    const text = decode(readAll(fd));
    if (text === "" && isNewborn(path)) return false;
    removeCgroups(recordedCgroups(text));
    unlink(`${path}/state.json`);
    return rmdir(path) === 0;
  });
}

/** Between mkdir and the lock lie microseconds; ten seconds are far on the safe side. */
function isNewborn(path: string): boolean {
  const fd = attempt("openat", AT_FDCWD, path, O.O_PATH | O.O_CLOEXEC, 0);
  if (fd < 0) return false;
  return withFd(fd, () => Date.now() / 1000 - statx(fd).mtime < 10);
}

/** The file is our own (its directory admits nobody else), but a full disk may have cut it short. */
function recordedCgroups(text: string): string[] {
  try {
    return (JSON.parse(text) as State).cgroups.filter((path) => path.includes("/minibox/"));
  } catch {
    return [];
  }
}
