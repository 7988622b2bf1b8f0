// Owns what the container's user may do with the caller's files on 0, 1 and 2. /dev/stdout is a link to /proc/self/fd/1:
// who opens it opens the file anew, and needs the permission. Programs that log to /dev/stderr do just that.

import { toHost } from "../spec/id-mappings.ts";
import type { Spec } from "../spec/types.ts";
import { tryFchmod, tryFchown } from "../sys/access.ts";
import { F_GETFL, O_ACCMODE, S_IFIFO, S_IFMT, S_IFREG } from "../sys/constants.ts";
import { tryFcntl } from "../sys/descriptor.ts";
import { type Stat, statx } from "../sys/file.ts";
import { step } from "../sys/libc.ts";
import { geteuid } from "../sys/process.ts";
import { isPipe } from "../sys/statfs.ts";

/**
 * Makes the container's user the owner of pipes, and of named FIFOs and files that are open for writing, as runc does.
 * Returns what gives the named ones back as they were. Root of the host may open them all anyhow; an ordinary user may
 * give nothing away, so there the child sees to the pipes.
 */
export function lendDescriptors({ process: { user }, linux }: Spec): () => void {
  const uid = linux.uidMappings ? toHost(linux.uidMappings, user.uid) : user.uid;
  if (uid === undefined || uid === 0 || geteuid() !== 0) return () => {};
  step(`make user ${uid} the owner of stdin, stdout and stderr`, "opening /dev/stdout takes the permission");
  const lent: [fd: number, before: Stat][] = [];
  for (const fd of [0, 1, 2]) {
    const before = statx(fd);
    if (before.uid === uid || !isLendable(fd, before)) continue;
    if (own(fd, uid) >= 0 && !isPipe(fd)) lent.push([fd, before]);
  }
  return () => {
    for (const [fd, { uid, mode }] of lent) {
      own(fd, uid);
      // the owner may have changed it
      tryFchmod(fd, mode & 0o7777);
    }
  };
}

const own = (fd: number, uid: number): number => tryFchown(fd, uid, -1);

/** What is only read stays the caller's: the owner of a file can make it writable. */
function isLendable(fd: number, { mode }: Stat): boolean {
  if ((mode & S_IFMT) === S_IFIFO) return true;
  return (mode & S_IFMT) === S_IFREG && (tryFcntl(fd, F_GETFL) & O_ACCMODE) !== 0;
}
