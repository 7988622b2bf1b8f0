// Owns stopping and continuing all processes of a cgroup: version 1's freezer hierarchy (kernel documentation,
// admin-guide/cgroup-v1/freezer-subsystem.rst), and cgroup.freeze of version 2.

import { RunError } from "../errors.ts";
import { tryReadFile, writeFile } from "../sys/file.ts";
import { pause } from "../sys/poll.ts";
import { tryWriteFile } from "./directory.ts";

/** How one version stops a cgroup: the file that takes the word, and how the kernel tells that all have stopped. */
interface Freezer {
  file: string;
  frozen: string;
  thawed: string;
  isFrozen(directory: string): boolean;
}

const FREEZERS: Record<1 | 2, Freezer> = {
  1: {
    file: "freezer.state",
    frozen: "FROZEN",
    thawed: "THAWED",
    // The file says FREEZING until the last process has stopped.
    isFrozen: (directory) => tryReadFile(`${directory}/freezer.state`)?.trim() === "FROZEN",
  },
  2: {
    file: "cgroup.freeze",
    frozen: "1",
    thawed: "0",
    isFrozen: (directory) => /^frozen 1$/m.test(tryReadFile(`${directory}/cgroup.events`) ?? ""),
  },
};

/** How long freeze() waits, in milliseconds. A process that waits for a device in the kernel (state D) does not stop. */
const PATIENCE = 5000;

export const isFrozen = (version: 1 | 2, directory: string): boolean => FREEZERS[version].isFrozen(directory);

/** Returns once every process has stopped. @throws SysError, RunError where one does not: then all go on */
export function freeze(version: 1 | 2, directory: string): void {
  const { file, frozen, isFrozen } = FREEZERS[version];
  for (let waited = 0; waited <= PATIENCE; waited++) {
    // On version 1 each write wakes those again that have not stopped yet.
    writeFile(`${directory}/${file}`, frozen);
    if (isFrozen(directory)) return;
    pause(1);
  }
  thaw(version, directory);
  throw new RunError(`the processes in ${directory} did not stop within ${PATIENCE / 1000} s`);
}

/** Lets all processes go on. @throws SysError */
export function thaw(version: 1 | 2, directory: string): void {
  const { file, thawed } = FREEZERS[version];
  writeFile(`${directory}/${file}`, thawed);
}

/** How long tryFreeze() waits, in milliseconds. */
const MOMENT = 20;

/** Stops the processes as far as that is quick; those that do not stop in a moment still run when it returns. */
export function tryFreeze(version: 1 | 2, directory: string): void {
  const { file, frozen, isFrozen } = FREEZERS[version];
  if (tryWriteFile(`${directory}/${file}`, frozen) < 0) return;
  for (let waited = 0; waited < MOMENT && !isFrozen(directory); waited++) pause(1);
}

/** Lets all processes go on. Returns 0, or -errno. */
export const tryThaw = (version: 1 | 2, directory: string): number =>
  tryWriteFile(`${directory}/${FREEZERS[version].file}`, FREEZERS[version].thawed);
