// Owns the container's terminal: a pty in the container's devpts, whose master is sent to the parent (pts(4), unix(7)).

import type { Process } from "../spec/types.ts";
import { send } from "../sync.ts";
import { fchown } from "../sys/access.ts";
import { AT, O } from "../sys/constants.ts";
import { close, openInRoot, withFd } from "../sys/file.ts";
import { step } from "../sys/libc.ts";
import { moveMount, openTree } from "../sys/mount.ts";
import { openPty, setControllingTerminal, setWindowSize } from "../sys/pty.ts";
import { openDestination } from "./mount-points.ts";

/**
 * Opens a pty, sends its master to the parent, and binds the slave on /dev/console; returns the slave. @throws SysError
 */
export function attachTerminal(socket: number, root: number, { consoleSize, user }: Process): number {
  step(
    "open a terminal of the container's own",
    "the container never gets a descriptor of the caller's terminal",
  );
  const { master, slave } = withFd(openInRoot(root, "/dev/pts", O.O_PATH | O.O_DIRECTORY), (devpts) =>
    openPty(devpts),
  );
  if (consoleSize) setWindowSize(master, consoleSize);
  fchown(slave, user.uid, -1);
  setControllingTerminal(slave); // of the session that setsid(2) made, which gives it ^C and job control
  send(socket, { type: "terminal" }, master);
  close(master);
  withFd(openTree(slave, "", AT.AT_EMPTY_PATH), (tree) =>
    withFd(openDestination(root, "/dev/console", "file", false), (place) => moveMount(tree, place)),
  );
  return slave;
}
