// Signals that the kernel delivers to another thread of the runtime than the one that waits for them.

import { expect, setDefaultTimeout, test } from "bun:test";
import { readdirSync } from "node:fs";
import { SIGNALS } from "../../src/sys/constants.ts";
import { childrenOf, SLOWNESS, signal, start, tryText, until } from "../support/container.ts";
import { leavesNothing } from "../support/leftovers.ts";
import { execute, rootfs, skipReason } from "../support/minibox.ts";

setDefaultTimeout(60_000 * SLOWNESS);
const skip = skipReason("python3");
const busybox = skip ? "" : rootfs("busybox");

/** rt_tgsigqueueinfo(2) with SI_QUEUE: what kill(2) does when it picks this very thread. */
const QUEUE = `
import ctypes, os, struct, sys
number = {"x86_64": 297, "aarch64": 240}[os.uname().machine]
process, thread, signal = map(int, sys.argv[1:])
info = ctypes.create_string_buffer(struct.pack("4i2I", signal, 0, -1, 0, os.getpid(), os.getuid()), 128)
sys.exit(ctypes.CDLL(None).syscall(number, process, thread, signal, info) != 0)
`;

leavesNothing();

/** Those that nobody passes on, and those that stop: a trap for them is no proof. */
const LEFT_OUT: readonly number[] = [
  ...[SIGNALS.KILL, SIGNALS.STOP, SIGNALS.CHLD, SIGNALS.PIPE, 32, 33],
  ...[SIGNALS.TSTP, SIGNALS.TTIN, SIGNALS.TTOU],
];
const all = Array.from({ length: 64 }, (_, i) => i + 1).filter((signal) => !LEFT_OUT.includes(signal));

/** Each thread but the first, with the signals that it has not blocked. */
function openThreads(pid: number): { thread: number; signals: number[] }[] {
  const others = readdirSync(`/proc/${pid}/task`)
    .map(Number)
    .filter((thread) => thread !== pid);
  return others.map((thread) => {
    const status = tryText(`/proc/${pid}/task/${thread}/status`) ?? "";
    const blocked = BigInt(`0x${/^SigBlk:\s*(\w+)/m.exec(status)?.[1] ?? "f".repeat(16)}`);
    return { thread, signals: all.filter((signal) => ((blocked >> BigInt(signal - 1)) & 1n) === 0n) };
  });
}

/** More than the engine allocates without a collection of garbage, for which it starts threads. */
const FLOOD = "yes aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa | head -c 60000000; echo";
const WITHOUT_FLOOD = ["sh", "-c", '"$@" | grep --line-buffered -v aaaa', "sh"];

test.skipIf(skip !== "")(
  "a supervisor has handlers only for what its threads unblock themselves",
  async () => {
    const container = start([busybox, "sh", "-c", "echo ready; read -r line"]);
    await container.says("ready");
    const caught = BigInt(`0x${/^SigCgt:\s*(\w+)/m.exec(tryText(`/proc/${container.pid}/status`)!)![1]}`);
    container.closeInput();
    await container.ended;
    // a handler for each signal would mean that there were other threads before it blocked them
    expect((caught >> BigInt(SIGNALS.USR1 - 1)) & 1n).toBe(0n);
  },
);

test.skipIf(skip !== "")(
  "a signal that a thread of the supervisor's gets reaches the command all the same",
  async () => {
    const script = `${FLOOD}; for s in ${all.join(" ")}; do trap "echo got $s." $s; done; echo ready; while :; do sleep 0.05; done`;
    const container = start(["-t", busybox, "sh", "-c", script], WITHOUT_FLOOD);
    let pid = 0;
    try {
      await container.says("ready");
      pid = childrenOf(container.pid).find((child) => tryText(`/proc/${child}/comm`) === "minibox\n")!;
      await until("a thread takes a signal", () =>
        openThreads(pid).some(({ signals }) => signals.length > 0),
      );
      const seen = (signal: number): number => container.stdout.split(`got ${signal}.`).length;
      for (const { thread, signals } of openThreads(pid))
        for (const signal of signals) {
          const before = seen(signal);
          const queued = await execute(["python3", "-c", QUEUE, `${pid}`, `${thread}`, `${signal}`]);
          expect([signal, queued.status]).toEqual([signal, 0]);
          await until(`signal ${signal} is passed on`, () => seen(signal) > before);
        }
    } finally {
      // the command's end: the supervisor then removes the container
      for (const child of childrenOf(pid)) signal(child, SIGNALS.KILL);
      await container.ended;
    }
  },
);
