// Owns what the child does with cgroups. It joins the container's before it starts anything, so that everything in the
// container is charged to it; and it mounts the hierarchies of version 1 in the container.

import type { CgroupView, ChildRequest, Descriptors } from "../sync.ts";
import { AT, O } from "../sys/constants.ts";
import { mkdirat, trySymlinkat, tryUnlinkat } from "../sys/directory.ts";
import { close, open, tryWrite, write } from "../sys/file.ts";
import { step } from "../sys/libc.ts";
import { fdPath, mountDetached, moveMount, setMountAttributes, tryMount } from "../sys/mount.ts";

/**
 * Writes "0", which stands for the writing process, into each of the cgroup's files (cgroups(7)). Where the child may
 * not open them, the parent has opened all of them. A cgroup without a limit of the container may refuse the child, as the
 * cpu controller refuses real-time processes: there the child stays in the caller's cgroup. @throws SysError
 */
export function joinCgroup({ host: { cgroup } }: ChildRequest, descriptors: Descriptors): void {
  if (cgroup.files.length === 0) return;
  step("join the cgroup", "from here on the limits hold, for whatever this process becomes or starts");
  const areOpen = descriptors["cgroup 0"] !== undefined;
  for (let i = 0; i < cgroup.files.length; i++) {
    const file = areOpen ? descriptors[`cgroup ${i}`]! : open(cgroup.files[i]!, O.O_WRONLY);
    if (i < cgroup.required) write(file, "0");
    else tryWrite(file, "0");
    close(file);
  }
}

/**
 * Mounts a tmpfs at the descriptor `place`, and in it each hierarchy on a directory of its own. The top of such a mount
 * is the root of the cgroup namespace: the container's own cgroup. Where controllers share a hierarchy (cpu,cpuacct),
 * each of them gets a symbolic link. A hierarchy that cannot be mounted is left out. @throws SysError
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
  // All of it becomes read-only here, in one call. No process of the container runs yet that could have written to it.
  setMountAttributes(top, { set: attrSet, clear: attrClear, recursive: true });
  close(top);
}
