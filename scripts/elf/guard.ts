// Owns what stands between a poor host and Bun: some machine code in the executable. Where Bun would end with a crash
// report, or without a word, that code ends the process with one line of minibox's own.
//
// Theory of operation. The code is entered in four places:
//
//   entry    is the executable's entry (e_entry) in place of Bun's. It looks at the limits under which Bun says something
//            strange or nothing (stack, open files), and sets handlers for the signals of a crash before Bun does. It
//            removes the caller's BUN_JSC_… variables from the environment, because some of them make the engine print
//            or end. Where the address space is limited, it executes the same file once more with a variable that lets
//            the engine reserve less. Then it jumps to Bun's entry. All this takes ten system calls, some microseconds.
//   write    replaces libc's write(2) in the procedure linkage table. Bun calls it with descriptor 2 only after a crash;
//            minibox never does, because it makes its system calls in another way (syscall(2)).
//   abort    replaces libc's abort(3) in the same table. minibox's own code calls it, too, where it cannot make system
//            calls (src/sys/libc.ts).
//   getcwd   replaces libc's getcwd(3) in the same table. Bun ends where its working directory was deleted, so it is told
//            "/" there. minibox asks the kernel itself.
//
// A process that entry, write or abort ends gets exit code 125 after one line on stderr. The line says that /proc is
// missing; or else names the first limit that is suspiciously small, with its value; or else the likely cause: the kernel
// refused memory for machine code, or there is no memory or no thread left. Limits of memory are looked at only after Bun
// has failed: nobody can say in advance how much it takes, and what can run is to run.
//
// The code follows the executable segment's last byte, and its data the read-only segment's: the kernel maps whole pages,
// and between the segments there is room in the file and in the address space (elf(5)).

import { EM_AARCH64 } from "../../src/sys/elf.ts";
import type { Executable } from "./executable.ts";
import { ARM64_CODE, ARM64_ENTRIES } from "./guard-arm64.ts";
import { X64_CODE, X64_ENTRIES } from "./guard-x64.ts";

const PF_X = 1;
const PF_W = 2;
const encoder = new TextEncoder();

interface Row {
  /** RLIMIT_… (asm-generic/resource.h) */
  resource: number;
  /** how many bits to shift the limit's value by before it is printed: ulimit counts bytes in KiB */
  shift: number;
  /** a lower limit than this is named as the cause */
  need: bigint;
  /** the line's words in front of the limit's value, and behind it */
  before: string;
  after: string;
}

const KIB = 10;
const OWN = "for minibox itself: ulimit";

/** `entry` looks at the first two, without which Bun cannot start; all of them are looked at once Bun has failed. */
const ROWS: readonly Row[] = [
  {
    resource: 3,
    shift: KIB,
    need: 256n << 10n,
    before: `minibox: the stack is too small ${OWN} -s says `,
    after: ", and it takes 256: raise it, or limit the container alone with --ulimit stack=BYTES\n",
  },
  {
    resource: 7,
    shift: 0,
    need: 5n,
    before: `minibox: too few files may be open ${OWN} -n says `,
    after: ", and it takes 24: raise it, or limit the container alone with --ulimit nofile=NUMBER\n",
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

/**
 * Lets the engine reserve 16 MiB, not a gigabyte, for code that it compiles. The guard keeps the environment of a process
 * that has this variable first: the executable has then been started by the guard, or by minibox (src/sync.ts).
 */
const SMALLER = "BUN_JSC_jitMemoryReservationSize=16777216";
const VARIABLE_ROOM = 48;

const NO_PROC = "minibox: /proc is not mounted here, and minibox needs it: mount -t proc proc /proc\n";
const NOTHING_KNOWN =
  "minibox: no thread more can be started, or no memory is left, for minibox itself: see pids.max (it takes 5) and memory.max of the cgroup that it is in, and ulimit -a\n";

const NO_CODE =
  "minibox: this process may not have memory for code that it compiles: SELinux (execmem) or systemd (MemoryDenyWriteExecute) forbids it\n";
/** The lines without a value, in the order in which the code counts them. */
const PLAIN = [NO_PROC, NOTHING_KNOWN, NO_CODE];

/**
 * Adds the guard to an executable. @throws Error where the executable is not built as Bun's has been: look anew at what it
 * does when it crashes
 */
export function guard(file: Executable): void {
  const code = file.machine === EM_AARCH64 ? ARM64_CODE : X64_CODE;
  const entries = file.machine === EM_AARCH64 ? ARM64_ENTRIES : X64_ENTRIES;
  const readOnly = file.segment((flags) => (flags & (PF_X | PF_W)) === 0);
  const executable = file.segment((flags) => (flags & PF_X) !== 0);
  const write = file.linkage("write");
  const getcwd = file.linkage("getcwd");
  const base = file.nextAddress(readOnly);
  file.append(readOnly, data(base, file.entry, write.slot, getcwd.slot));
  const text = file.append(executable, withBase(code, base));
  file.jump(write.at, text + entries.write);
  file.jump(file.linkage("abort").at, text + entries.lastWords);
  file.jump(getcwd.at, text + entries.getcwd);
  file.entry = text + entries.entry;
}

/**
 * The code's data: Bun's entry at 0, two slots at 8 and 16, a path at 24, the rows at 40, addresses and lengths of the
 * lines without a value at 160, the variable at 184, and all words behind it. The machine code has these offsets.
 */
function data(base: number, entry: number, write: number, getcwd: number): Uint8Array {
  const ROW = 24;
  const path = 24;
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
  new Uint8Array(head.buffer).set(encoder.encode("/proc/self/exe\0"), path);
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

/** The code with the address of its data in place of each 0x11111111. */
function withBase(code: readonly number[], base: number): Uint8Array {
  const bytes = Buffer.from(code);
  const hole = Buffer.alloc(4, 0x11);
  for (let at = bytes.indexOf(hole); at >= 0; at = bytes.indexOf(hole, at + 4)) bytes.writeUInt32LE(base, at);
  return bytes;
}
