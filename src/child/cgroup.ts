// Owns entering the container's cgroup: the child writes itself into it, so nothing else is ever charged.

import { O } from "../sys/constants.ts";
import { open, withFd } from "../sys/file.ts";
import { call, step } from "../sys/libc.ts";

/** Writes "0", which means oneself, into each file, opened already or not (cgroups(7)). @throws SysError */
export function joinCgroup(files: readonly string[], opened: readonly number[] | undefined): void {
  if (files.length === 0) return;
  step("join the cgroup", "from here on the limits hold, for whatever this process becomes or starts");
  if (opened) for (const file of opened) withFd(file, (fd) => call("write", fd, "0", 1));
  else for (const file of files) withFd(open(file, O.O_WRONLY), (fd) => call("write", fd, "0", 1));
}
