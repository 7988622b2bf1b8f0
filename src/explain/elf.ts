// Owns reading an ELF file as far as execve(2) and the loader do (elf(5)). The file may be hostile: each number in it
// is checked against what was really read, nothing here throws, and each loop has a limit.

import {
  ElfReader,
  EM_386,
  EM_486,
  EM_AARCH64,
  EM_ARM,
  EM_X86_64,
  type ProgramHeader,
  type ProgramTable,
  PT_DYNAMIC,
  PT_INTERP,
  PT_LOAD,
  type Read,
} from "../sys/elf.ts";

export interface Elf {
  bits: 32 | 64;
  bigEndian: boolean;
  /** ET_* */
  type: number;
  /** EM_* */
  machine: number;
  /** the path of the loader that the kernel starts, PT_INTERP */
  loader: string | undefined;
  /** the names of the libraries that the loader looks for, DT_NEEDED */
  needed: string[];
  /** the directories where the loader looks first, DT_RUNPATH or DT_RPATH */
  searched: string[];
  /** what is wrong with the file itself, in words */
  damage: string | undefined;
}

export const ET_REL = 1;
export const ET_CORE = 4;
const DT_NEEDED = 1;
const DT_STRTAB = 5;
const DT_RPATH = 15;
const DT_RUNPATH = 29;

/** Limits for hostile files, which no other file reaches. The kernel itself reads at most 64 KiB of program headers. */
const MOST_HEADERS = 1024;
const MOST_DYNAMIC = 2048;
const MOST_NAMES = 64;
/** PATH_MAX, the longest path of a loader that the kernel accepts, in bytes. */
const LONGEST_PATH = 4096;

/** Reads a file that begins with \x7fELF. `size` is its size in bytes. Never throws. */
export function parseElf(read: Read, size: number): Elf {
  const file = new ElfReader(read);
  const elf: Elf = {
    bits: file.wide ? 64 : 32,
    bigEndian: !file.littleEndian,
    type: 0,
    machine: 0,
    loader: undefined,
    needed: [],
    searched: [],
    damage: undefined,
  };
  const headerSize = file.wide ? 64 : 52;
  if (size < headerSize) return { ...elf, damage: `an ELF program cut short: only ${size} bytes are there` };
  elf.type = file.type;
  elf.machine = file.machine;
  elf.damage = damageOf(elf.type, file.programTable, size, file.wide);
  if (elf.damage || elf.type === ET_REL) return elf;
  const headers = file.programHeaders(MOST_HEADERS);
  const cut = headers.find((header) => header.type === PT_LOAD && header.offset + header.size > size);
  if (cut) {
    const end = cut.offset + cut.size;
    elf.damage = Number.isSafeInteger(end)
      ? `an ELF program cut short: ${size} bytes of at least ${end} are there`
      : "a damaged ELF program: a part of it lies outside of any file";
  }
  const interp = headers.find((header) => header.type === PT_INTERP);
  if (interp) elf.loader = loaderOf(read, file, interp);
  if (interp && !elf.loader) elf.damage ??= "a damaged ELF program: it names no loader";
  readDynamic(file, headers, elf);
  return elf;
}

/** Reads PT_INTERP; undefined where the kernel refuses it: it is too long, or its last byte is not NUL. */
function loaderOf(read: Read, file: ElfReader, { offset, size }: ProgramHeader): string | undefined {
  if (size < 2 || size > LONGEST_PATH || !Number.isSafeInteger(offset)) return undefined;
  const bytes = read(offset, size);
  return bytes.length === size && bytes[size - 1] === 0 ? file.text(offset, size) : undefined;
}

function damageOf(
  type: number,
  { offset, entrySize, count }: ProgramTable,
  size: number,
  wide: boolean,
): string | undefined {
  if (count === 0) return type === ET_REL ? undefined : "a damaged ELF program: it has no program headers";
  if (entrySize !== (wide ? 56 : 32))
    return `a damaged ELF program: its program headers have ${entrySize} bytes`;
  if (offset + count * entrySize > size) return `an ELF program cut short: only ${size} bytes are there`;
  return undefined;
}

/** Reads the names of libraries and directories from the string table, whose address is in the dynamic section. */
function readDynamic(file: ElfReader, headers: readonly ProgramHeader[], elf: Elf): void {
  const dynamic = headers.find((header) => header.type === PT_DYNAMIC);
  if (!dynamic) return;
  const entrySize = file.wide ? 16 : 8;
  const count = Math.min(Math.floor(dynamic.size / entrySize), MOST_DYNAMIC);
  const entries: { tag: number; value: number }[] = [];
  for (let i = 0; i < count; i++) {
    const at = dynamic.offset + i * entrySize;
    const tag = file.word(at);
    if (tag === 0) break;
    entries.push({ tag, value: file.word(at + entrySize / 2) });
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
      .map((entry) => file.text(strings + entry.value, LONGEST_PATH))
      .filter((name) => name !== undefined);
  elf.needed = named(DT_NEEDED);
  elf.searched = named(DT_RUNPATH, DT_RPATH).flatMap((list) => list.split(":").slice(0, MOST_NAMES));
}

/** The usual names of machines, by the numbers of linux/elf-em.h (EM_*). */
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

/** Returns the name of the machine that a program is built for: "aarch64", "riscv64". */
export function machineOf(elf: Elf): string {
  if (elf.machine === EM_X86_64 && elf.bits === 32) return "x32";
  const name = MACHINES[elf.machine] ?? `machine-${elf.machine}`;
  return (elf.machine === 243 || elf.machine === 258) && elf.bits === 64 ? `${name}64` : name;
}

/** Whether a host of this process.arch runs a program: yes, no, or only where its kernel runs 32-bit programs. */
export function runsOn(arch: string, elf: Elf): "yes" | "no" | "32-bit" {
  if (elf.bigEndian) return "no";
  const [native, narrow] = arch === "arm64" ? [EM_AARCH64, [EM_ARM]] : [EM_X86_64, [EM_386, EM_486]];
  if (elf.machine === native) return elf.bits === 64 ? "yes" : "32-bit";
  return narrow.includes(elf.machine) && elf.bits === 32 ? "32-bit" : "no";
}
