// Directories that others may fill: what a run costs does not grow with the number of names in them.

import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { SLOWNESS } from "../support/container.ts";
import { leavesNothing } from "../support/leftovers.ts";
import { execute, RUN, rootfsToCopy, scratchDirectory, skipReason } from "../support/minibox.ts";

setDefaultTimeout(60_000 * SLOWNESS);
leavesNothing();
const skip = skipReason("mount", "umount");
const COUNT = 200_000;
let path = "";

interface Cost {
  status: number;
  stderr: string;
  /** of the largest process, in bytes */
  memory: number;
  /** of all processes, in microseconds */
  cpu: number;
}

async function costOf(words: readonly string[]): Promise<Cost> {
  const child = Bun.spawn([...words], {
    stdin: "ignore",
    stdout: "ignore",
    stderr: "pipe",
    env: process.env,
  });
  const [stderr, status] = await Promise.all([child.stderr.text(), child.exited]);
  const usage = child.resourceUsage()!;
  return { status, stderr, memory: usage.maxRSS, cpu: Number(usage.cpuTime.total) };
}

/** The costs with a small directory and with a large one; of several tries, made in turns, the cheapest of each. */
async function costs(small: readonly string[], large: readonly string[]): Promise<[Cost, Cost]> {
  const cheapest = (a: Cost | undefined, b: Cost): Cost =>
    a === undefined ? b : { ...b, memory: Math.min(a.memory, b.memory), cpu: Math.min(a.cpu, b.cpu) };
  let found: [Cost | undefined, Cost | undefined] = [undefined, undefined];
  for (let tries = 0; tries < 3; tries++)
    found = [cheapest(found[0], await costOf(small)), cheapest(found[1], await costOf(large))];
  return found as [Cost, Cost];
}

describe.skipIf(skip !== "")(`${COUNT} names`, () => {
  beforeAll(async () => {
    path = scratchDirectory();
    await execute(["mount", "-t", "tmpfs", "-o", "nr_inodes=0", "tmpfs", path]);
    for (const name of ["small", "large"])
      await execute(["cp", "-a", rootfsToCopy("busybox"), join(path, name)]);
    mkdirSync(join(path, "above"));
    mkdirSync(join(path, "few"));
    const fill = `cd "$0" && seq -f "n%.0f" ${COUNT} | xargs touch`;
    for (const name of ["large", "above"]) await execute(["sh", "-c", fill, join(path, name)]);
  });
  afterAll(() => execute(["umount", path]));

  test("at the top of the rootfs", async () => {
    const words = (name: string): string[] => [...RUN, join(path, name), "true"];
    const [small, large] = await costs(words("small"), words("large"));
    expect(large).toMatchObject({ status: 0, stderr: "" });
    expect(large.memory / small.memory).toBeLessThan(1.2);
    expect(large.cpu / small.cpu).toBeLessThan(2);
  });

  test("beside a rootfs that does not exist", async () => {
    const words = (name: string): string[] => [...RUN, join(path, name, "rootfs"), "true"];
    const [small, large] = await costs(words("few"), words("above"));
    expect(large.status).toBe(125);
    expect(large.stderr).toStartWith(`minibox: the rootfs ${join(path, "above/rootfs")} does not exist`);
    // the look for a name that may have been meant has a budget of 0.2 s
    expect(large.cpu - small.cpu).toBeLessThan(500_000 * SLOWNESS);
  });
});
