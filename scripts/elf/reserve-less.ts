// Owns how much address space Bun's allocator (mimalloc) reserves at once: a gigabyte, of which minibox uses some
// megabytes. Under a limit of little more than that (ulimit -v, -d), nothing would be left for the rest of Bun. The
// allocator has a table of options, each with its default and its name. An allocator that needs more than it has
// reserved reserves more.

import type { Executable } from "./executable.ts";

const NAME = "arena_reserve\0";
/** KiB */
const DEFAULT = 1_048_576n;
const INSTEAD = 65_536n;
/** Bytes from an option's default to the pointer to its name (mi_option_desc_t: long value; int init, option; char *name). */
const NAME_OFFSET = 16;

/** Changes the default of the option arena_reserve. @throws Error where the allocator has no such option */
export function reserveLess(file: Executable): void {
  const bytes = Buffer.from(file.bytes.buffer, file.bytes.byteOffset, file.bytes.byteLength);
  const name = bytes.indexOf(NAME);
  const pointer = Buffer.alloc(8);
  if (name >= 0) pointer.writeBigUInt64LE(BigInt(file.addressOf(name)));
  const value = bytes.indexOf(pointer) - NAME_OFFSET;
  if (name < 0 || value < 0 || bytes.readBigInt64LE(value) !== DEFAULT)
    throw new Error("the executable's allocator has no such option: look anew at what it reserves");
  bytes.writeBigInt64LE(INSTEAD, value);
}
