// Owns what stands between a poor host and Bun: some machine code, put into the executable, that says in one line of
// minibox's own what Bun would say with a crash report, or not at all.
//
// Theory of operation. The code has four ways in, and one way out:
//
//   entry    in place of the executable's own (e_entry). It looks at the limits under which Bun says something strange
//            or nothing (stack, open files), takes the signals of a crash before Bun has handlers for them, and takes
//            the caller's BUN_JSC_… out of the environment, at which the engine ends or prints. Where there is little
//            address space it executes itself once more, so that the engine reserves less of it. Then it jumps to
//            Bun's entry. Ten system calls: some microseconds.
//   write    in place of libc's in the procedure linkage table. Bun writes to descriptor 2 that way only when it has
//            crashed, and minibox never does: it calls the kernel through libc itself.
//   abort    the same: also where our own code calls it because it cannot even call the kernel.
//   getcwd   the same: a directory that was deleted is "/" for Bun, which would end otherwise. minibox asks the kernel.
//
//   the way out: one line, exit code 125. It tells the lack of /proc; else the first limit that is suspiciously small,
//            with its number; else what may be behind it: memory for code refused, or no memory or thread to be had.
//            Limits of memory are not looked at before Bun has failed: nobody can say how much it takes, and what can
//            run shall run.
//
// The code follows the executable segment's last byte, its data the read-only one's: a segment is mapped in whole pages,
// and between the segments there is room in the file and in the address space (elf(5)).

import { Executable } from "./executable.ts";
import { ARM64_CODE, ARM64_ENTRIES } from "./guard-arm64.ts";
import { X64_CODE, X64_ENTRIES } from "./guard-x64.ts";

const EM_AARCH64 = 183;
const PF_X = 1;
const PF_W = 2;
const encoder = new TextEncoder();

interface Row {
  /** RLIMIT_… (asm-generic/resource.h) */
  resource: number;
  /** bytes are told in KiB, as ulimit has them */
  shift: number;
  /** below this many it is to blame */
  need: bigint;
  before: string;
  after: string;
}

const KIB = 10;
const OWN = "for minibox itself: ulimit";

/** The first two are looked at before Bun starts, and are what it takes to start; the others once it has failed. */
const ROWS: readonly Row[] = [
  {
    resource: 3,
    shift: KIB,
    need: 160n << 10n,
    before: `minibox: the stack is too small ${OWN} -s says `,
    after: ", and it takes 160: raise it, or limit the container alone with --ulimit stack=BYTES\n",
  },
  {
    resource: 7,
    shift: 0,
    need: 5n,
    before: `minibox: too few files may be open ${OWN} -n says `,
    after: ", and it takes 16: raise it, or limit the container alone with --ulimit nofile=NUMBER\n",
  },
  {
    resource: 2,
    shift: KIB,
    need: 3n << 30n,
    before: `minibox: too little memory is allowed ${OWN} -d says `,
    after: ", and it takes 260000: raise it, or limit the container alone with --memory\n",
  },
  {
    resource: 9,
    shift: KIB,
    need: 4n << 30n,
    before: `minibox: the address space is too small ${OWN} -v says `,
    after: ", and it takes 400000: raise it, or limit the container alone with --memory\n",
  },
  {
    resource: 6,
    shift: 0,
    need: 1024n,
    before: `minibox: no thread more can be started ${OWN} -u says `,
    after: " for all processes and threads of this user together, and it takes 5\n",
  },
];

/** Lets the engine reserve less than a gigabyte for code that it compiles. Our own child has it first, too (src/sync.ts). */
const SMALLER = "BUN_JSC_jitMemoryReservationSize=16777216";
const VARIABLE_ROOM = 48;

const NO_PROC = "minibox: /proc is not mounted here, and minibox needs it: mount -t proc proc /proc\n";
const NOTHING_KNOWN =
  "minibox: no thread more can be started, or no memory is left, for minibox itself: see pids.max (it takes 5) and memory.max of the cgroup that it is in, and ulimit -a\n";

const NO_CODE =
  "minibox: this process may not have memory for code that it compiles: SELinux (execmem) or systemd (MemoryDenyWriteExecute) forbids it\n";
/** Words without a number. */
const PLAIN = [NO_PROC, NOTHING_KNOWN, NO_CODE];

/**
 * Puts the guard into an ELF64 executable, in place. @throws Error where the executable is not as Bun's has been: look
 * anew at what it does when it crashes
 */
export function guard(elf: Uint8Array): void {
  const file = new Executable(elf);
  const code = file.machine === EM_AARCH64 ? ARM64_CODE : X64_CODE;
  const ways = file.machine === EM_AARCH64 ? ARM64_ENTRIES : X64_ENTRIES;
  const readOnly = file.segment((flags) => (flags & (PF_X | PF_W)) === 0);
  const executable = file.segment((flags) => (flags & PF_X) !== 0);
  const write = file.linkage("write");
  const getcwd = file.linkage("getcwd");
  const base = file.nextAddress(readOnly);
  file.append(readOnly, data(base, file.entry, write.slot, getcwd.slot));
  const text = file.append(executable, withBase(code, base));
  file.jump(write.at, text + ways.write);
  file.jump(file.linkage("abort").at, text + ways.lastWords);
  file.jump(getcwd.at, text + ways.getcwd);
  file.entry = text + ways.entry;
}

/** Bun's entry, two slots, a path, the rows, and at the end the words: as the code reads them. */
function data(base: number, entry: number, write: number, getcwd: number): Uint8Array {
  const ROW = 24;
  const rows = 40;
  const plain = rows + ROW * ROWS.length;
  const words: Uint8Array[] = [];
  const variable = plain + 8 * PLAIN.length;
  let next = variable + VARIABLE_ROOM;
  const place = (text: string): { at: number; length: number } => {
    const bytes = encoder.encode(text);
    words.push(bytes);
    next += bytes.length;
    return { at: base + next - bytes.length, length: bytes.length };
  };
  const head = new DataView(new ArrayBuffer(next));
  for (const [i, address] of [entry, write, getcwd].entries())
    head.setBigUint64(8 * i, BigInt(address), true);
  new Uint8Array(head.buffer).set(encoder.encode("/proc/self/exe\0"), 24);
  new Uint8Array(head.buffer).set(encoder.encode(`${SMALLER}\0`), variable);
  for (const [i, { resource, shift, need, before, after }] of ROWS.entries()) {
    const row = rows + ROW * i;
    const { at, length } = place(before);
    head.setUint32(row, resource, true);
    head.setUint32(row + 4, shift, true);
    head.setBigUint64(row + 8, need, true);
    head.setUint32(row + 16, at, true);
    head.setUint16(row + 20, length, true);
    head.setUint16(row + 22, place(after).length, true);
  }
  for (const [i, text] of PLAIN.entries()) {
    const { at, length } = place(text);
    head.setUint32(plain + 8 * i, at, true);
    head.setUint32(plain + 8 * i + 4, length, true);
  }
  return Buffer.concat([new Uint8Array(head.buffer), ...words]);
}

function withBase(code: readonly number[], base: number): Uint8Array {
  const bytes = Buffer.from(code);
  const hole = Buffer.alloc(4, 0x11);
  for (let at = bytes.indexOf(hole); at >= 0; at = bytes.indexOf(hole, at + 4)) bytes.writeUInt32LE(base, at);
  return bytes;
}
