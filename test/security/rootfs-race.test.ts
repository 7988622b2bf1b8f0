// A rootfs in a directory of somebody else's, who exchanges it for a symbolic link to the host's / all the time. What
// minibox has checked must be what becomes the container's root; at other moments the start fails.

import { afterAll, afterEach, describe, expect, test } from "bun:test";
import { chmodSync, existsSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { exchange } from "../support/attack.ts";
import { BASE, createFrom, minibox } from "../support/bundle.ts";
import { tryText } from "../support/container.ts";
import { leavesNothing } from "../support/leftovers.ts";
import { type Result, run, scratchDirectory, scratchRootfs } from "../support/minibox.ts";
import { makePlace, runAsUser, runWithSubIds } from "../support/user.ts";

leavesNothing();
const place = makePlace();
afterAll(() => place.remove());
let stop = async (): Promise<void> => {};
afterEach(() => stop());

const LOOK = ["/bin/sh", "-c", "cat /id || { echo the root of the host; exit 1; }"];
const REFUSED = /^minibox: the rootfs is the host's own \/\n.*\n$/;

/** Puts a link to / beside the rootfs, and a file in it that tells it from the host's root. */
function prepare(rootfs: string): { rootfs: string; link: string } {
  const link = `${rootfs}.link`;
  if (!existsSync(link)) symlinkSync("/", link);
  writeFileSync(join(rootfs, "id"), "the right one\n");
  chmodSync(join(rootfs, "id"), 0o644);
  return { rootfs, link };
}

/** Calls `once` again and again under attack, until it both worked and was refused, at least `times`. */
async function underAttack(
  times: number,
  names: readonly [string, string],
  once: () => Promise<Result>,
): Promise<void> {
  stop = exchange(...names);
  const counts = { right: 0, refused: 0 };
  for (let i = 0; i < times || (i < 10 * times && (counts.right === 0 || counts.refused === 0)); i++) {
    const result = await once();
    if (result.status === 125) {
      counts.refused++;
      expect(result).toEqual({ status: 125, stdout: "", stderr: expect.stringMatching(REFUSED) });
    } else {
      counts.right++;
      expect(result).toEqual({ status: 0, stdout: "the right one\n", stderr: "" });
    }
  }
  expect(counts).toEqual({ right: expect.any(Number), refused: expect.any(Number) });
  expect(Math.min(counts.right, counts.refused)).toBeGreaterThan(0);
}

describe("the host's / never becomes the root", () => {
  test.each([
    [30, []],
    [20, ["--userns", "300000:300000:65536"]],
    [20, ["--overlay"]],
    [20, ["--chroot"]],
    [20, ["--chroot", "--userns", "300000:300000:65536"]],
  ])(
    "%i runs %j",
    async (times, flags) => {
      const { rootfs, link } = prepare(scratchRootfs());
      await underAttack(times, [rootfs, link], () => run([...flags, rootfs, ...LOOK]));
    },
    120_000,
  );

  test("with the rootfs as a relative path and a slash behind it", async () => {
    const { rootfs, link } = prepare(scratchRootfs());
    await underAttack(20, [rootfs, link], () => run(["rootfs/", ...LOOK], { cwd: join(rootfs, "..") }));
  }, 300_000);

  test("for an ordinary user", async () => {
    const { rootfs, link } = prepare(place.ownRootfs);
    await underAttack(20, [rootfs, link], () => runAsUser(place, ["-q", rootfs, ...LOOK]));
  }, 300_000);

  test("for an ordinary user with an overlay and more than one id", async () => {
    const { rootfs, link } = prepare(place.rootfs);
    await underAttack(20, [rootfs, link], () => runWithSubIds(place, ["-q", "--overlay", rootfs, ...LOOK]));
  }, 300_000);

  test("of a bundle, whose root.path is a symbolic link that changes", async () => {
    const { rootfs, link } = prepare(scratchRootfs());
    const bundle = scratchDirectory();
    for (const [name, target] of [
      ["rootfs", rootfs],
      ["other", link],
    ] as const)
      symlinkSync(target, join(bundle, name));
    writeFileSync(join(bundle, "config.json"), JSON.stringify(BASE));
    await underAttack(30, [join(bundle, "rootfs"), join(bundle, "other")], () => lookAtCreated(bundle));
  }, 300_000);
});

test.each([[[]], [["--userns", "300000:300000:65536"]], [["--overlay"]]])(
  "a rootfs of another mount namespace is refused, whatever has its path here: %j",
  async (flags) => {
    const rootfs = scratchRootfs();
    const script = 'mount -t tmpfs t "$0" && mkdir "$0/bin" && echo ready && exec sleep 1000';
    const other = Bun.spawn(["unshare", "-m", "sh", "-c", script, rootfs], { stdout: "pipe" });
    try {
      await other.stdout.getReader().read();
      expect(await run([...flags, `/proc/${other.pid}/root${rootfs}`, ...LOOK])).toEqual({
        status: 125,
        stdout: "",
        stderr: expect.stringMatching(
          /^minibox: [^\n]*: EINVAL: invalid argument\n {2}its mount cannot be copied: it belongs to another mount namespace, [^\n]*\n$/,
        ),
      });
    } finally {
      other.kill(9);
      await other.exited;
    }
  },
);

/** Creates a bundle's container, reads the file in its root from outside, and removes it. */
async function lookAtCreated(bundle: string): Promise<Result> {
  const { name, status, output } = await createFrom(bundle);
  const stderr = tryText(output) ?? "";
  rmSync(output);
  if (status !== 0) return { status, stdout: "", stderr };
  const { pid } = JSON.parse((await minibox("state", name)).stdout) as { pid: number };
  const stdout = tryText(`/proc/${pid}/root/id`) ?? "the root of the host\n";
  expect((await minibox("delete", "--force", name)).status).toBe(0);
  return { status, stdout, stderr };
}
