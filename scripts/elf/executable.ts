// Owns changing an ELF64 executable that is loaded at a fixed address (ET_EXEC, elf(5)): adding bytes to a segment,
// setting its entry, and redirecting its calls of a library's function.

import { ElfReader, EM_AARCH64, EM_X86_64, type ProgramHeader, PT_LOAD } from "../../src/sys/elf.ts";

const ET_EXEC = 2;
const MOST_HEADERS = 64;
const LONGEST_NAME = 4096;
const SYMBOL_SIZE = 24;
const RELOCATION_SIZE = 24;
const LINKAGE_SIZE = 16;

/** Offsets in the file's header: e_entry, e_shoff, e_shentsize, e_shnum, e_shstrndx. */
const ENTRY = 0x18;
const SECTIONS = 0x28;
const SECTION_SIZE = 0x3a;
const SECTION_COUNT = 0x3c;
const SECTION_NAMES = 0x3e;

export interface Section {
  /** where in the file the section's header is */
  at: number;
  name: string | undefined;
  /** SHT_* */
  type: number;
  address: number;
  offset: number;
  size: number;
  /** the number of the section that belongs to this one: a symbol table's names, a relocation table's symbols */
  link: number;
}

/** A library's function in the procedure linkage table: its entry there, and the slot that holds its address. */
export interface Linkage {
  at: number;
  slot: number;
}

export class Executable extends ElfReader {
  private readonly data: DataView;

  /** @throws Error where the file is not such an executable, of x86-64 or arm64 */
  constructor(readonly bytes: Uint8Array) {
    super((offset, length) => bytes.subarray(offset, offset + length));
    this.data = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const known = this.machine === EM_X86_64 || this.machine === EM_AARCH64;
    if (this.type !== ET_EXEC || !known || !this.wide || !this.littleEndian)
      throw new Error("the executable is not one for a fixed address, of x86-64 or arm64");
  }

  put32(offset: number, value: number): void {
    this.data.setUint32(offset, value >>> 0, true);
  }

  put64(offset: number, value: number): void {
    this.data.setBigUint64(offset, BigInt(value), true);
  }

  get entry(): number {
    return this.word(ENTRY);
  }
  set entry(address: number) {
    this.put64(ENTRY, address);
  }

  /** The program headers of what is loaded, in the order of their addresses. */
  segments(): ProgramHeader[] {
    return this.programHeaders(MOST_HEADERS).filter(({ type }) => type === PT_LOAD);
  }

  /** The first loaded segment whose flags (PF_*) are as wanted. @throws Error where there is none */
  segment(wanted: (flags: number) => boolean): ProgramHeader {
    const found = this.segments().find(({ flags }) => wanted(flags));
    if (found === undefined) throw new Error("the executable has no such segment");
    return found;
  }

  /** The size of a page, as a segment is aligned for it (p_align). */
  pageOf({ at }: ProgramHeader): number {
    return this.word(at + 0x30);
  }

  /** The address that append() would put bytes at: a segment's end, rounded up to 16. */
  nextAddress({ address, size }: ProgramHeader): number {
    return Math.ceil((address + size) / 16) * 16;
  }

  /** Adds bytes to a segment's end and returns their address. @throws Error where no room follows the segment */
  append(segment: ProgramHeader, bytes: Uint8Array): number {
    const address = this.nextAddress(segment);
    const size = address - segment.address + bytes.length;
    const next = this.segments().find((other) => other.address > segment.address);
    if (next === undefined) throw new Error("the executable's last segment cannot grow");
    const page = this.pageOf(next);
    const nextPage = Math.floor(next.address / page) * page;
    const offset = segment.offset + address - segment.address;
    const place = this.bytes.subarray(offset, offset + bytes.length);
    const isFree =
      address + bytes.length <= nextPage &&
      offset + bytes.length <= next.offset &&
      place.every((byte) => byte === 0);
    if (!isFree) throw new Error("the executable has no room behind a segment");
    place.set(bytes);
    // p_filesz and p_memsz
    for (const field of [0x20, 0x28]) this.put64(segment.at + field, size);
    return address;
  }

