// Owns starting a program with resource limits of its own: vfork(2), then calls that the new process makes for itself, then
// execve(2). posix_spawn(3) cannot set resource limits, and a limit that init lowered for itself would hold for init too.
//
// Until execve the new process runs in the memory of this one, which is suspended. JavaScript cannot run there, so a few
// machine words make the calls, one after the other, from a prepared table. They use no stack.

import { cstring, putLong } from "./bytes.ts";
import { SIG_SETMASK, SIGNALS } from "./constants.ts";
import { SysError } from "./errno.ts";
import { addressOf, callable, traced } from "./libc.ts";
import { NUMBERS } from "./numbers.ts";
import { wait } from "./process.ts";
import { mapCode } from "./signal-threads.ts";
import { vector } from "./spawn.ts";

/** long start(struct { long failure; struct { long number, a, b, c, d, e; } calls[]; } *table): the pid, or -errno */
// biome-ignore format: one instruction a line
const X64: readonly number[] = [
  0x53,                         // push rbx
  0x48, 0x89, 0xfb,             // mov rbx, rdi
  0xbf, 0x11, 0x41, 0x00, 0x00, // mov edi, CLONE_VM|CLONE_VFORK|SIGCHLD
  0x31, 0xf6,                   // xor esi, esi      the same stack
  0x31, 0xd2,                   // xor edx, edx
  0x45, 0x31, 0xd2,             // xor r10d, r10d
  0x45, 0x31, 0xc0,             // xor r8d, r8d
  0xb8, 56, 0x00, 0x00, 0x00,   // mov eax, clone
  0x0f, 0x05,                   // syscall
  0x85, 0xc0,                   // test eax, eax
  0x74, 0x02,                   // jz child
  0x5b,                         // pop rbx
  0xc3,                         // ret
  0x49, 0x89, 0xdc,             // child: mov r12, rbx
  0x49, 0x83, 0xc4, 0x30,       // next: add r12, 48
  0x49, 0x8b, 0x44, 0x24, 0xd8, // mov rax, [r12-40]
  0x49, 0x8b, 0x7c, 0x24, 0xe0, // mov rdi, [r12-32]
  0x49, 0x8b, 0x74, 0x24, 0xe8, // mov rsi, [r12-24]
  0x49, 0x8b, 0x54, 0x24, 0xf0, // mov rdx, [r12-16]
  0x4d, 0x8b, 0x54, 0x24, 0xf8, // mov r10, [r12-8]
  0x4d, 0x8b, 0x04, 0x24,       // mov r8, [r12]
  0x45, 0x31, 0xc9,             // xor r9d, r9d
  0x0f, 0x05,                   // syscall
  0x48, 0x85, 0xc0,             // test rax, rax
  0x79, 0xd5,                   // jns next
  0x48, 0x89, 0x03,             // mov [rbx], rax    failure
  0xbf, 0x7f, 0x00, 0x00, 0x00, // mov edi, 127
  0xb8, 0xe7, 0x00, 0x00, 0x00, // mov eax, exit_group
  0x0f, 0x05,                   // syscall
];

/** The same for arm64. */
// biome-ignore format: one instruction a line
const ARM64: readonly number[] = [
  0xa9bf53f3, // stp x19, x20, [sp, #-16]!
  0xaa0003f3, // mov x19, x0
  0xd2882220, // mov x0, #CLONE_VM|CLONE_VFORK|SIGCHLD
  0xd2800001, // mov x1, #0        the same stack
  0xd2800002, // mov x2, #0
  0xd2800003, // mov x3, #0
  0xd2800004, // mov x4, #0
  0xd2801b88, // mov x8, #220      clone
  0xd4000001, // svc #0
  0xb4000060, // cbz x0, child
  0xa8c153f3, // ldp x19, x20, [sp], #16
  0xd65f03c0, // ret
  0x91002274, // child: add x20, x19, #8
  0xa8c10288, // next: ldp x8, x0, [x20], #16
  0xa8c10a81, // ldp x1, x2, [x20], #16
  0xa8c11283, // ldp x3, x4, [x20], #16
  0xd4000001, // svc #0
  0xb6ffff80, // tbz x0, #63, next
  0xf9000260, // str x0, [x19]     failure
  0xd2800fe0, // mov x0, #127
  0xd2800bc8, // mov x8, #94       exit_group
  0xd4000001, // svc #0
];

