// Owns how much address space Bun's allocator (mimalloc) reserves at once: a gigabyte, of which minibox uses some
// megabytes. Under a limit of little more (ulimit -v, -d), nothing would be left for the rest. The allocator's table of
// options holds for each its default, and its name; where more is needed, it reserves more.

const NAME = "arena_reserve\0";
/** KiB */
const DEFAULT = 1_048_576n;
const INSTEAD = 65_536n;
/** From an option's default to the pointer to its name (mi_option_desc_t: long value; int init, option; char *name). */
const NAME_OFFSET = 16;

/** Sets the default of the allocator's option, in place. @throws Error where the executable has no such option */
export function reserveLess(elf: Uint8Array): void {
  const bytes = Buffer.from(elf.buffer, elf.byteOffset, elf.byteLength);
  // the first loaded segment is the file's beginning (PT_LOAD, p_offset 0), where strings are
  const first = Number(bytes.readBigUInt64LE(0x20));
  let header = first;
  while (bytes.readUInt32LE(header) !== 1) header += bytes.readUInt16LE(0x36);
  const pointer = Buffer.alloc(8);
  pointer.writeBigUInt64LE(bytes.readBigUInt64LE(header + 0x10) + BigInt(bytes.indexOf(NAME)));
  const value = bytes.indexOf(pointer) - NAME_OFFSET;
  if (value < 0 || bytes.readBigInt64LE(value) !== DEFAULT)
    throw new Error("the executable's allocator has no such option: look anew at what it reserves");
  bytes.writeBigInt64LE(INSTEAD, value);
}
