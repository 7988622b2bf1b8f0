// Owns reading the headers of an ELF file of either width and byte order (elf(5)). The file may be hostile: nothing here
// throws, and a number that lies beyond the file's end reads as 0.

import { decode } from "./bytes.ts";

/** Bytes of the file from an offset on: fewer at its end, none beyond it. */
export type Read = (offset: number, length: number) => Uint8Array;

export const PT_LOAD = 1;
export const PT_DYNAMIC = 2;
export const PT_INTERP = 3;

export const EM_386 = 3;
export const EM_486 = 6;
export const EM_ARM = 40;
export const EM_X86_64 = 62;
export const EM_AARCH64 = 183;

export interface ProgramHeader {
  /** where in the file the header itself is */
  at: number;
  /** PT_* */
  type: number;
  /** PF_* */
  flags: number;
  offset: number;
  address: number;
  /** bytes in the file */
  size: number;
}

/** Where in the file the program headers are. */
export interface ProgramTable {
  offset: number;
  /** bytes of one header */
  entrySize: number;
  count: number;
}

export class ElfReader {
  /** a file of 64-bit addresses */
  readonly wide: boolean;
  readonly littleEndian: boolean;

  constructor(private readonly read: Read) {
    const [, , , , width, order] = read(0, 6);
    this.wide = width !== 1;
    this.littleEndian = order !== 2;
  }

  private view(offset: number, length: number): DataView {
    const bytes = new Uint8Array(length);
    if (Number.isSafeInteger(offset)) bytes.set(this.read(offset, length).subarray(0, length));
    return new DataView(bytes.buffer);
  }

  u16(offset: number): number {
    return this.view(offset, 2).getUint16(0, this.littleEndian);
  }

  u32(offset: number): number {
    return this.view(offset, 4).getUint32(0, this.littleEndian);
  }

  /** An address or offset. Above 2^53 it loses digits: no file is that long, so it lies beyond the end either way. */
  word(offset: number): number {
    return this.wide
      ? Number(this.view(offset, 8).getBigUint64(0, this.littleEndian))
      : this.view(offset, 4).getUint32(0, this.littleEndian);
  }

  /** Text up to a NUL; undefined where there is none, or no NUL within the length. */
  text(offset: number, length: number): string | undefined {
    if (!Number.isSafeInteger(offset)) return undefined;
    const bytes = this.read(offset, length);
    const end = bytes.indexOf(0);
    return end > 0 ? decode(bytes.subarray(0, end)) : undefined;
  }

  /** ET_* */
  get type(): number {
    return this.u16(16);
  }

  /** EM_* */
  get machine(): number {
    return this.u16(18);
  }

  get programTable(): ProgramTable {
    return {
      offset: this.word(this.wide ? 32 : 28),
      entrySize: this.u16(this.wide ? 54 : 42),
      count: this.u16(this.wide ? 56 : 44),
    };
  }

  /** The first so many program headers, in the file's order. */
  programHeaders(most: number): ProgramHeader[] {
    const { offset, entrySize, count } = this.programTable;
    return Array.from({ length: Math.min(count, most) }, (_, i) => {
      const at = offset + i * entrySize;
      return {
        at,
        type: this.u32(at),
        flags: this.u32(at + (this.wide ? 4 : 24)),
        offset: this.word(at + (this.wide ? 8 : 4)),
        address: this.word(at + (this.wide ? 16 : 8)),
        size: this.word(at + (this.wide ? 32 : 16)),
      };
    });
  }
}
