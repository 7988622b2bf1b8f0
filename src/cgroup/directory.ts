// Owns making a cgroup's directory, with those above it.

import { AT_FDCWD } from "../sys/constants.ts";
import { tryMkdirat } from "../sys/directory.ts";
import { EEXIST, ENOENT, SysError } from "../sys/errno.ts";

/** How often the one above is made anew, which another minibox that ends may remove meanwhile. */
const ATTEMPTS = 100;

/** mkdir(2) of the path and of what is missing above it. @throws SysError */
export function makeCgroup(path: string): void {
  let made = tryMkdirat(AT_FDCWD, path, 0o755);
  for (let i = 0; made === -ENOENT && path !== "" && i < ATTEMPTS; i++) {
    makeCgroup(path.slice(0, path.lastIndexOf("/")));
    made = tryMkdirat(AT_FDCWD, path, 0o755);
  }
  if (made < 0 && made !== -EEXIST) throw new SysError("mkdirat", [path], -made, `create the cgroup ${path}`);
}
