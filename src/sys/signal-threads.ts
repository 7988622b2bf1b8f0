// Owns bringing signals to the first thread of minibox, which has them blocked and reads them from a signalfd. A signal for
// a process goes to any of its threads that has not blocked it, and Bun and its engine start threads as they see fit. In
// such a thread the default action would end minibox, and Bun's handlers would report a crash.
//
// Each signal gets a handler of a few machine words. One that somebody sent (kill(2)) is sent again to the first thread;
// one that the kernel or the engine raised goes to the handler that was there before (sigaction(2), si_code of siginfo).

import { putLong } from "./bytes.ts";
import { mapCode } from "./code.ts";
import { attempt } from "./libc.ts";
import { getpid } from "./process.ts";

/** Bytes for one handler. The handler of signal N is N times that far into the page; the first place is the restorer's. */
const SLOT = 128;
const SIG_DFL = 0;
const SIG_IGN = 1;
const SA_SIGINFO = 4;
const SA_RESTORER = 0x04000000;
const SA_RESTART = 0x10000000;
const SA_RESETHAND = 0x80000000;

/** A handler's code, and where in it something is filled in. */
interface Code {
  bytes: Uint8Array;
  /** the process's id, 4 bytes */
  pid: number;
  /** the address of the handler that was there before, 8 bytes */
  old: number;
  /** the jump to that handler, which becomes a return where there was none */
  before: number;
  /** the machine's return instruction */
  ret: readonly number[];
  /** what a handler returns to: rt_sigreturn(2). Only x86-64 needs one; on arm64 the kernel has its own (vdso(7)) */
  restorer: readonly number[];
}

/** void handler(int signal, siginfo_t *info, void *context) */
// biome-ignore format: one instruction a line
const X64: readonly number[] = [
  0x8b, 0x46, 0x08,          // mov eax, [rsi+8]   info->si_code
  0x85, 0xc0,                // test eax, eax
  0x7f, 22,                  // jg before          above 0: a fault, or another of the kernel's own
  0x83, 0xf8, 0xfa,          // cmp eax, -6
  0x74, 17,                  // je before          SI_TKILL: the engine sent it to a thread of its own
  0x89, 0xfa,                // mov edx, edi
  0xbf, 0, 0, 0, 0,          // mov edi, PID
  0x89, 0xfe,                // mov esi, edi       the first thread's id is the process's
  0xb8, 234, 0, 0, 0,        // mov eax, tgkill
  0x0f, 0x05,                // syscall
  0xc3,                      // ret
  0x48, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, // before: mov rax, OLD
  0xff, 0xe0,                // jmp rax
];

/** The same for arm64, with its two constants behind the code. */
// biome-ignore format: one instruction a line
const ARM64: readonly number[] = [
  0xb9400823, // ldr w3, [x1, #8]
  0x7100007f, // cmp w3, #0
  0x5400012c, // b.gt before
  0x3100187f, // cmn w3, #6
  0x540000e0, // b.eq before
  0x2a0003e2, // mov w2, w0
  0x18000140, // ldr w0, PID
  0x2a0003e1, // mov w1, w0
  0xd2801068, // mov x8, #131: tgkill
  0xd4000001, // svc #0
  0xd65f03c0, // ret
  0x58000070, // before: ldr x16, OLD
  0xd61f0200, // br x16
  0xd503201f, // nop
  0, 0,       // OLD
  0,          // PID
];

// biome-ignore format: one instruction a line
const X64_RESTORER: readonly number[] = [
  0x48, 0xc7, 0xc0, 15, 0, 0, 0, // mov rax, rt_sigreturn
  0x0f, 0x05,                    // syscall
];

const code = (): Code =>
  process.arch === "arm64"
    ? {
        bytes: new Uint8Array(new Uint32Array(ARM64).buffer),
        pid: 64,
        old: 56,
        before: 44,
        ret: [0xc0, 0x03, 0x5f, 0xd6],
        restorer: [],
      }
    : { bytes: new Uint8Array(X64), pid: 15, old: 31, before: 29, ret: [0xc3], restorer: X64_RESTORER };

function put32(bytes: Uint8Array, at: number, value: number): void {
  for (let i = 0; i < 4; i++) bytes[at + i] = (value >>> (8 * i)) & 0xff;
}

/** struct sigaction as the kernel has it: handler, flags, restorer, mask, eight bytes each. */
type Action = Uint32Array;
const actionOf = (signal: number): Action => {
  const action = new Uint32Array(8);
  attempt("rt_sigaction", signal, null, new Uint8Array(action.buffer), 8);
  return action;
};
const handlerOf = (action: Action): number => action[0]! + action[1]! * 2 ** 32;

/**
 * Sets the handler of each of these signals. The caller is the first thread and has them blocked. Returns 0, or -errno
 * where there is no memory for the handlers: signals then reach whichever thread the kernel picks.
 */
export function redirectSignals(signals: readonly number[]): number {
  const template = code();
  const page = new Uint8Array(SLOT * 65);
  page.set(template.restorer);
  const old = new Map<number, Action>();
  for (const signal of signals) {
    const action = actionOf(signal);
    old.set(signal, action);
    fill(page, SLOT * signal, template, handlerOf(action));
  }
  const address = mapCode(page);
  if (address < 0) return address;
  const restorer = template.restorer.length > 0 ? address : undefined;
  for (const [signal, action] of old) install(signal, address + SLOT * signal, action, restorer);
  return 0;
}

const isHandler = (address: number): boolean => address !== SIG_DFL && address !== SIG_IGN;

function fill(page: Uint8Array, at: number, template: Code, old: number): void {
  page.set(template.bytes, at);
  put32(page, at + template.pid, getpid());
  put32(page, at + template.old, old);
  put32(page, at + template.old + 4, old / 2 ** 32);
  if (!isHandler(old)) page.set(template.ret, at + template.before);
}

function install(signal: number, address: number, old: Action, restorer: number | undefined): void {
  // a handler that was there keeps its mask, and its flags but SA_RESETHAND, which allows a handler one signal only; a new
  // handler has all signals blocked while it runs
  const next = isHandler(handlerOf(old)) ? old.slice() : new Uint32Array([0, 0, 0, 0, 0, 0, ~0, ~0]);
  let flags = (next[2]! & ~SA_RESETHAND) | SA_SIGINFO | SA_RESTART;
  putLong(next, 0, address);
  if (restorer !== undefined) {
    flags |= SA_RESTORER;
    putLong(next, 4, restorer);
  }
  next[2] = flags >>> 0;
  attempt("rt_sigaction", signal, new Uint8Array(next.buffer), null, 8);
}
