// Owns mapping the bundle, minibox's own code, read-only. `bun build` puts it at the end of the segment of the writable data.
// A waiting supervisor gives back the memory of what is read-only (supervise/trim.ts), and nothing can change its code.
// alignSegments() then moves the segment to a place in the file where a large piece of the page cache begins (align.ts).

import { PT_LOAD } from "../../src/sys/elf.ts";
import { Executable } from "./executable.ts";

const PT_NOTE = 4;
const [PF_W, PF_R] = [2, 4];
const PAGE = 4096;

/**
 * Returns a copy of an executable in which the bundle is a segment of its own, by the program header of the notes, which nothing needs at run time. @throws Error where the
 * bundle does not lie as expected
 */
export function readOnlyBundle(file: Executable): Executable {
  const executable = new Executable(new Uint8Array(file.bytes));
  const bundle = executable.section(".bun");
  const data = executable.segment((flags) => (flags & PF_W) !== 0);
  const headers = executable.programHeaders(Number.POSITIVE_INFINITY);
  // the headers of what is loaded lie in the order of the addresses
  const last = headers.at(-1)!;
  const end = data.address + data.size;
  const pageSize = executable.word(data.at + 0x30);
  const isAtEnd =
    bundle.address % Math.max(pageSize, PAGE) === 0 &&
    bundle.address > data.address &&
    bundle.address + bundle.size <= end &&
    executable.sections().every(({ address }) => address <= bundle.address) &&
    executable.segments().at(-1)!.at === data.at;
  if (!isAtEnd || last.type !== PT_NOTE)
    throw new Error("the executable's bundle is not the end of its data: look anew at where it lies");
  const before = bundle.address - data.address;
  for (const field of [0x20, 0x28]) executable.put64(data.at + field, before);
  executable.put32(last.at, PT_LOAD);
  executable.put32(last.at + 4, PF_R);
  // p_offset, p_vaddr, p_paddr, p_filesz, p_memsz, p_align
  const size = end - bundle.address;
  for (const [i, value] of [bundle.offset, bundle.address, bundle.address, size, size, pageSize].entries())
    executable.put64(last.at + 8 + 8 * i, value);
  return executable;
}