  /** The address that a place in the file is loaded at. @throws Error where it is not loaded */
  addressOf(offset: number): number {
    const holder = this.segments().find((it) => offset >= it.offset && offset < it.offset + it.size);
    if (holder === undefined)
      throw new Error(`the executable does not load ${offset.toString(16)} of its file`);
    return holder.address + offset - holder.offset;
  }

  private offsetOf(address: number): number {
    const holder = this.segments().find((it) => address >= it.address && address < it.address + it.size);
    if (holder === undefined) throw new Error(`the executable has nothing at ${address.toString(16)}`);
    return holder.offset + address - holder.address;
  }

  sections(): Section[] {
    const start = this.word(SECTIONS);
    const size = this.u16(SECTION_SIZE);
    const names = this.word(start + this.u16(SECTION_NAMES) * size + 0x18);
    return Array.from({ length: this.u16(SECTION_COUNT) }, (_, i) => {
      const at = start + i * size;
      return {
        at,
        name: this.text(names + this.u32(at), LONGEST_NAME),
        type: this.u32(at + 4),
        address: this.word(at + 0x10),
        offset: this.word(at + 0x18),
        size: this.word(at + 0x20),
        link: this.u32(at + 0x28),
      };
    });
  }

  /** @throws Error where there is none of that name */
  section(name: string): Section {
    const found = this.sections().find((section) => section.name === name);
    if (found === undefined) throw new Error(`the executable has no section ${name}`);
    return found;
  }

  /** Where in the file the symbol of a library's function or variable is. @throws Error where it imports none such */
  importedSymbol(name: string): number {
    const symbols = this.section(".dynsym");
    const names = this.sections()[symbols.link]!;
    for (let at = symbols.offset; at < symbols.offset + symbols.size; at += SYMBOL_SIZE)
      if (this.text(names.offset + this.u32(at), LONGEST_NAME) === name) return at;
    throw new Error(`the executable does not import ${name}`);
  }

  /** @throws Error where the executable does not call such a function of a library's */
  linkage(name: string): Linkage {
    const symbol = this.importedSymbol(name);
    const symbols = this.section(".dynsym");
    const relocations = this.section(".rela.plt");
    const table = this.section(".plt");
    // the entry that resolves the others, of one length on x86-64 and of two on arm64, comes first
    const first = this.machine === EM_AARCH64 ? 2 : 1;
    for (let i = 0; i < relocations.size / RELOCATION_SIZE; i++) {
      const relocation = relocations.offset + i * RELOCATION_SIZE;
      if (symbols.offset + this.u32(relocation + 12) * SYMBOL_SIZE !== symbol) continue;
      const slot = this.word(relocation);
      const at = table.address + (first + i) * LINKAGE_SIZE;
      if (this.slotOf(at) !== slot)
        throw new Error(`the executable's table of calls is not as expected: ${name}`);
      return { at, slot };
    }
    throw new Error(`the executable does not call ${name}`);
  }

  /** The slot that an entry of the procedure linkage table jumps through. */
  private slotOf(at: number): number {
    const offset = this.offsetOf(at);
    // jmp [rip + distance]
    if (this.machine === EM_X86_64) return at + 6 + this.data.getInt32(offset + 2, true);
    // adrp x16, page; ldr x17, [x16, #8 * number]
    const adrp = this.u32(offset);
    const pages = (((adrp >>> 5) & 0x7ffff) << 2) | ((adrp >>> 29) & 3);
    return Math.floor(at / 4096) * 4096 + pages * 4096 + ((this.u32(offset + 4) >>> 10) & 0xfff) * 8;
  }

  /** Overwrites the instruction at an address with a jump to another address. */
  jump(at: number, to: number): void {
    const offset = this.offsetOf(at);
    if (this.machine === EM_X86_64) {
      this.bytes[offset] = 0xe9; // jmp rel32
      this.put32(offset + 1, to - (at + 5));
    } else this.put32(offset, 0x14000000 | (((to - at) / 4) & 0x3ffffff)); // b
  }
}
