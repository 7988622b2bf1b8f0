// Owns bringing signals to the first thread of minibox, which has them blocked and reads them from a signalfd. A signal for
// a process goes to any of its threads that has not blocked it, and Bun and its engine start threads as they see fit. In
// such a thread the default action would end minibox, and Bun's handlers would report a crash.
//
// A thread begins with the mask of the thread that starts it. So where there is one thread when it blocks the signals, later
// ones have them blocked as well, but for the few that they unblock themselves.
//
// Such a signal gets a handler of a few machine words. A signal that the kernel raised for a fault, or the engine for a
// thread, goes to the handler that was there before (sigaction(2), si_code of siginfo). Any other is sent to the first thread.

import { putLong } from "./bytes.ts";
import { mapCode } from "./code.ts";
import { CLONE, SIGNALS } from "./constants.ts";
import { addressOf, attempt, untraced } from "./libc.ts";
import { THREAD_SIGNALS } from "./signal.ts";

const SA_SIGINFO = 4;
const SA_RESTORER = 0x04000000;
const SA_ONSTACK = 0x08000000;
const SA_RESTART = 0x10000000;
/** In bytes: struct sigaction as the kernel has it, with handler, flags, restorer and mask of eight bytes each. */
const ACTION = 32;

/** void handler(int signal, siginfo_t *info, void *context); in its last eight bytes is the address of the table of actions. */
// biome-ignore format: one instruction a line
const X64: readonly number[] = [
  0x8b, 0x46, 0x08,             // mov eax, [rsi+8]    info->si_code
  0x83, 0xf8, 0xfa,             // cmp eax, -6         SI_TKILL: the engine sent it to a thread of its own
  0x74, 0x26,                   // je before
  0x85, 0xc0,                   // test eax, eax       not above 0: a process sent it
  0x7e, 0x0d,                   // jle send
  0x89, 0xf9,                   // mov ecx, edi
  0xb8, 0xb0, 0x09, 0x00, 0x80, // mov eax, ILL | TRAP | BUS | FPE | SEGV | SYS, one bit each
  0x48, 0x0f, 0xa3, 0xc8,       // bt rax, rcx
  0x72, 0x15,                   // jb before           a fault
  0x89, 0xfa,                   // send: mov edx, edi
  0xb8, 39, 0, 0, 0,            // mov eax, getpid
  0x0f, 0x05,                   // syscall
  0x89, 0xc7,                   // mov edi, eax
  0x89, 0xc6,                   // mov esi, eax        the first thread's id is the process's
  0xb8, 234, 0, 0, 0,           // mov eax, tgkill
  0x0f, 0x05,                   // syscall
  0xc3,                         // ret
  0x89, 0xf9,                   // before: mov ecx, edi
  0xc1, 0xe1, 0x05,             // shl ecx, 5
  0x48, 0x8b, 0x05, 22, 0, 0, 0, // mov rax, TABLE
  0x48, 0x8b, 0x04, 0x08,       // mov rax, [rax+rcx]
  0x48, 0x83, 0xf8, 0x01,       // cmp rax, SIG_IGN
  0x76, 0x02,                   // jbe done
  0xff, 0xe0,                   // jmp rax
  0xc3,                         // done: ret
  0x48, 0xc7, 0xc0, 15, 0, 0, 0, // restorer: mov rax, rt_sigreturn
  0x0f, 0x05,                   // syscall
  0, 0, 0, 0, 0, 0, 0, 0,       // TABLE
];
/** Where what a handler returns to is in it: rt_sigreturn(2). On arm64 the kernel has its own (vdso(7)). */
const X64_RESTORER_AT = 71;

