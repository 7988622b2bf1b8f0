// Owns memory for machine code, which is never both writable and executable.

import { attempt, bytesAt } from "./libc.ts";

const PROT_READ = 1;
const PROT_WRITE = 2;
const PROT_EXEC = 4;
const MAP_PRIVATE = 2;
const MAP_ANONYMOUS = 32;

/**
 * Maps machine code at the beginning of `size` bytes: mmap(2), and mprotect(2), which makes arm64's instruction cache see the
 * code. The pages that have no code stay writable. Returns the address, or -errno.
 */
export function mapCode(code: Uint8Array, size = code.length): number {
  const address = attempt("mmap", 0, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (address < 0) return address;
  bytesAt(address, code.length).set(code);
  const result = attempt("mprotect", address, code.length, PROT_READ | PROT_EXEC);
  return result < 0 ? result : address;
}
