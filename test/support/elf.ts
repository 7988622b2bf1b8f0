// Owns making small ELF files for tests: just the headers that execve and the explanations read.

import { cstring } from "../../src/sys/bytes.ts";

export interface ElfParts {
  bits?: 32 | 64;
  bigEndian?: boolean;
  type?: number;
  machine?: number;
  loader?: string;
  needed?: string[];
  runpath?: string;
}

const ADDRESS = 0x400000;
const PT_LOAD = 1;
const PT_DYNAMIC = 2;
const PT_INTERP = 3;

/** One PT_LOAD of the whole file, PT_INTERP where there is a loader, PT_DYNAMIC where something is needed. */
export function makeElf(parts: ElfParts = {}): Uint8Array<ArrayBuffer> {
  const { bits = 64, bigEndian = false, type = 2, machine = 62, loader, needed = [], runpath } = parts;
  const wide = bits === 64;
  const bytes = new Uint8Array(4096);
  const view = new DataView(bytes.buffer);
  const u16 = (at: number, value: number) => view.setUint16(at, value, !bigEndian);
  const u32 = (at: number, value: number) => view.setUint32(at, value, !bigEndian);
  const word = (at: number, value: number) =>
    wide ? view.setBigUint64(at, BigInt(value), !bigEndian) : u32(at, value);
  /** Returns how many bytes the text has, with the NUL at its end. */
  const text = (at: number, value: string): number => {
    bytes.set(cstring(value), at);
    return cstring(value).length;
  };

  const headers: [type: number, offset: number, size: number][] = [[PT_LOAD, 0, bytes.length]];
  if (loader !== undefined) {
    headers.push([PT_INTERP, 1024, text(1024, loader)]);
  }
  if (needed.length > 0 || runpath !== undefined) {
    const step = wide ? 16 : 8;
    const dynamic: [tag: number, value: number][] = [[5, ADDRESS + 2048]];
    let at = 1;
    const addString = (tag: number, value: string) => {
      dynamic.push([tag, at]);
      at += text(2048 + at, value);
    };
    for (const name of needed) addString(1, name);
    if (runpath !== undefined) addString(29, runpath);
    for (const [i, [tag, value]] of dynamic.entries()) {
      word(1536 + i * step, tag);
      word(1536 + i * step + step / 2, value);
    }
    headers.push([PT_DYNAMIC, 1536, (dynamic.length + 1) * step]);
  }

  bytes.set([0x7f, 0x45, 0x4c, 0x46, wide ? 2 : 1, bigEndian ? 2 : 1, 1]);
  u16(16, type);
  u16(18, machine);
  u32(20, 1);
  const headerSize = wide ? 64 : 52;
  word(24, ADDRESS + 512); // entry
  word(wide ? 32 : 28, headerSize); // program headers follow
  const entry = wide ? 56 : 32;
  u16(wide ? 52 : 40, headerSize);
  u16(wide ? 54 : 42, entry);
  u16(wide ? 56 : 44, headers.length);
  for (const [i, [headerType, offset, size]] of headers.entries()) {
    const base = headerSize + i * entry;
    u32(base, headerType);
    u32(base + (wide ? 4 : 24), 5); // r-x
    word(base + (wide ? 8 : 4), offset);
    word(base + (wide ? 16 : 8), ADDRESS + offset);
    word(base + (wide ? 24 : 12), ADDRESS + offset);
    word(base + (wide ? 32 : 16), size);
    word(base + (wide ? 40 : 20), size);
    word(base + (wide ? 48 : 28), 4096);
  }
  return bytes;
}