/** The same for arm64. */
// biome-ignore format: one instruction a line
const ARM64: readonly number[] = [
  0xb9400823, // ldr w3, [x1, #8]
  0x3100187f, // cmn w3, #6
  0x540001c0, // b.eq before
  0x7100007f, // cmp w3, #0
  0x540000ad, // b.le send
  0x52813604, // mov w4, #0x09b0
  0x72b00004, // movk w4, #0x8000, lsl #16
  0x9ac02484, // lsr x4, x4, x0
  0x37000104, // tbnz w4, #0, before
  0x2a0003e2, // send: mov w2, w0
  0xd2801588, // mov x8, #172: getpid
  0xd4000001, // svc #0
  0x2a0003e1, // mov w1, w0
  0xd2801068, // mov x8, #131: tgkill
  0xd4000001, // svc #0
  0xd65f03c0, // ret
  0x58000110, // before: ldr x16, TABLE
  0xd37be811, // lsl x17, x0, #5
  0xf8716a10, // ldr x16, [x16, x17]
  0xf100061f, // cmp x16, #1
  0x54000049, // b.ls done
  0xd61f0200, // br x16
  0xd65f03c0, // done: ret
  0xd503201f, // nop
  0, 0,       // TABLE
];

/** The machine words of the handler for a table at this address. */
export function handlerCode(table: number, arch: string = process.arch): Uint8Array {
  const code = arch === "arm64" ? new Uint8Array(new Uint32Array(ARM64).buffer) : new Uint8Array(X64);
  const words = new Uint32Array(2);
  putLong(words, 0, table);
  code.set(new Uint8Array(words.buffer), code.length - 8);
  return code;
}

/**
 * True where this process has more than one thread, or that cannot be told: int unshare(CLONE_THREAD) changes nothing,
 * and fails where there is another thread.
 */
export function hasThreads(): boolean {
  return untraced(() => attempt("unshare", CLONE.CLONE_THREAD)) < 0;
}

/** What the threads of Bun, its engine and its allocator unblock: faults, and the signal by which the engine stops a thread. */
// biome-ignore format: the faults in one line
const UNBLOCKED: readonly number[] = [
  SIGNALS.ILL, SIGNALS.TRAP, SIGNALS.ABRT, SIGNALS.BUS, SIGNALS.FPE, SIGNALS.SEGV, SIGNALS.SYS,
  SIGNALS.PWR,
];

/**
 * Returns the signals that another thread may take although the first one has all of them blocked. `hadThreads`: there were
 * others already when it blocked them. Left out are those that cannot be handled, SIGCHLD, and those of libc's own.
 */
export function takenByThreads(hadThreads: boolean): readonly number[] {
  if (!hadThreads) return UNBLOCKED;
  const signals: number[] = [];
  for (let signal = 1; signal <= 64; signal++)
    if (!OTHERS.includes(signal) && !THREAD_SIGNALS.includes(signal)) signals.push(signal);
  return signals;
}

const OTHERS: readonly number[] = [SIGNALS.KILL, SIGNALS.STOP, SIGNALS.CHLD];

/** The actions that were replaced, one for each signal's number, which handlers look up for as long as the process runs. */
const replaced: Uint8Array[] = [];

/**
 * Sets the handler of each of these signals, once in a process. The caller is the first thread and has them blocked.
 * Returns 0, or -errno where there is no memory for the handler: signals then reach whichever thread the kernel picks.
 */
export function redirectSignals(signals: readonly number[]): number {
  const actions = new Uint8Array(ACTION * 65);
  replaced.push(actions);
  const table = addressOf(actions);
  const address = mapCode(handlerCode(table));
  if (address < 0) return address;
  const next = new Uint32Array(ACTION / 4);
  putLong(next, 0, address);
  next[2] = SA_SIGINFO | SA_RESTART | SA_ONSTACK;
  if (process.arch !== "arm64") {
    next[2] |= SA_RESTORER;
    putLong(next, 4, address + X64_RESTORER_AT);
  }
  next.fill(0xffffffff, 6); // all signals are blocked while it runs
  const action = new Uint8Array(next.buffer);
  // the kernel writes the action that was there before into the table
  for (const signal of signals) attempt("rt_sigaction", signal, action, table + ACTION * signal, 8);
  return 0;
}
