// Owns handing controllers down on version 2: a cgroup has those that the one above it names in its
// cgroup.subtree_control (cgroups(7), "Cgroups v2 controllers").

import { RunError } from "../errors.ts";
import { O } from "../sys/constants.ts";
import { EBUSY, EOPNOTSUPP, errnoText, SysError } from "../sys/errno.ts";
import { close, readFile, tryOpen, tryReadFile, tryWrite, writeFile } from "../sys/file.ts";
import { step } from "../sys/libc.ts";
import { parentOf } from "./directory.ts";
import { makeRoom } from "./leaf.ts";
import { missing } from "./settings.ts";
import type { V2Record } from "./types.ts";

/** The controllers that count for every container, limited or not. */
const COUNTED = ["memory", "pids", "cpu", "io"] as const;

/** How often processes are moved away before giving up: one that forks meanwhile leaves its child behind. */
const ATTEMPTS = 10;

/**
 * Hands down what counts (memory.current, pids.current…) from `top` to a container's cgroup, whether it has limits or
 * not. A controller that is not there, or not ours to hand down, is left out.
 */
export function countAll(path: string, top: string): void {
  const missing = without(COUNTED, tryReadFile(`${path}/cgroup.controllers`));
  if (missing.length === 0) return;
  const unavailable = without(missing, tryReadFile(`${top}/cgroup.controllers`));
  const available = without(missing, unavailable.join(" "));
  if (available.length === 0) return;
  step(`hand ${available.join(", ")} down to the cgroup`, "what it uses is counted, limited or not");
  for (const directory of above(path, top)) {
    // processes would have to be moved, and are moved for limits alone
    if (isInhabited(directory)) return;
    const file = `${directory}/cgroup.subtree_control`;
    const fd = tryOpen(file, O.O_WRONLY);
    if (fd < 0) return;
    for (const controller of available) tryWrite(fd, `+${controller}`);
    close(fd);
  }
}

/** The cgroups above one, from the top. */
function above(path: string, top: string): string[] {
  const directories: string[] = [];
  for (let at = parentOf(path); at.length >= top.length; at = parentOf(at)) directories.unshift(at);
  return directories;
}

/**
 * Makes a directory hand a controller down, and so each one above it. `field` is what needs the controller.
 * @throws SysError, RunError where that cannot be
 */
export function handDown(record: V2Record, directory: string, controller: string, field: string): void {
  if (readWords(`${directory}/cgroup.subtree_control`).includes(controller)) return;
  if (!readWords(`${directory}/cgroup.controllers`).includes(controller)) {
    if (directory === record.mount) throw missing(controller, field);
    if (directory === record.top) throw notGiven(controller, field, directory);
    handDown(record, parentOf(directory), controller, field);
  }
  for (let i = 1; ; i++) {
    if (isInhabited(directory)) {
      if (!record.makesRoom || directory !== record.top)
        throw notHandedDown(EBUSY, directory, controller, field);
      makeRoom(directory);
    }
    step(`hand the ${controller} controller down from ${directory}`);
    try {
      writeFile(`${directory}/cgroup.subtree_control`, `+${controller}`);
      return;
    } catch (error) {
      if (!(error instanceof SysError)) throw error;
      if (error.errno !== EBUSY || i === ATTEMPTS)
        throw notHandedDown(error.errno, directory, controller, field);
    }
  }
}

/**
 * True where processes keep a cgroup from handing controllers down. They do not in the tree's root, which has no
 * cgroup.type. The kernel would let cpu, cpuset and pids be handed down nevertheless, and turn the whole subtree into one
 * for threads, which takes no process.
 */
const isInhabited = (directory: string): boolean =>
  (tryReadFile(`${directory}/cgroup.procs`) ?? "") !== "" &&
  tryReadFile(`${directory}/cgroup.type`) !== undefined;

const readWords = (path: string): string[] => readFile(path).trim().split(" ");

/** Those of the words that a text does not have. */
const without = (words: readonly string[], text = ""): string[] => {
  const others = text.trim().split(" ");
  return words.filter((word) => !others.includes(word));
};

const notGiven = (controller: string, field: string, directory: string): RunError =>
  new RunError(
    `cannot be enforced: the cgroup ${directory} was given to you without the controller ${controller}`,
    125,
    "with systemd, have its unit hand all of them down (Delegate=yes), or take another place (linux.cgroupsPath /)",
    field,
  );

function notHandedDown(errno: number, directory: string, controller: string, field: string): RunError {
  if (errno === EOPNOTSUPP) return threaded(directory);
  const why =
    errno === EBUSY
      ? "processes live in that cgroup itself, so it cannot hand controllers down (cgroups(7), no internal processes)"
      : errnoText(errno);
  return new RunError(
    `cannot be enforced: enabling ${controller} in ${directory}: ${why}`,
    125,
    undefined,
    field,
  );
}

/** The error for a cgroup that takes no process. */
export const threaded = (directory: string): RunError =>
  new RunError(
    `limits cannot be enforced: the cgroup ${directory} is in a threaded part of the tree, where a cgroup takes single threads and no process (cgroups(7), thread mode)`,
    125,
    "remove the cgroup beside it whose cgroup.type is threaded, or take a place elsewhere: linux.cgroupsPath PATH",
  );
