// Owns: handlers that pass signals on, in a process whose other threads take them; and the machine code of those handlers.

import { describe, expect, test } from "bun:test";
import { SIGNALS } from "../../../src/sys/constants.ts";
import { handlerCode } from "../../../src/sys/signal-threads.ts";
import { assembled } from "../../support/assembler.ts";
import { execute, TOP } from "../../support/minibox.ts";

/** A program with threads that have no signal blocked, whose first thread blocks SIGUSR1 and reads it from a signalfd. */
const PROGRAM = (redirect: string): string => `
import { dlopen, read as readMemory } from "bun:ffi";
import { readdirSync, readFileSync } from "node:fs";
import { defaultSignal, setSignalMask, signalSet } from "${TOP}/src/sys/signal.ts";
import { SIGNALS } from "${TOP}/src/sys/constants.ts";
import { attempt, call } from "${TOP}/src/sys/libc.ts";
import { getpid, kill } from "${TOP}/src/sys/process.ts";
import { hasThreads, redirectSignals, takenByThreads } from "${TOP}/src/sys/signal-threads.ts";

const worker = new Worker("data:text/javascript,postMessage('up'); setInterval(() => {}, 1000)");
await new Promise((resolve) => { worker.onmessage = resolve; });
const taken = signalSet([SIGNALS.USR1]);
setSignalMask(taken);
const takers = () => readdirSync("/proc/self/task").filter((thread) => {
  const blocked = /^SigBlk:\\s*(\\w+)/m.exec(readFileSync("/proc/self/task/" + thread + "/status", "utf8"))[1];
  return (BigInt("0x" + blocked) >> BigInt(SIGNALS.USR1 - 1) & 1n) === 0n;
}).length;
if (takers() === 0) throw new Error("no thread takes the signal");
${redirect}
const signals = call("signalfd4", -1, taken, taken.length, 0);
const info = new Uint8Array(128);
let read = 0;
for (let i = 0; i < 200; i++) {
  kill(getpid(), SIGNALS.USR1);
  if (call("read", signals, info, info.length) === info.length && info[0] === SIGNALS.USR1) read++;
}
console.log(read, takers() > 0);
process.exit();
`;

/** A real-time timer sends SIGALRM with the code SI_KERNEL (setitimer(2)). */
const FROM_A_TIMER = `
redirectSignals([SIGNALS.ALRM]);
setSignalMask(signalSet([SIGNALS.ALRM]));
const alarms = call("signalfd4", -1, signalSet([SIGNALS.ALRM]), 8, 0);
const { symbols } = dlopen("libc.so.6", { setitimer: { args: ["int", "ptr", "ptr"], returns: "int" } });
symbols.setitimer(0, new BigInt64Array([0n, 0n, 0n, 1000n]), null);
const alarm = new Uint8Array(128);
call("read", alarms, alarm, alarm.length);
console.log(alarm[0]);
process.exit();
`;

/** The source of the handler's machine words. */
const X64 = `
  .intel_syntax noprefix
  mov eax, [rsi+8]
  cmp eax, -6
  je before
  test eax, eax
  jle send
  mov ecx, edi
  mov eax, 0x800009B0
  bt rax, rcx
  jc before
  send:
  mov edx, edi
  mov eax, 39
  syscall
  mov edi, eax
  mov esi, eax
  mov eax, 234
  syscall
  ret
  before:
  mov ecx, edi
  shl ecx, 5
  mov rax, [rip+table]
  mov rax, [rax+rcx]
  cmp rax, 1
  jbe done
  jmp rax
  done:
  ret
  restorer:
  mov rax, 15
  syscall
  table:
  .quad 0x123456789abc
`;

const ARM64 = `
  ldr w3, [x1, #8]
  cmn w3, #6
  b.eq before
  cmp w3, #0
  b.le send
  mov w4, #0x09b0
  movk w4, #0x8000, lsl #16
  lsr x4, x4, x0
  tbnz w4, #0, before
  send:
  mov w2, w0
  mov x8, #172
  svc #0
  mov w1, w0
  mov x8, #131
  svc #0
  ret
  before:
  ldr x16, table
  lsl x17, x0, #5
  ldr x16, [x16, x17]
  cmp x16, #1
  b.ls done
  br x16
  done:
  ret
  nop
  table:
  .quad 0x123456789abc
`;

test.each([
  ["x64", X64],
  ["arm64", ARM64],
])("the handler's machine words for %s are the assembler's", (arch, source) => {
  const bytes = assembled(arch, source);
  if (bytes) expect(handlerCode(0x123456789abc, arch)).toEqual(bytes);
});

const program = (redirect: string) => execute([process.execPath, "-e", PROGRAM(redirect)]);

describe("a signal that a thread of the runtime's takes", () => {
  test("reaches the first thread, and the other goes on", async () => {
    const { stdout, stderr } = await program("console.log(redirectSignals([SIGNALS.USR1]));");
    expect([stdout, stderr]).toEqual(["0\n200 true\n", ""]);
  });

  test("does so, too, where the engine handles no faults", async () => {
    const { stdout, stderr } = await program(
      "defaultSignal(SIGNALS.SEGV); console.log(redirectSignals([SIGNALS.USR1]));",
    );
    expect([stdout, stderr]).toEqual(["0\n200 true\n", ""]);
  });

  test("reaches it as well where the kernel sent it", async () => {
    const { stdout, stderr } = await program(FROM_A_TIMER);
    expect([stdout, stderr]).toEqual([`${SIGNALS.ALRM}\n`, ""]);
  });

  test("ends the process where it is not redirected", async () => {
    expect(await program("")).toMatchObject({ status: 128 + 10, stdout: "" });
  });
});

test("a fault goes to the handler that was there before, and ends the process", async () => {
  const { status, stdout } = await program(
    "redirectSignals(takenByThreads(true)); setSignalMask(signalSet([])); readMemory.u8(8); console.log('went on');",
  );
  expect(status).toBeGreaterThan(128);
  expect(stdout).toBe("");
});

test("a process with other threads is known as one", async () => {
  const { stdout } = await program("console.log(hasThreads()); process.exit();");
  expect(stdout).toBe("true\n");
});

test("handlers that there is no memory for are told by the call's error", async () => {
  const limit = `attempt("prlimit64", 0, 9, new Uint8Array(new BigUint64Array([0n, 1n << 40n]).buffer), null);`; // RLIMIT_AS
  const { stdout, status } = await program(
    `${limit} console.log(redirectSignals([SIGNALS.USR1])); process.exit();`,
  );
  expect([status, stdout]).toEqual([0, "-12\n"]);
});
