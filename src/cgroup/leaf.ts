// Owns making room: a cgroup hands controllers down only while no process lives in it (cgroups(7), "no internal
// processes"). The processes of the caller's cgroup therefore move into a leaf of it, and back when the last container
// has ended: a cgroup that hands controllers down takes no process, so systemd could not start the unit's next command.

import { RunError } from "../errors.ts";
import { O } from "../sys/constants.ts";
import { rmdir } from "../sys/directory.ts";
import { ENOENT, ESRCH, errnoText } from "../sys/errno.ts";
import { open, tryReadFile, withFd } from "../sys/file.ts";
import { step } from "../sys/libc.ts";
import { tryLockFor } from "../sys/lock.ts";
import { tryStat } from "../sys/stat.ts";
import { makeCgroup, tryWriteFile } from "./directory.ts";
import { COMMON, LEAF } from "./place.ts";

/** How often the list of processes is read again: a process that forks meanwhile leaves its child behind. */
const ROUNDS = 100;

/** In milliseconds. Who holds the lock moves processes, which takes a moment each. */
const PATIENCE = 60_000;

/** Runs while no other minibox makes room in the directory, or gives it back. @throws SysError, RunError */
export const lockedCgroup = <T>(directory: string, work: () => T): T =>
  withFd(open(directory, O.O_DIRECTORY), (fd) => {
    if (!tryLockFor(fd, PATIENCE))
      throw new RunError(
        `another process holds the lock of ${directory}, for longer than ${PATIENCE / 1000} s`,
      );
    return work();
  });

/** Moves all processes of the directory into its leaf. @throws SysError, RunError where one cannot be moved */
export function makeRoom(directory: string): void {
  step(
    `move the processes of ${directory} into a leaf of it`,
    "a cgroup that holds processes cannot hand controllers down (cgroups(7))",
  );
  const leaf = `${directory}/${LEAF}`;
  makeCgroup(leaf);
  const left = moveAll(directory, leaf);
  if (left !== undefined)
    throw new RunError(
      `limits cannot be enforced: the processes in ${directory} keep it from handing controllers down, and ${left}`,
    );
}

/** Undoes makeRoom, unless another container still runs there. A failure is not reported, as no container needs this. */
export function giveRoomBack(directory: string): void {
  const leaf = `${directory}/${LEAF}`;
  if (tryStat(leaf) === undefined) return;
  lockedCgroup(directory, () => {
    // another minibox may have done it just before
    if (tryStat(leaf) === undefined) return;
    const removed = rmdir(`${directory}/${COMMON}`);
    if (removed < 0 && removed !== -ENOENT) return;
    step(`move the processes of ${directory} back into it`, "it hands nothing down any more");
    const file = `${directory}/cgroup.subtree_control`;
    const words = (tryReadFile(file) ?? "").trim();
    if (words !== "" && tryWriteFile(file, words.replaceAll(/(^| )/g, "$1-")) < 0) return;
    if (moveAll(leaf, directory) === undefined) rmdir(leaf);
  });
}

/** Moves every process; undefined, or the reason why some are left. */
function moveAll(from: string, to: string): string | undefined {
  for (let round = 0; round < ROUNDS; round++) {
    const pids = (tryReadFile(`${from}/cgroup.procs`) ?? "").trim();
    if (pids === "") return undefined;
    for (const pid of pids.split("\n")) {
      if (pid === "0") return "some belong to a pid namespace above ours, so that minibox cannot move them";
      const moved = tryWriteFile(`${to}/cgroup.procs`, pid);
      if (moved < 0 && moved !== -ESRCH)
        return `process ${pid} cannot be moved into ${to}: ${errnoText(-moved)}`;
    }
  }
  return "they start others faster than minibox can move them";
}
