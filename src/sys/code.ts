// Owns memory for machine code, which is never both writable and executable.

import { attempt, bytesAt } from "./libc.ts";

const [PROT_READ, PROT_WRITE, PROT_EXEC] = [1, 2, 4];
const [MAP_PRIVATE, MAP_ANONYMOUS] = [2, 32];

/**
 * Maps machine code, and after it `room` bytes that stay writable: mmap(2), and mprotect(2), which makes arm64's
 * instruction cache see the code. With room, the code fills whole pages. Returns the address, or -errno.
 */
export function mapCode(code: Uint8Array, room = 0): number {
  const size = code.length + room;
  const address = attempt("mmap", 0, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (address < 0) return address;
  bytesAt(address, code.length).set(code);
  const result = attempt("mprotect", address, code.length, PROT_READ | PROT_EXEC);
  return result < 0 ? result : address;
}
