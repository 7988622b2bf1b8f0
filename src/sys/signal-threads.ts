// Owns signals that a thread of the runtime's gets in our stead. A signal for the process goes to any thread that has
// not blocked it, and Bun and its engine start threads as they see fit: one with an empty mask would let the default
// action end us, their handlers would report a crash. Each signal gets a handler of a few machine words that passes on
// what somebody sent (kill(2)) to the thread which has it blocked and reads it from a signalfd; what the kernel or
// the engine itself raised goes to the handler that was there before (sigaction(2), siginfo's si_code).

import { putLong } from "./bytes.ts";
import { SIGNALS } from "./constants.ts";
import { close } from "./file.ts";
import { attempt } from "./libc.ts";
import { getpid } from "./process.ts";

/** One handler's room. */
const SLOT = 128;
const SIG_DFL = 0;
const SIG_IGN = 1;
const SA_SIGINFO = 4;
const SA_RESTORER = 0x04000000;
const SA_RESTART = 0x10000000;
const SA_RESETHAND = 0x80000000;

/** A handler's words with its gaps: `pid` and `old` are filled in, at `before` begins the jump to the old handler. */
interface Code {
  bytes: Uint8Array;
  pid: number;
  old: number;
  before: number;
  /** the machine's return instruction */
  ret: readonly number[];
}

/** void handler(int signal, siginfo_t *info, void *context) */
// biome-ignore format: one instruction a line
const X64: readonly number[] = [
  0x8b, 0x46, 0x08,          // mov eax, [rsi+8]   info->si_code
  0x85, 0xc0,                // test eax, eax
  0x7f, 22,                  // jg before          above 0: a fault, or another of the kernel's own
  0x83, 0xf8, 0xfa,          // cmp eax, -6
  0x74, 17,                  // je before          SI_TKILL: the engine's word to a thread of its own
  0x89, 0xfa,                // mov edx, edi
  0xbf, 0, 0, 0, 0,          // mov edi, PID
  0x89, 0xfe,                // mov esi, edi       the first thread's id is the process's
  0xb8, 234, 0, 0, 0,        // mov eax, tgkill
  0x0f, 0x05,                // syscall
  0xc3,                      // ret
  0x48, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, // before: mov rax, OLD
  0xff, 0xe0,                // jmp rax
];

/** The same; constants are read from behind the code. */
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

const code = (): Code =>
  process.arch === "arm64"
    ? {
        bytes: new Uint8Array(new Uint32Array(ARM64).buffer),
        pid: 64,
        old: 56,
        before: 44,
        ret: [0xc0, 0x03, 0x5f, 0xd6],
      }
    : { bytes: new Uint8Array(X64), pid: 15, old: 31, before: 29, ret: [0xc3] };

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

/** Gives each of these signals its handler; call it in the first thread, which must have them blocked. */
export function redirectSignals(signals: readonly number[]): void {
  // an engine that handles faults has told the kernel how a handler returns (SA_RESTORER); libc keeps that to itself
  const model = actionOf(SIGNALS.SEGV);
  if (process.arch !== "arm64" && (model[2]! & SA_RESTORER) === 0) return;
  const template = code();
  const page = new Uint8Array(SLOT * 65);
  const old: (Action | undefined)[] = [];
  for (const signal of signals) {
    const action = actionOf(signal);
    old[signal] = action;
    fill(page, SLOT * signal, template, handlerOf(action));
  }
  const address = mapCode(page);
  if (address < 0) return;
  for (const signal of signals) install(signal, address + SLOT * signal, old[signal]!, model);
}

function fill(page: Uint8Array, at: number, template: Code, old: number): void {
  page.set(template.bytes, at);
  put32(page, at + template.pid, getpid());
  put32(page, at + template.old, old);
  put32(page, at + template.old + 4, old / 2 ** 32);
  if (old === SIG_DFL || old === SIG_IGN) page.set(template.ret, at + template.before);
}

/** Maps machine code; its address, or -errno. A file in memory, so that no page is ever writable and executable, and the caches of arm64 see the code. */
export function mapCode(page: Uint8Array): number {
  const MFD_CLOEXEC = 1;
  const PROT_READ_EXEC = 5;
  const MAP_PRIVATE = 2;
  const fd = attempt("memfd_create", "signals", MFD_CLOEXEC);
  if (fd < 0) return fd;
  const written = attempt("write", fd, page, page.length);
  const address =
    written === page.length ? attempt("mmap", 0, page.length, PROT_READ_EXEC, MAP_PRIVATE, fd, 0) : -1;
  close(fd);
  return address;
}

function install(signal: number, address: number, old: Action, model: Action): void {
  const handler = handlerOf(old);
  const next = handler === SIG_DFL || handler === SIG_IGN ? model.slice() : old.slice();
  putLong(next, 0, address);
  // a crash handler is good for one crash; this one is for every signal that comes
  next[2] = ((next[2]! & ~SA_RESETHAND) | SA_SIGINFO | SA_RESTART) >>> 0;
  attempt("rt_sigaction", signal, new Uint8Array(next.buffer), null, 8);
}
