// Owns making room: a cgroup hands controllers down only while no process lives in it (cgroups(7), "no internal
// processes"), so those who live in the caller's move into a leaf, and back when the last container has ended. Whoever
// started them, such as systemd with the unit's next command, can only then put a process there again.

import { RunError } from "../errors.ts";
import { AT_FDCWD, O } from "../sys/constants.ts";
import { tryMkdirat } from "../sys/directory.ts";
import { EEXIST, ENOENT, ESRCH, errnoText, SysError } from "../sys/errno.ts";
import { open, rmdir, tryOpen, tryReadFile, tryStat, tryWrite, withFd } from "../sys/file.ts";
import { step } from "../sys/libc.ts";
import { lock } from "../sys/lock.ts";

export const LEAF = "minibox-supervisor";

/** How often the list of processes is read anew: those who fork meanwhile leave children behind. */
const ROUNDS = 100;

/** Runs while no other minibox makes room in the directory, or gives it back. @throws SysError */
export const lockedCgroup = <T>(directory: string, work: () => T): T =>
  withFd(open(directory, O.O_DIRECTORY), (fd) => {
    lock(fd);
    return work();
  });

/** Moves all processes of the directory into its leaf. @throws SysError, RunError where one cannot be moved */
export function makeRoom(directory: string): void {
  step(
    `move the processes of ${directory} into a leaf of it`,
    "a cgroup that holds processes cannot hand controllers down (cgroups(7))",
  );
  const leaf = `${directory}/${LEAF}`;
  const made = tryMkdirat(AT_FDCWD, leaf, 0o755);
  if (made < 0 && made !== -EEXIST) throw new SysError("mkdirat", [leaf], -made, `create the cgroup ${leaf}`);
  const left = moveAll(directory, leaf);
  if (left !== undefined)
    throw new RunError(
      `limits cannot be enforced: the processes in ${directory} keep it from handing controllers down, and ${left}`,
    );
}

/** Takes makeRoom back, unless another container needs it; nobody is told where that fails, as nothing depends on it. */
export function giveRoomBack(directory: string): void {
  const leaf = `${directory}/${LEAF}`;
  if (tryStat(leaf) === undefined) return;
  lockedCgroup(directory, () => {
    // another may just have done it
    if (tryStat(leaf) === undefined) return;
    const removed = rmdir(`${directory}/minibox`);
    if (removed < 0 && removed !== -ENOENT) return;
    step(`move the processes of ${directory} back into it`, "it hands nothing down any more");
    const file = `${directory}/cgroup.subtree_control`;
    const words = (tryReadFile(file) ?? "").trim();
    if (words !== "" && writeError(file, words.replaceAll(/(^| )/g, "$1-")) !== 0) return;
    if (moveAll(leaf, directory) === undefined) rmdir(leaf);
  });
}

/** Undefined, or why processes are left. */
function moveAll(from: string, to: string): string | undefined {
  for (let round = 0; round < ROUNDS; round++) {
    const pids = (tryReadFile(`${from}/cgroup.procs`) ?? "").trim();
    if (pids === "") return undefined;
    for (const pid of pids.split("\n")) {
      if (pid === "0") return "some belong to a pid namespace above ours, so that minibox cannot move them";
      const error = writeError(`${to}/cgroup.procs`, pid);
      if (error !== 0 && error !== ESRCH)
        return `process ${pid} cannot be moved into ${to}: ${errnoText(error)}`;
    }
  }
  return "they start others faster than minibox can move them";
}

/** The error number, or 0. */
function writeError(path: string, text: string): number {
  const fd = tryOpen(path, O.O_WRONLY);
  if (fd < 0) return -fd;
  return withFd(fd, () => Math.max(0, -tryWrite(fd, text)));
}
