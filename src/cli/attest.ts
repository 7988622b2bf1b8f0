// Owns where an attestation goes: a file, or "-" for stdout.

import { attest } from "../container/attest.ts";
import { callerUmask } from "../container/begin.ts";
import { RunError } from "../errors.ts";
import type { Labels } from "../sync.ts";
import { encode } from "../sys/bytes.ts";
import { O } from "../sys/constants.ts";
import { errnoText, SysError } from "../sys/errno.ts";
import { open, writeAll } from "../sys/file.ts";

/** Opens the place now, so that a wrong path is told before anything runs; what it returns writes there. @throws RunError */
export function attestTo(place: string): (pid: number, cgroups: readonly string[], labels: Labels) => void {
  const fd = place === "-" ? 1 : openFile(place);
  return (pid, cgroups, labels) => {
    const text = JSON.stringify(attest(pid, cgroups, labels), null, 2);
    writeAll(fd, encode(`${text}\n`));
  };
}

function openFile(path: string): number {
  try {
    return open(path, O.O_WRONLY | O.O_CREAT | O.O_TRUNC, 0o644 & ~callerUmask());
  } catch (error) {
    throw error instanceof SysError ? new RunError(`--attest: ${path}: ${errnoText(error.errno)}`) : error;
  }
}
