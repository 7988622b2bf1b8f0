// Leaving the root by a second chroot(2), which "does not change the current working directory".

import { beforeAll, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { attackRootfs, undefended } from "../support/attack.ts";
import { leavesNothing } from "../support/leftovers.ts";
import { run, scratchDirectory } from "../support/minibox.ts";
import { ESCAPE } from "../support/programs.ts";

leavesNothing();

let root: ReturnType<typeof attackRootfs>;
let host: string;
beforeAll(() => {
  root = attackRootfs({ escape: ESCAPE });
  host = scratchDirectory();
  writeFileSync(join(host, "marker"), "");
});

test("a plain chroot is left that way", async () => {
  expect((await undefended(root.path, ["/escape", join(host, "marker")])).stdout).toBe("outside\n");
});

test("a container's root is not, with pivot_root or with --chroot", async () => {
  for (const flags of [
    [],
    ["--chroot"],
    ["--overlay"],
    ["-q", "--cap-add", "ALL"],
    ["--chroot", "-q", "--cap-add", "ALL"],
  ])
    expect([flags, (await run([...flags, root.path, "/escape", join(host, "marker")])).stdout]).toEqual([
      flags,
      "inside\n",
    ]);
});

test("without CAP_SYS_CHROOT there is no second chroot at all", async () => {
  const { stdout } = await run(["--cap-drop", "SYS_CHROOT", root.path, "/escape", join(host, "marker")]);
  expect(stdout).toBe("chroot: Operation not permitted\n");
});
