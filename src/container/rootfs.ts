// Owns looking at the rootfs before anything is made for it: a wrong path should be told in one clear line.

import { RunError } from "../errors.ts";
import { O, S_IFDIR, S_IFMT } from "../sys/constants.ts";
import { errnoText, SysError } from "../sys/errno.ts";
import { listDirectory, open, pathOf, tryStat, withFd } from "../sys/file.ts";

/** Returns the absolute path of a directory that can be a root. @throws RunError */
export function checkRootfs(path: string): string {
  if (path === "") throw new RunError("the rootfs is an empty word: give the path of a directory");
  const stat = tryStat(path);
  if (!stat) throw missing(path);
  if ((stat.mode & S_IFMT) !== S_IFDIR)
    throw new RunError(
      `the rootfs ${path} is no directory`,
      125,
      "an archive must be unpacked first (tar -xf … -C DIR)",
    );
  try {
    return withFd(open(path, O.O_DIRECTORY), (fd) => {
      if (listDirectory(fd).length === 0)
        throw new RunError(`the rootfs ${path} is empty`, 125, `fill it: scripts/build-rootfs.sh ${path}`);
      const absolute = pathOf(fd);
      if (absolute === "/")
        throw new RunError(
          "the rootfs is the host's own /",
          125,
          "a container needs a root directory of its own",
        );
      return absolute;
    });
  } catch (error) {
    if (error instanceof SysError) throw new RunError(`the rootfs ${path}: ${errnoText(error.errno)}`);
    throw error;
  }
}

function missing(path: string): RunError {
  return new RunError(
    `the rootfs ${path} does not exist`,
    125,
    path.startsWith("-")
      ? "flags come before it: minibox run [flags] ROOTFS COMMAND"
      : `make one: scripts/build-rootfs.sh ${path}`,
  );
}
