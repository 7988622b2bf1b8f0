// Owns the container's control groups from inside: the child writes itself into its own, so nothing else is ever charged,
// and shows those of version 1.

import type { CgroupView, ChildRequest, Descriptors } from "../sync.ts";
import { AT, O } from "../sys/constants.ts";
import { mkdirat, trySymlinkat, tryUnlinkat } from "../sys/directory.ts";
import { close, open, tryWrite, write } from "../sys/file.ts";
import { step } from "../sys/libc.ts";
import { fdPath, mountDetached, moveMount, setMountAttributes, tryMount } from "../sys/mount.ts";

/**
 * Writes "0", which means oneself, into each file, opened already or not (cgroups(7)). Where no limit was asked for, a
 * group may refuse us (the cpu controller does so with real-time processes): we stay in the caller's. @throws SysError
 */
export function joinCgroup({ host: { cgroup } }: ChildRequest, descriptors: Descriptors): void {
  if (cgroup.files.length === 0) return;
  step("join the cgroup", "from here on the limits hold, for whatever this process becomes or starts");
  for (let i = 0; i < cgroup.files.length; i++) {
    const file = descriptors.get(`cgroup ${i}`) ?? open(cgroup.files[i]!, O.O_WRONLY);
    if (i < cgroup.required) write(file, "0");
    else tryWrite(file, "0");
    close(file);
  }
}

/**
 * A tmpfs with a mount for each hierarchy, whose top is the container's own group there: so its cgroup namespace has it.
 * Of several controllers in one (cpu,cpuacct) each has a link. What cannot be mounted is not shown. @throws SysError
 */
export function mountHierarchies(
  place: number,
  hierarchies: CgroupView["hierarchies"],
  { attrSet, attrClear }: { attrSet: number; attrClear: number },
  label: string | undefined,
): void {
  const context: [string, string][] = label ? [["context", label]] : [];
  const top = mountDetached("tmpfs", [["source", "tmpfs"], ["mode", "755"], ...context], 0);
  moveMount(top, place);
  for (const [name, options] of hierarchies) {
    mkdirat(top, name, 0o755);
    const type = options === null ? "cgroup2" : "cgroup";
    const mounted = tryMount("cgroup", `${fdPath(top)}/${name}`, type, 0, options);
    if (mounted < 0) tryUnlinkat(top, name, AT.AT_REMOVEDIR);
    else if (name.includes(",")) for (const part of name.split(",")) trySymlinkat(name, top, part);
  }
  // read-only at last, all at once: nobody is inside yet who could have written before
  setMountAttributes(top, { set: attrSet, clear: attrClear, recursive: true });
  close(top);
}
