// Owns reading an ELF file as far as execve(2) and the loader do (elf(5)). The file is hostile: each number in it is
// checked against what was really read, nothing here throws, and all loops have a limit of their own.

/** Bytes of the file from an offset on: fewer at its end, none beyond it. */
export type Read = (offset: number, length: number) => Uint8Array;

export interface Elf {
  bits: 32 | 64;
  bigEndian: boolean;
  /** ET_* */
  type: number;
  /** EM_* */
  machine: number;
  /** the loader that the kernel starts, PT_INTERP */
  loader: string | undefined;
  /** the libraries that the loader looks for, DT_NEEDED, and where it looks first, DT_RUNPATH or DT_RPATH */
  needed: string[];
  searched: string[];
  /** what is wrong with the file itself, in words */
  damage: string | undefined;
}

export const ET_REL = 1;
export const ET_CORE = 4;
const PT_LOAD = 1;
const PT_DYNAMIC = 2;
const PT_INTERP = 3;
const DT_NEEDED = 1;
const DT_STRTAB = 5;
const DT_RPATH = 15;
const DT_RUNPATH = 29;

/** Nothing of these has more in practice; the kernel itself takes no more than 64 KiB of program headers. */
const MOST_HEADERS = 1024;
const MOST_DYNAMIC = 2048;
const MOST_NAMES = 64;
/** PATH_MAX, the longest loader that the kernel accepts */
const LONGEST_PATH = 4096;

/** Reads a file that begins with \x7fELF. Never throws. */
export function parseElf(read: Read, size: number): Elf {
  const file = new Reader(read);
  const identification = read(0, 16);
  const elf: Elf = {
    bits: identification[4] === 1 ? 32 : 64,
    bigEndian: identification[5] === 2,
    type: 0,
    machine: 0,
    loader: undefined,
    needed: [],
    searched: [],
    damage: undefined,
  };
  file.littleEndian = !elf.bigEndian;
  const wide = elf.bits === 64;
  const headerSize = wide ? 64 : 52;
  if (size < headerSize) return { ...elf, damage: `an ELF program cut short: only ${size} bytes are there` };
  elf.type = file.u16(16);
  elf.machine = file.u16(18);
  const table = file.word(wide ? 32 : 28, wide);
  const entrySize = file.u16(wide ? 54 : 42);
  const count = file.u16(wide ? 56 : 44);
  elf.damage = damageOf(elf.type, table, entrySize, count, size, wide);
  if (elf.damage || elf.type === ET_REL) return elf;
  const headers = Array.from({ length: Math.min(count, MOST_HEADERS) }, (_, i) =>
    file.programHeader(table + i * entrySize, wide),
  );
  const cut = headers.find((header) => header.type === PT_LOAD && header.offset + header.size > size);
  if (cut) {
    const end = cut.offset + cut.size;
    elf.damage = Number.isSafeInteger(end)
      ? `an ELF program cut short: ${size} bytes of at least ${end} are there`
      : "a damaged ELF program: a part of it lies outside of any file";
  }
  const interp = headers.find((header) => header.type === PT_INTERP);
  if (interp) elf.loader = file.loader(interp);
  if (interp && !elf.loader) elf.damage ??= "a damaged ELF program: it names no loader";
  readDynamic(file, headers, wide, elf);
  return elf;
}

function damageOf(
  type: number,
  table: number,
  entrySize: number,
  count: number,
  size: number,
  wide: boolean,
): string | undefined {
  if (count === 0) return type === ET_REL ? undefined : "a damaged ELF program: it has no program headers";
  if (entrySize !== (wide ? 56 : 32))
    return `a damaged ELF program: its program headers have ${entrySize} bytes`;
  if (table + count * entrySize > size) return `an ELF program cut short: only ${size} bytes are there`;
  return undefined;
}

