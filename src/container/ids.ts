// Owns the record of the host's ids that a container has, from which the next one with --userns auto learns what is
// taken. It is a file of its own: each such start reads that of every container under the lock of the state root, and a
// few numbers take less time than a state.

import { encode } from "../sys/bytes.ts";
import { O } from "../sys/constants.ts";
import { listDirectory } from "../sys/directory.ts";
import { open, withFd, writeAll } from "../sys/file.ts";
import type { HostIds, UserNamespaceWork } from "../userns/types.ts";
import { openNew, tryOpenDirectory, tryReadIn } from "./state-file.ts";
import { isForeign, MOST_ENTRIES } from "./state-root.ts";

export const IDS_FILE = "ids";
/** In bytes; a file with more was not written here. */
const LARGEST = 65_536;

/** Records the ids in an open state directory. @throws SysError */
export function writeIds(directory: number, { uid, gid }: HostIds): void {
  const lines: string[] = [];
  for (const { start, size } of uid) lines.push(`uid ${start} ${size}\n`);
  for (const { start, size } of gid) lines.push(`gid ${start} ${size}\n`);
  if (lines.length === 0) return;
  withFd(openNew(directory, IDS_FILE), (fd) => writeAll(fd, encode(lines.join(""))));
}

/** The ids of all containers of a state root. @throws SysError */
function heldIds(root: string): HostIds {
  const held: HostIds = { uid: [], gid: [] };
  withFd(open(root, O.O_DIRECTORY), (fd) => {
    for (const name of listDirectory(fd, MOST_ENTRIES)) {
      const directory = tryOpenDirectory(`${root}/${name}`);
      if (directory < 0) continue;
      const text = withFd(directory, () => tryReadIn(directory, IDS_FILE, LARGEST)?.text);
      if (text === undefined || isForeign(`${root}/${name}`)) continue;
      for (const [, kind, start, size] of text.matchAll(/^([ug]id) (\d+) (\d+)$/gm))
        held[kind as keyof HostIds].push({ start: Number(start), size: Number(size) });
    }
  });
  return held;
}

/**
 * Chooses a new container's ids. The caller holds the lock of the state root until they are recorded. A container keeps
 * its ids until it is removed: so `removeDead` is called where none are left, and then they are looked for once more.
 * @throws RunError where none are left, SysError
 */
export function takeIds(
  root: string,
  userns: UserNamespaceWork,
  rootfs: number,
  removeDead: () => void,
): HostIds {
  const choose = (): HostIds | undefined => userns.chooseIds(() => heldIds(root), rootfs);
  const ids = choose();
  if (ids) return ids;
  removeDead();
  const freed = choose();
  if (!freed) throw userns.noIdsLeft();
  return freed;
}
