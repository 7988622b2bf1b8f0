// Exit codes: the command's own, 128+N, and minibox's 125, 126, 127. When PID 1 ends, all processes of the container end.

import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { childrenOf, SLOWNESS, start } from "../support/container.ts";
import { expectNothingLeft, leavesNothing } from "../support/leftovers.ts";
import { minibox, rootfs, run, skipReason } from "../support/minibox.ts";

setDefaultTimeout(30_000 * SLOWNESS);
leavesNothing();
const skip = skipReason();
const busybox = skip ? "" : rootfs("busybox");

describe.skipIf(skip !== "")("the exit code", () => {
  test.each([[[]], [["--init"]]])("is the command's own, 0 to 255 (%p)", async (flags) => {
    for (const code of [0, 1, 2, 77, 124, 125, 126, 127, 128, 200, 255])
      expect([code, (await run([...flags, busybox, "sh", "-c", `exit ${code}`])).status]).toEqual([
        code,
        code,
      ]);
  });

  test("is 137 when the command is killed from outside", async () => {
    const container = start([busybox, "sh", "-c", "echo ready; exec sleep 60"]);
    await container.says("ready");
    process.kill(childrenOf(container.pid)[0]!, "SIGKILL");
    expect((await container.ended).status).toBe(137);
  });

  test("is 128+N of the command's own signal under --init", async () => {
    expect((await run(["--init", busybox, "sh", "-c", "kill -ABRT $$"])).status).toBe(134);
    expect((await run(["--init", busybox, "sh", "-c", "kill -KILL $$"])).status).toBe(137);
  });

  test("is 125 for a failure of minibox's own", async () => {
    expect((await minibox(["run"])).status).toBe(125);
    expect((await minibox(["run", "--no-such-flag", busybox, "true"])).status).toBe(125);
    expect((await run(["/no/such/rootfs", "true"])).status).toBe(125);
    expect((await run(["-v", "/no/such/source:/mnt", busybox, "true"])).status).toBe(125);
  });

  test.each([[[]], [["--init"]]])(
    "is 127 for no such command, 126 for one that cannot be run (%p)",
    async (flags) => {
      expect((await run([...flags, busybox, "no-such-command"])).status).toBe(127);
      expect((await run([...flags, busybox, "/no/such/file"])).status).toBe(127);
      expect((await run([...flags, busybox, "/etc/passwd"])).status).toBe(126);
      expect((await run([...flags, busybox, "/etc"])).status).toBe(126);
    },
  );
});

describe.skipIf(skip !== "")("when PID 1 ends", () => {
  test.each([[[]], [["--init"]]])(
    "everything that it left in the background ends too (%p) [vm]",
    async (flags) => {
      const mark = `/tmp/${process.pid}`;
      const script = `for i in 1 2 3; do (trap '' HUP TERM; while :; do sleep 7${process.pid}; done) & done; setsid sleep 7${process.pid} & exit 4`;
      const { status } = await run([...flags, busybox, "sh", "-c", `: ${mark}; ${script}`]);
      expect(status).toBe(4);
      expect(Bun.spawnSync(["pgrep", "-f", `sleep 7${process.pid}`]).exitCode).toBe(1);
      await expectNothingLeft();
    },
  );

  test("a pipe that a background process holds is not waited for", async () => {
    const started = performance.now();
    const { stdout } = await run([busybox, "sh", "-c", "sleep 60 & echo done"]);
    expect(stdout).toBe("done\n");
    expect(performance.now() - started).toBeLessThan(20_000 * SLOWNESS);
  });
});
