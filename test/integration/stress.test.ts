// Many runs, one after the other and several at a time: not one fails. And the memory of a supervisor that waits.

import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { copyFileSync, existsSync } from "node:fs";
import { join } from "node:path";
import { hasCgroup } from "../support/cgroups.ts";
import { childrenOf, SLOWNESS, start, tryText, uniqueName, until } from "../support/container.ts";
import { leavesNothing } from "../support/leftovers.ts";
import { MINIBOX, ROOT, rootfs, run, scratchDirectory, skipReason } from "../support/minibox.ts";

setDefaultTimeout(180_000 * SLOWNESS);
leavesNothing();
const skip = skipReason();
const busybox = skip ? "" : rootfs("busybox");

/** One run with an output and exit code that no other has. Returns what went wrong, or undefined. */
async function once(i: number): Promise<string | undefined> {
  const name = uniqueName();
  const flags = i % 5 === 0 ? ["--init"] : i % 5 === 1 ? ["-m", "64m", "--pids-limit", "20"] : [];
  const code = i % 256;
  const { status, stdout, stderr } = await run([
    "--name",
    name,
    ...flags,
    busybox,
    "sh",
    "-c",
    `echo ${i}; exit ${code}`,
  ]);
  const left = existsSync(`${ROOT}/${name}`) || hasCgroup(name);
  if (status === code && stdout === `${i}\n` && stderr === "" && !left) return undefined;
  return JSON.stringify({ i, flags, status, stdout, stderr, left });
}

describe.skipIf(skip !== "")("without one failure", () => {
  // A hundred in a row would show what adds up from run to run; races show with several at a time.
  test.each([
    [100, 1],
    [200, 8],
  ])("%d runs, %d at a time", async (runs, together) => {
    const failures: string[] = [];
    let next = 0;
    const worker = async (): Promise<void> => {
      for (let i = next++; i < runs; i = next++) {
        const failure = await once(i);
        if (failure) failures.push(failure);
      }
    };
    await Promise.all(Array.from({ length: together }, worker));
    expect(failures).toEqual([]);
    expect(next).toBe(runs + together);
  });
});

/** The value of a field in the text of /proc/PID/status, in KiB. */
const kib = (text: string | undefined, field: string): number =>
  Number(new RegExp(`^${field}:\\s+(\\d+) kB$`, "m").exec(text ?? "")?.[1]);

describe.skipIf(skip !== "")("a supervisor that waits", () => {
  test("has less than 11 MiB resident, and still does all its work", async () => {
    // Where the page cache holds an executable in large pieces, each page of it that is needed brings a whole piece, some
    // 2 MiB in all. A new file is as most hosts have it.
    const copy = join(scratchDirectory(), "minibox");
    copyFileSync(MINIBOX, copy);
    const script = "trap 'echo got; exit 5' USR1; echo ready; while :; do sleep 0.05; done";
    const wrapper = ["sh", "-c", `shift; exec ${copy} "$@"`, "sh"];
    const container = start([busybox, "sh", "-c", script], wrapper);
    await container.says("ready");
    const resident = () => kib(tryText(`/proc/${container.pid}/status`), "VmRSS");
    await until("it has less than 11 MiB", () => resident() < 11 * 1024);
    const before = resident();
    expect(before).toBeGreaterThan(0);
    expect(childrenOf(container.pid)).toHaveLength(1);
    container.signal(10);
    expect(await container.ended).toMatchObject({ status: 5, stdout: "ready\ngot\n", stderr: "" });
  });
});
