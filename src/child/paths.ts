// Owns what of /proc and /sys is hidden, read-only, or written (sysctl) once the root is changed.

import type { Spec } from "../spec/types.ts";
import { writeFile } from "../sys/file.ts";
import { step } from "../sys/libc.ts";

/** Writes each sysctl of the spec into the new namespaces. @throws SysError */
export function setSysctls(spec: Spec): void {
  for (const [name, value] of Object.entries(spec.linux.sysctl ?? {})) {
    step(`set the sysctl ${name}=${value}`);
    writeFile(`/proc/sys/${name.replaceAll(".", "/")}`, value);
  }
}
