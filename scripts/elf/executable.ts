// Owns changing an ELF64 executable that is not relocated (ET_EXEC): bytes added to a segment, its entry, and where a
// call of a library's function goes (elf(5)).

const PT_LOAD = 1;
const ET_EXEC = 2;
const SYMBOL_SIZE = 24;
const RELOCATION_SIZE = 24;
const LINKAGE_SIZE = 16;
/** elf.h: EM_X86_64, EM_AARCH64 */
const X86_64 = 62;
const AARCH64 = 183;

interface Section {
  address: number;
  offset: number;
  size: number;
  link: number;
}

/** A function of a library's: its entry in the procedure linkage table, and the slot that its address is read from. */
export interface Linkage {
  at: number;
  slot: number;
}

export class Executable {
  private readonly view: DataView;
  readonly machine: number;

  constructor(private readonly elf: Uint8Array) {
    this.view = new DataView(elf.buffer, elf.byteOffset, elf.byteLength);
    this.machine = this.u16(0x12);
    if (this.u16(0x10) !== ET_EXEC || (this.machine !== X86_64 && this.machine !== AARCH64))
      throw new Error("the executable is not one for a fixed address, of x86-64 or arm64");
  }

  private u16 = (at: number): number => this.view.getUint16(at, true);
  private u32 = (at: number): number => this.view.getUint32(at, true);
  private u64 = (at: number): number => Number(this.view.getBigUint64(at, true));
  private put64 = (at: number, value: number): void => this.view.setBigUint64(at, BigInt(value), true);

  get entry(): number {
    return this.u64(0x18);
  }
  set entry(address: number) {
    this.put64(0x18, address);
  }

  /** The program headers of what is loaded, in the order of their addresses. */
  private loaded(): number[] {
    const headers = Array.from({ length: this.u16(0x38) }, (_, i) => this.u64(0x20) + i * this.u16(0x36));
    return headers.filter((at) => this.u32(at) === PT_LOAD);
  }

  /** The program header of the first loaded segment with such flags. */
  segment(has: (flags: number) => boolean): number {
    const header = this.loaded().find((at) => has(this.u32(at + 4)));
    if (header === undefined) throw new Error("the executable has no such segment");
    return header;
  }

  /** The address of what append() puts at a segment's end. */
  nextAddress(segment: number): number {
    const end = this.u64(segment + 0x10) + this.u64(segment + 0x20);
    return Math.ceil(end / 16) * 16;
  }

  /** Lets a segment end with these bytes; returns their address. */
  append(segment: number, bytes: Uint8Array): number {
    const address = this.nextAddress(segment);
    const end = address + bytes.length;
    const loaded = this.loaded();
    const next = loaded[loaded.indexOf(segment) + 1];
    if (next === undefined) throw new Error("the executable's last segment cannot grow");
    const page = this.u64(next + 0x30);
    const free = Math.floor(this.u64(next + 0x10) / page) * page;
    const offset = this.u64(segment + 8) + address - this.u64(segment + 0x10);
    const place = this.elf.subarray(offset, offset + bytes.length);
    const isFree =
      end <= free && offset + bytes.length <= this.u64(next + 8) && place.every((byte) => byte === 0);
    if (!isFree) throw new Error("the executable has no room behind a segment");
    place.set(bytes);
    for (const size of [0x20, 0x28]) this.put64(segment + size, end - this.u64(segment + 0x10));
    return address;
  }

  /** @throws Error where the executable does not call such a function of a library's */
  linkage(name: string): Linkage {
    const relocations = this.section(".rela.plt");
    const table = this.section(".plt");
    const symbols = this.sectionAt(relocations.link);
    const names = this.sectionAt(symbols.link);
    const count = relocations.size / RELOCATION_SIZE;
    for (let i = 0; i < count; i++) {
      const relocation = relocations.offset + i * RELOCATION_SIZE;
      const symbol = symbols.offset + this.u32(relocation + 12) * SYMBOL_SIZE;
      if (this.text(names.offset + this.u32(symbol)) !== name) continue;
      const slot = this.u64(relocation);
      const first = this.machine === AARCH64 ? 2 : 1;
      const at = table.address + (first + i) * LINKAGE_SIZE;
      if (this.slotOf(at) !== slot)
        throw new Error(`the executable's table of calls is not as expected: ${name}`);
      return { at, slot };
    }
    throw new Error(`the executable does not call ${name}`);
  }

  /** Which slot an entry of the procedure linkage table reads. */
  private slotOf(at: number): number {
    const offset = this.offsetOf(at);
    // jmp [rip + distance]
    if (this.machine === X86_64) return at + 6 + this.view.getInt32(offset + 2, true);
    // adrp x16, page; ldr x17, [x16, #8 * number]
    const adrp = this.u32(offset);
    const pages = (((adrp >>> 5) & 0x7ffff) << 2) | ((adrp >>> 29) & 3);
    return Math.floor(at / 4096) * 4096 + pages * 4096 + ((this.u32(offset + 4) >>> 10) & 0xfff) * 8;
  }

  /** Puts a jump to another address over the instruction at this one. */
  jump(at: number, to: number): void {
    const offset = this.offsetOf(at);
    if (this.machine === X86_64) {
      this.elf[offset] = 0xe9; // jmp rel32
      this.view.setInt32(offset + 1, to - (at + 5), true);
    } else this.view.setUint32(offset, (0x14000000 | (((to - at) / 4) & 0x3ffffff)) >>> 0, true); // b
  }

  private offsetOf(address: number): number {
    for (const at of this.loaded()) {
      const from = this.u64(at + 0x10);
      if (address >= from && address < from + this.u64(at + 0x20)) return this.u64(at + 8) + address - from;
    }
    throw new Error(`the executable has nothing at ${address.toString(16)}`);
  }

  private sectionAt(index: number): Section {
    const at = this.u64(0x28) + index * this.u16(0x3a);
    return {
      address: this.u64(at + 0x10),
      offset: this.u64(at + 0x18),
      size: this.u64(at + 0x20),
      link: this.u32(at + 0x28),
    };
  }

  private section(name: string): Section {
    const names = this.sectionAt(this.u16(0x3e));
    for (let i = 0; i < this.u16(0x3c); i++)
      if (this.text(names.offset + this.u32(this.u64(0x28) + i * this.u16(0x3a))) === name)
        return this.sectionAt(i);
    throw new Error(`the executable has no section ${name}`);
  }

  private text(at: number): string {
    return Buffer.from(this.elf.subarray(at, this.elf.indexOf(0, at))).toString();
  }
}