/** A limit for the new process. The resource is the number of an RLIMIT_* (getrlimit(2)). */
export interface Limit {
  resource: number;
  soft: bigint;
  hard: bigint;
}

/** Starts a program: its pid, or -errno of the first call that failed, execve(2) among them. */
export type Spawn = (
  path: string,
  argv: readonly string[],
  envp: readonly string[],
  limits: readonly Limit[],
) => number;

/**
 * Returns what starts programs with limits of their own, every signal unblocked and at its default. It may be called when a
 * seccomp filter is in force. The caller must have blocked every signal: otherwise handlers of this process could run in
 * the new one. @throws SysError
 */
export function prepareSpawn(): Spawn {
  const address = mapCode(
    process.arch === "arm64" ? new Uint8Array(new Uint32Array(ARM64).buffer) : new Uint8Array(X64),
  );
  if (address < 0) throw new SysError("mmap", ["machine code"], -address, "prepare to start the command");
  const start = callable(address);
  return (path, argv, envp, limits) => spawn(start, callsFor(path, argv, envp, limits));
}

type Call = readonly [name: keyof typeof NUMBERS, ...args: (number | string | Uint8Array)[]];

interface Prepared {
  calls: Call[];
  /** what the calls' bytes point at */
  keep: Uint8Array[];
}

function callsFor(
  path: string,
  argv: readonly string[],
  envp: readonly string[],
  limits: readonly Limit[],
): Prepared {
  const calls: Call[] = [];
  const byDefault = new Uint8Array(32); // struct sigaction
  for (let signal = 1; signal <= 64; signal++)
    if (signal !== SIGNALS.KILL && signal !== SIGNALS.STOP)
      calls.push(["rt_sigaction", signal, byDefault, 0, 8]);
  for (const { resource, soft, hard } of limits)
    calls.push(["prlimit64", 0, resource, new Uint8Array(new BigUint64Array([soft, hard]).buffer), 0]);
  calls.push(["rt_sigprocmask", SIG_SETMASK, new Uint8Array(8), 0, 8]);
  const [args, env] = [vector(argv), vector(envp)];
  calls.push(["execve", path, args.table, env.table]);
  return { calls, keep: [args.keep, env.keep] };
}

const WORDS_OF_CALL = 6;
/** CLONE_VM|CLONE_VFORK|SIGCHLD, as the machine code has it */
const FLAGS = 0x4111;

function spawn(start: (table: Uint8Array) => number, { calls, keep }: Prepared): number {
  const column = process.arch === "arm64" ? 1 : 0;
  // 64-bit words, each in two halves; the first takes the failure
  const table = new Uint32Array(2 * (1 + WORDS_OF_CALL * calls.length));
  let at = 2;
  for (const [name, ...args] of calls) {
    putLong(table, at, NUMBERS[name][column]!);
    for (const [i, arg] of args.entries()) putLong(table, at + 2 * (i + 1), wordOf(arg, keep));
    at += 2 * WORDS_OF_CALL;
  }
  const pid = start(new Uint8Array(table.buffer));
  const failure = table[0]! | 0;
  traced("clone", [FLAGS, null], pid);
  for (const [name, ...args] of calls)
    if (name !== "rt_sigaction") traced(name, args, name === "execve" ? failure : 0);
  if (pid < 0 || failure === 0) return pid;
  wait(pid);
  return failure;
}

/** An argument as a machine word. What the word points at goes into `keep`, to be there during the call. */
function wordOf(arg: number | string | Uint8Array, keep: Uint8Array[]): number {
  if (typeof arg === "number") return arg;
  const bytes = typeof arg === "string" ? cstring(arg) : arg;
  keep.push(bytes);
  return addressOf(bytes);
}
