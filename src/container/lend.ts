// Owns the container's user's permission for its descriptors 0, 1 and 2. /dev/stdout is a link to
// /proc/self/fd/1, and open(2) of it checks the file's permissions again. Programs that log to /dev/stderr do that.

import { toHost } from "../spec/id-mappings.ts";
import type { Spec } from "../spec/types.ts";
import { streamName } from "../sync.ts";
import { tryFchmod, tryFchown } from "../sys/access.ts";
import { F_GETFL, O_ACCMODE, S_IFIFO, S_IFMT, S_IFREG } from "../sys/constants.ts";
import { tryFcntl } from "../sys/descriptor.ts";
import { step } from "../sys/libc.ts";
import { geteuid } from "../sys/process.ts";
import { type Stat, statx } from "../sys/stat.ts";
import { isPipe } from "../sys/statfs.ts";
import type { Stdio } from "./stdio.ts";

/**
 * Makes the container's user the owner of pipes, and of FIFOs and files that are open for writing, as runc does.
 * Returns a function that gives FIFOs and files their old owner and mode back. It does nothing where the user is root,
 * who may open them all, and where minibox is not root, which may not change an owner (chown(2)): there the child
 * changes the pipes' owner.
 */
export function lendDescriptors({ process: { user }, linux }: Spec, { streams, given }: Stdio): () => void {
  const uid = linux.uidMappings ? toHost(linux.uidMappings, user.uid) : user.uid;
  if (uid === undefined || uid === 0 || geteuid() !== 0) return () => {};
  step(`make user ${uid} the owner of stdin, stdout and stderr`, "opening /dev/stdout checks permissions");
  const lent: [fd: number, before: Stat][] = [];
  for (const [number, stream] of streams.entries()) {
    if (stream !== "same" && stream !== "given") continue;
    // a FIFO that was opened once more is on a read-only mount there, and changes its owner by the caller's descriptor
    const again = given[streamName(number)] ?? number;
    const fd = isPipe(again) ? again : number;
    const before = statx(fd);
    if (before.uid === uid || !isLendable(fd, before)) continue;
    if (own(fd, uid) >= 0 && !isPipe(fd)) lent.push([fd, before]);
  }
  return () => {
    for (const [fd, { uid, mode }] of lent) {
      own(fd, uid);
      // the container's user, as the owner, may have changed the mode
      tryFchmod(fd, mode & 0o7777);
    }
  };
}

const own = (fd: number, uid: number): number => tryFchown(fd, uid, -1);

/** False for a file that is open for reading only: the container's user, as its owner, could make it writable. */
function isLendable(fd: number, { mode }: Stat): boolean {
  if ((mode & S_IFMT) === S_IFIFO) return true;
  return (mode & S_IFMT) === S_IFREG && (tryFcntl(fd, F_GETFL) & O_ACCMODE) !== 0;
}