/** The libraries' names stand in a table that the dynamic section gives the address of. */
function readDynamic(file: Reader, headers: readonly ProgramHeader[], wide: boolean, elf: Elf): void {
  const dynamic = headers.find((header) => header.type === PT_DYNAMIC);
  if (!dynamic) return;
  const step = wide ? 16 : 8;
  const count = Math.min(Math.floor(dynamic.size / step), MOST_DYNAMIC);
  const entries: { tag: number; value: number }[] = [];
  for (let i = 0; i < count; i++) {
    const at = dynamic.offset + i * step;
    const tag = file.word(at, wide);
    if (tag === 0) break;
    entries.push({ tag, value: file.word(at + step / 2, wide) });
  }
  const address = entries.find((entry) => entry.tag === DT_STRTAB)?.value;
  const holder = headers.find(
    (header) =>
      header.type === PT_LOAD &&
      address !== undefined &&
      address >= header.address &&
      address < header.address + header.size,
  );
  if (address === undefined || !holder) return;
  const strings = address - holder.address + holder.offset;
  const named = (...tags: number[]): string[] =>
    entries
      .filter((entry) => tags.includes(entry.tag))
      .slice(0, MOST_NAMES)
      .map((entry) => file.string(strings + entry.value, LONGEST_PATH))
      .filter((name) => name !== undefined);
  elf.needed = named(DT_NEEDED);
  elf.searched = named(DT_RUNPATH, DT_RPATH).flatMap((list) => list.split(":").slice(0, MOST_NAMES));
}

interface ProgramHeader {
  type: number;
  offset: number;
  address: number;
  /** bytes in the file */
  size: number;
}

/** Numbers of the file's byte order; 0 for what lies beyond its end. */
class Reader {
  littleEndian = true;
  constructor(private readonly read: Read) {}

  private view(offset: number, length: number): DataView {
    const bytes = new Uint8Array(length);
    if (Number.isSafeInteger(offset)) bytes.set(this.read(offset, length).subarray(0, length));
    return new DataView(bytes.buffer);
  }

  u16(offset: number): number {
    return this.view(offset, 2).getUint16(0, this.littleEndian);
  }

  /** An address or offset; above 2^53 it loses digits, and is beyond any file's end either way. */
  word(offset: number, wide: boolean): number {
    const view = this.view(offset, 8);
    return wide ? Number(view.getBigUint64(0, this.littleEndian)) : view.getUint32(0, this.littleEndian);
  }

  programHeader(at: number, wide: boolean): ProgramHeader {
    return {
      type: this.view(at, 4).getUint32(0, this.littleEndian),
      offset: this.word(at + (wide ? 8 : 4), wide),
      address: this.word(at + (wide ? 16 : 8), wide),
      size: this.word(at + (wide ? 32 : 16), wide),
    };
  }

  /** PT_INTERP as the kernel wants it: of bounded size, with the NUL as its last byte. */
  loader({ offset, size }: ProgramHeader): string | undefined {
    if (size < 2 || size > LONGEST_PATH || !Number.isSafeInteger(offset)) return undefined;
    const bytes = this.read(offset, size);
    return bytes.length === size && bytes[size - 1] === 0 ? this.string(offset, size) : undefined;
  }

  /** Text up to a NUL; undefined where there is none, or no NUL within the length. */
  string(offset: number, length: number): string | undefined {
    if (!Number.isSafeInteger(offset)) return undefined;
    const bytes = this.read(offset, length);
    const end = bytes.indexOf(0);
    return end > 0 ? Buffer.from(bytes.subarray(0, end)).toString("latin1") : undefined;
  }
}

/** Names of linux/elf-em.h's numbers, as people call the machines. */
const MACHINES: Record<number, string> = {
  2: "sparc",
  3: "x86 (i386)",
  4: "m68k",
  6: "x86 (i386)",
  8: "mips",
  15: "parisc",
  20: "powerpc",
  21: "powerpc64",
  22: "s390x",
  40: "arm (32-bit)",
  42: "sh",
  43: "sparc64",
  50: "ia64",
  62: "x86_64",
  94: "xtensa",
  183: "aarch64",
  243: "riscv",
  247: "bpf",
  258: "loongarch",
};

const EM_386 = 3;
const EM_486 = 6;
const EM_ARM = 40;
const EM_X86_64 = 62;
const EM_AARCH64 = 183;

/** "aarch64", "riscv64" */
export function machineOf(elf: Elf): string {
  if (elf.machine === EM_X86_64 && elf.bits === 32) return "x32";
  const name = MACHINES[elf.machine] ?? `machine-${elf.machine}`;
  return (elf.machine === 243 || elf.machine === 258) && elf.bits === 64 ? `${name}64` : name;
}

/** Whether a host runs it: always, never, or only with the kernel's support for 32-bit programs. */
export function runsOn(arch: string, elf: Elf): "yes" | "no" | "32-bit" {
  if (elf.bigEndian) return "no";
  const [native, narrow] = arch === "arm64" ? [EM_AARCH64, [EM_ARM]] : [EM_X86_64, [EM_386, EM_486]];
  if (elf.machine === native) return elf.bits === 64 ? "yes" : "32-bit";
  return narrow.includes(elf.machine) && elf.bits === 32 ? "32-bit" : "no";
}
