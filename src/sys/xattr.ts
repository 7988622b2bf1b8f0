// Owns extended attributes of files (xattr(7)).

import { attempt } from "./libc.ts";

/** ssize_t getxattr(const char *path, const char *name, void *value, size_t size): the value's length, or -errno. */
export function tryGetxattr(path: string, name: string, value: Uint8Array): number {
  return attempt("getxattr", path, name, value, value.length);
}

/** int setxattr(const char *path, const char *name, "", 0, 0), a value without a byte: 0, or -errno. */
export function trySetxattr(path: string, name: string): number {
  return attempt("setxattr", path, name, "", 0, 0);
}
