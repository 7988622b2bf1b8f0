// Owns memory as the kernel sees it: a file that is memory alone, and advice about pages.

import { attempt, call } from "./libc.ts";

/** int memfd_create(const char *name, unsigned flags): the name is for /proc alone. @throws SysError */
export function memfdCreate(name: string, flags: number): number {
  return call("memfd_create", name, flags);
}

/** int madvise(void *start, size_t length, int advice), of memory by its address: 0, or -errno. */
export function tryMadvise(start: number, length: number, advice: number): number {
  return attempt("madvise", start, length, advice);
}
