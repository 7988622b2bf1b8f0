// The host's files, opened by a file handle instead of a path (open_by_handle_at(2), known as "shocker" since 2014).

import { beforeAll, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { attackRootfs, undefended } from "../support/attack.ts";
import { leavesNothing } from "../support/leftovers.ts";
import { execute, run, scratchDirectory } from "../support/minibox.ts";
import { HANDLE } from "../support/programs.ts";

leavesNothing();

let root: ReturnType<typeof attackRootfs>;
let host: string;
let handle: string[];
beforeAll(async () => {
  root = attackRootfs({ handle: HANDLE });
  host = scratchDirectory();
  writeFileSync(join(host, "secret"), "the host's");
  handle = (await execute([join(root.path, "handle"), join(host, "secret")])).stdout.split(" ");
});

test("root in a chroot opens any file of the same file system", async () => {
  expect((await undefended(root.path, ["/handle", ...handle])).stdout).toBe("the host's\n");
});

test("root in a container opens none", async () => {
  expect((await run([root.path, "/handle", ...handle])).stdout).toBe("Operation not permitted\n");
});

test("two things stand against it: the filter, and the capability that it takes", async () => {
  const free = ["--security-opt", "seccomp=unconfined"];
  expect((await run([...free, root.path, "/handle", ...handle])).stdout).toBe("Operation not permitted\n");
  const both = await run([...free, "--cap-add", "DAC_READ_SEARCH", root.path, "/handle", ...handle]);
  expect(both.stdout).toBe("the host's\n");
});
