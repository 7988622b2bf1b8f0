// Owns: handlers that pass signals on, in a process whose other threads take them; and the machine code of those handlers.

import { describe, expect, test } from "bun:test";
import { SIGNALS } from "../../../src/sys/constants.ts";
import { execute, TOP } from "../../support/minibox.ts";

/** A program with threads that have no signal blocked, whose first thread blocks SIGUSR1 and reads it from a signalfd. */
const PROGRAM = (redirect: string): string => `
import { dlopen } from "bun:ffi";
import { readdirSync, readFileSync } from "node:fs";
import { defaultSignal, setSignalMask, signalSet } from "${TOP}/src/sys/signal.ts";
import { SIGNALS } from "${TOP}/src/sys/constants.ts";
import { attempt, call } from "${TOP}/src/sys/libc.ts";
import { getpid, kill } from "${TOP}/src/sys/process.ts";
import { hasThreads, redirectSignals } from "${TOP}/src/sys/signal-threads.ts";

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
