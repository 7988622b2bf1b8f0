// Owns a process that makes prepared system calls, one after the other. It is cloned in this process's memory (clone(2),
// CLONE_VM), where it cannot run JavaScript. A few machine words make the calls from a table instead; they use no stack.
//
// The table begins with what comes back: the failure (-errno of the call that failed, which ends the process with 127),
// places for a pidfd and for the status that wait4(2) gives, both -1 at first, and one for results that nobody wants. Then
// come the calls. A call says how many bytes are skipped where it returns more than 0: so the two processes that return from
// a clone go different ways, and with a negative number calls are made again. It also says where in the table its result
// goes: an argument of another call can be its place.

import { cstring, putLong } from "./bytes.ts";
import { addressOf, cloneInto } from "./libc.ts";
import { NUMBERS } from "./numbers.ts";

/** int make(struct { long failure; int pidfd, status; long result; struct { long number, a, b, c, d, e, skip, into; } calls[]; } *table) */
// biome-ignore format: one instruction a line
const X64: readonly number[] = [
  0x48, 0x89, 0xfb,             // mov rbx, rdi
  0x4c, 0x8d, 0x63, 0x18,       // lea r12, [rbx+24]
  0x49, 0x8b, 0x04, 0x24,       // next: mov rax, [r12]
  0x49, 0x8b, 0x7c, 0x24, 0x08, // mov rdi, [r12+8]
  0x49, 0x8b, 0x74, 0x24, 0x10, // mov rsi, [r12+16]
  0x49, 0x8b, 0x54, 0x24, 0x18, // mov rdx, [r12+24]
  0x4d, 0x8b, 0x54, 0x24, 0x20, // mov r10, [r12+32]
  0x4d, 0x8b, 0x44, 0x24, 0x28, // mov r8, [r12+40]
  0x45, 0x31, 0xc9,             // xor r9d, r9d
  0x49, 0x83, 0xc4, 0x40,       // add r12, 64
  0x85, 0xc0,                   // test eax, eax
  0x78, 0x23,                   // js finish          the number -1
  0x0f, 0x05,                   // syscall
  0x49, 0x8b, 0x54, 0x24, 0xf8, // mov rdx, [r12-8]   into
  0x48, 0x89, 0x04, 0x13,       // mov [rbx+rdx], rax
  0x48, 0x85, 0xc0,             // test rax, rax
  0x78, 0x09,                   // js fail
  0x74, 0xc6,                   // jz next
  0x4d, 0x03, 0x64, 0x24, 0xf0, // add r12, [r12-16]  skip
  0xeb, 0xbf,                   // jmp next
  0x48, 0x89, 0x03,             // fail: mov [rbx], rax
  0xbf, 0x7f, 0x00, 0x00, 0x00, // mov edi, 127
  0xeb, 0x11,                   // jmp exit
  0x8b, 0x43, 0x0c,             // finish: mov eax, [rbx+12]
  0x0f, 0xb6, 0xfc,             // movzx edi, ah      the exit code
  0x83, 0xe0, 0x7f,             // and eax, 127       the signal
  0x74, 0x06,                   // jz exit
  0x8d, 0xb8, 0x80, 0, 0, 0,    // lea edi, [rax+128]
  0xb8, 0xe7, 0x00, 0x00, 0x00, // exit: mov eax, exit_group
  0x0f, 0x05,                   // syscall
];

