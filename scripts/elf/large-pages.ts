// Owns asking the kernel for the executable in large pieces. A file that is read from disk comes into the page cache in
// pieces of some KiB, each of which costs a page fault in every process that uses it. Where a mapping has MADV_HUGEPAGE
// (madvise(2)), the kernel reads 2 MiB at once, and maps as much with one fault, for file systems that can do that. It is
// for the file as a whole, and for all later processes: a start then takes a fifth fewer page faults. The segments have to
// lie in the file as in memory, modulo 2 MiB (align.ts).
//
// A few machine words are the executable's entry for that, in front of the one that was there before.

import { EM_AARCH64 } from "../../src/sys/elf.ts";
import type { Executable } from "./executable.ts";

/** Each 0x11111111 is filled in: address and length of two segments, and the address of the entry that comes next. */
// biome-ignore format: one instruction a line
export const X64_CODE: readonly number[] = [
  0x49, 0x89, 0xd0,             // mov r8, rdx          ; the loader's function for the end
  0xbf, 0x11, 0x11, 0x11, 0x11, // mov edi, 0x11111111
  0xbe, 0x11, 0x11, 0x11, 0x11, // mov esi, 0x11111111
  0xba, 0x0e, 0x00, 0x00, 0x00, // mov edx, 14          ; MADV_HUGEPAGE
  0xb8, 0x1c, 0x00, 0x00, 0x00, // mov eax, 28          ; madvise
  0x0f, 0x05,                   // syscall
  0xbf, 0x11, 0x11, 0x11, 0x11, // mov edi, 0x11111111
  0xbe, 0x11, 0x11, 0x11, 0x11, // mov esi, 0x11111111
  0xb8, 0x1c, 0x00, 0x00, 0x00, // mov eax, 28
  0x0f, 0x05,                   // syscall
  0x4c, 0x89, 0xc2,             // mov rdx, r8
  0xb8, 0x11, 0x11, 0x11, 0x11, // mov eax, 0x11111111
  0xff, 0xe0,                   // jmp rax
];

/** The same for arm64. */
// biome-ignore format: one instruction a line
export const ARM64_CODE: readonly number[] = [
  0xe9, 0x03, 0x00, 0xaa, // mov x9, x0             ; the loader's function for the end
  0x60, 0x01, 0x00, 0x18, // ldr w0, address
  0x61, 0x01, 0x00, 0x18, // ldr w1, length
  0xc2, 0x01, 0x80, 0x52, // mov w2, #14            ; MADV_HUGEPAGE
  0x28, 0x1d, 0x80, 0xd2, // mov x8, #233           ; madvise
  0x01, 0x00, 0x00, 0xd4, // svc #0
  0x00, 0x01, 0x00, 0x18, // ldr w0, address2
  0x01, 0x01, 0x00, 0x18, // ldr w1, length2
  0x01, 0x00, 0x00, 0xd4, // svc #0
  0xe0, 0x03, 0x09, 0xaa, // mov x0, x9
  0xd0, 0x00, 0x00, 0x18, // ldr w16, next
  0x00, 0x02, 0x1f, 0xd6, // br x16
  0x11, 0x11, 0x11, 0x11, // address: .word 0x11111111
  0x11, 0x11, 0x11, 0x11, // length: .word 0x11111111
  0x11, 0x11, 0x11, 0x11, // address2: .word 0x11111111
  0x11, 0x11, 0x11, 0x11, // length2: .word 0x11111111
  0x11, 0x11, 0x11, 0x11, // next: .word 0x11111111
];

const PF_X = 1;
const PF_W = 2;

/** Makes the executable ask for its constants and its code in large pieces. @throws Error where the code has no room */
export function largePages(file: Executable): void {
  const code = file.machine === EM_AARCH64 ? ARM64_CODE : X64_CODE;
  const constants = file.segment((flags) => (flags & (PF_X | PF_W)) === 0);
  const text = file.segment((flags) => (flags & PF_X) !== 0);
  const page = file.pageOf(text);
  const end = file.nextAddress(text) + code.length;
  const first = (address: number): number => Math.floor(address / page) * page;
  const values = [
    ...[first(constants.address), constants.address + constants.size - first(constants.address)],
    ...[first(text.address), end - first(text.address)],
    file.entry,
  ];
  const bytes = Buffer.from(code);
  const hole = Buffer.alloc(4, 0x11);
  for (const value of values) bytes.writeUInt32LE(value, bytes.indexOf(hole));
  file.entry = file.append(text, bytes);
}
