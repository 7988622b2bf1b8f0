// Owns writing an attestation to the file of --attest, or for "-" to stdout.

import { attest } from "../attest/index.ts";
import { callerUmask } from "../container/begin.ts";
import type { Labels } from "../sync.ts";
import { encode } from "../sys/bytes.ts";
import { O } from "../sys/constants.ts";
import { open, writeAll } from "../sys/file.ts";
import { printableJson } from "../sys/printable.ts";
import { naming } from "./named-files.ts";

/** Opens the file, so that a wrong path is told before anything runs. Returns what writes an attestation there. @throws RunError */
export function attestTo(place: string): (pid: number, cgroups: readonly string[], labels: Labels) => void {
  const what = `--attest: ${place === "-" ? "standard output" : place}`;
  const fd =
    place === "-"
      ? 1
      : naming(what, () => open(place, O.O_WRONLY | O.O_CREAT | O.O_TRUNC, 0o644 & ~callerUmask()));
  return (pid, cgroups, labels) => {
    const text = printableJson(attest(pid, cgroups, labels));
    naming(what, () => writeAll(fd, encode(`${text}\n`)));
  };
}