/** The same for arm64. */
// biome-ignore format: one instruction a line
const ARM64: readonly number[] = [
  0xaa0003f3, // mov x19, x0
  0x91006014, // add x20, x0, #24
  0xa8c10288, // next: ldp x8, x0, [x20], #16
  0xa8c10a81, // ldp x1, x2, [x20], #16
  0xa8c11283, // ldp x3, x4, [x20], #16
  0xa8c15a95, // ldp x21, x22, [x20], #16   skip, into
  0x37f80148, // tbnz w8, #31, finish
  0xd4000001, // svc #0
  0xf8366a60, // str x0, [x19, x22]
  0xb7f80080, // tbnz x0, #63, fail
  0xb4ffff00, // cbz x0, next
  0x8b150294, // add x20, x20, x21
  0x17fffff6, // b next
  0xf9000260, // fail: str x0, [x19]
  0xd2800fe0, // mov x0, #127
  0x14000006, // b exit
  0xb9400e61, // finish: ldr w1, [x19, #12]
  0x53083c20, // ubfx w0, w1, #8, #8
  0x72001821, // ands w1, w1, #127
  0x54000040, // b.eq exit
  0x11020020, // add w0, w1, #128
  0xd2800bc8, // exit: mov x8, #94    exit_group
  0xd4000001, // svc #0
];

/** The machine words; mapCode() maps them (code.ts). */
export function callsCode(arch: string = process.arch): Uint8Array {
  return arch === "arm64" ? new Uint8Array(new Uint32Array(ARM64).buffer) : new Uint8Array(X64);
}

/** A system call, or "finish": the end of the process with the exit code that a shell gives to `status`. */
export interface Call {
  name: keyof typeof NUMBERS | "finish";
  /** at most five; a string or bytes stand for their address */
  args: readonly (number | string | Uint8Array)[];
  /** how many of the next calls are left out where the call returns more than 0; a negative number goes back */
  skip?: number;
  /** the result becomes this argument of a call, both by their numbers from 0 */
  into?: readonly [call: number, argument: number];
}

const WORDS_OF_CALL = 8;
const HEAD = 3;
/** where a result goes that no call wants, in bytes */
const RESULT_AT = 16;
/** Where in the table `pidfd` and `status` are, in bytes. */
export const PIDFD_AT = 8;
export const STATUS_AT = 12;

/** The table of these calls, and what it points at, which has to be kept for as long as the calls may be made. */
export function tableOf(calls: readonly Call[]): { table: Uint8Array; keep: Uint8Array[] } {
  const column = process.arch === "arm64" ? 1 : 0;
  const keep: Uint8Array[] = [];
  // 64-bit words, each in two halves
  const table = new Uint32Array(2 * (HEAD + WORDS_OF_CALL * calls.length));
  table[PIDFD_AT / 4] = table[STATUS_AT / 4] = -1;
  let at = 2 * HEAD;
  for (const { name, args, skip = 0, into } of calls) {
    if (name === "finish") table[at] = -1;
    else putLong(table, at, NUMBERS[name][column]!);
    for (let i = 0; i < args.length; i++) putLong(table, at + 2 * (i + 1), wordOf(args[i]!, keep));
    putLong(table, at + 2 * (WORDS_OF_CALL - 2), skip * WORDS_OF_CALL * 8);
    const place = into ? 8 * (HEAD + WORDS_OF_CALL * into[0] + 1 + into[1]) : RESULT_AT;
    putLong(table, at + 2 * (WORDS_OF_CALL - 1), place);
    at += 2 * WORDS_OF_CALL;
  }
  return { table: new Uint8Array(table.buffer), keep };
}

/** An argument as a machine word. What the word points at goes into `keep`. */
function wordOf(arg: number | string | Uint8Array, keep: Uint8Array[]): number {
  if (typeof arg === "number") return arg;
  const bytes = typeof arg === "string" ? cstring(arg) : arg;
  keep.push(bytes);
  return addressOf(bytes);
}

/** The addresses that a process with prepared calls starts from. */
export interface Start {
  /** of the machine words */
  code: number;
  table: number;
  /** of the end of some 100 bytes, in which libc's clone(3) begins */
  stack: number;
}

/**
 * Clones the process: its pid, or -errno. The caller must have blocked every signal: otherwise handlers of this process
 * could run in the new one. With CLONE_CHILD_CLEARTID its end sets the status to 0, and wakes who waits there (futex(2)).
 */
export function cloneWithCalls({ code, table, stack }: Start, flags: number): number {
  return cloneInto(code, stack, flags, table, table + STATUS_AT);
}
