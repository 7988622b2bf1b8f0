// Owns the container's cgroup from inside: the child joins it before anything of the container's runs, so that all of it
// is charged and nothing else; and it mounts the hierarchies of version 1 for the container to see.

import type { CgroupView, ChildRequest, Descriptors } from "../sync.ts";
import { AT, O } from "../sys/constants.ts";
import { mkdirat, trySymlinkat, tryUnlinkat } from "../sys/directory.ts";
import { close, open, tryWrite, write } from "../sys/file.ts";
import { step } from "../sys/libc.ts";
import { fdPath, mountDetached, moveMount, setMountAttributes, tryMount } from "../sys/mount.ts";

/**
 * Writes "0", which stands for the writer, into each file (cgroups(7)). The parent has opened the files where the child
 * may not. A group that no limit needs may refuse the child, as the cpu controller refuses real-time processes: there the
 * child stays in its caller's group. @throws SysError
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
 * Mounts a tmpfs with a directory for each hierarchy, and the hierarchy there. The top of such a mount is the root of the
 * cgroup namespace: the container's own group. Controllers that share a hierarchy (cpu,cpuacct) get a link each. A
 * hierarchy that cannot be mounted is not shown. @throws SysError
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
  // Everything becomes read-only at the end, in one call. Nobody is inside yet who could have written before.
  setMountAttributes(top, { set: attrSet, clear: attrClear, recursive: true });
  close(top);
}
