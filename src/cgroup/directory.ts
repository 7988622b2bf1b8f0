// Owns cgroups as directories: making one, what lives in it, and writing to its files.

import { RunError } from "../errors.ts";
import { AT_FDCWD, O, S_IFDIR, S_IFMT } from "../sys/constants.ts";
import { listDirectory, tryMkdirat } from "../sys/directory.ts";
import { EEXIST, ENOENT, isErrno, SysError } from "../sys/errno.ts";
import { close, tryOpen, tryReadFile, tryWrite, withFd } from "../sys/file.ts";
import { tryStat } from "../sys/stat.ts";
import { MARKED_MODE, mark } from "./record.ts";

/** How often a missing directory above is made again: another minibox that ends may remove it meanwhile. */
const ATTEMPTS = 100;

/** mkdir(2) of a cgroup and of what is missing above it; false where it is there already. @throws SysError */
export function makeCgroup(path: string, mode = 0o755): boolean {
  let made = tryMkdirat(AT_FDCWD, path, mode);
  for (let i = 0; made === -ENOENT && path !== "" && i < ATTEMPTS; i++) {
    makeCgroup(parentOf(path));
    made = tryMkdirat(AT_FDCWD, path, mode);
  }
  if (made < 0 && made !== -EEXIST) throw new SysError("mkdirat", [path], -made, `create the cgroup ${path}`);
  return made === 0;
}

/**
 * Makes a cgroup for one container, or takes one that is there and empty; false for the latter. Either is marked.
 * @throws SysError, RunError where processes are in it
 */
export function takeCgroup(directory: string): boolean {
  if (makeCgroup(directory, MARKED_MODE)) return true;
  const [pid] = processesBelow(directory);
  if (pid === undefined) {
    mark(directory);
    return false;
  }
  throw new RunError(`the cgroup ${directory} is in use: process ${pid} is in it`);
}

export const parentOf = (path: string): string => path.slice(0, path.lastIndexOf("/"));

/** The processes of a cgroup, as the host counts; none where there is no such cgroup. */
export function processesIn(directory: string | undefined): number[] {
  const pids: number[] = [];
  if (directory === undefined) return pids;
  for (const pid of (tryReadFile(`${directory}/cgroup.procs`) ?? "").split("\n"))
    if (Number(pid) > 0) pids.push(Number(pid));
  return pids;
}

/** The processes of a cgroup and of all cgroups below it. */
export function processesBelow(directory: string): number[] {
  const pids = processesIn(directory);
  for (const below of cgroupsBelow(directory)) pids.push(...processesBelow(below));
  return pids;
}

/** The cgroups directly below one; none where it is gone. */
export function cgroupsBelow(directory: string): string[] {
  const fd = tryOpen(directory, O.O_DIRECTORY);
  if (fd < 0) return [];
  const found: string[] = [];
  for (const name of withFd(fd, namesIn)) {
    const path = `${directory}/${name}`;
    if (((tryStat(path, false)?.mode ?? 0) & S_IFMT) === S_IFDIR) found.push(path);
  }
  return found;
}

/** The names in an open cgroup; none where another process removes it meanwhile. */
function namesIn(fd: number): string[] {
  try {
    return listDirectory(fd);
  } catch (error) {
    if (isErrno(error, ENOENT)) return [];
    throw error;
  }
}

/** Writes a word to a file of a cgroup in one write(2). Returns 0, or -errno. */
export function tryWriteFile(path: string, text: string): number {
  const fd = tryOpen(path, O.O_WRONLY);
  if (fd < 0) return fd;
  const written = tryWrite(fd, text);
  close(fd);
  return Math.min(0, written);
}
