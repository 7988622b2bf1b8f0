// A set-uid program of root's inside the container, which would make its caller root without no_new_privs (execve(2)).

import { beforeAll, expect, test } from "bun:test";
import { chmodSync, chownSync } from "node:fs";
import { join } from "node:path";
import { attackRootfs } from "../support/attack.ts";
import { leavesNothing } from "../support/leftovers.ts";
import { run } from "../support/minibox.ts";

leavesNothing();

const WHO = `#include <stdio.h>
#include <unistd.h>
int main(void) { printf("%d %d\\n", getuid(), geteuid()); return 0; }`;

let root: ReturnType<typeof attackRootfs>;
beforeAll(() => {
  root = attackRootfs({ who: WHO });
  chownSync(join(root.path, "who"), 0, 0);
  chmodSync(join(root.path, "who"), 0o4755);
});

test("without no_new_privs a set-uid program makes its caller root", async () => {
  const result = await run(["--security-opt", "no-new-privileges=false", "-u", "1000", root.path, "/who"]);
  expect(result).toEqual({ status: 0, stdout: "1000 0\n", stderr: "" });
});

test("by default a set-uid program stays its caller", async () => {
  expect(await run(["-u", "1000", root.path, "/who"])).toEqual({
    status: 0,
    stdout: "1000 1000\n",
    stderr: "",
  });
});

test("a set-uid program stays its caller below --init too", async () => {
  const result = await run(["--init", "-u", "1000", root.path, "/who"]);
  expect(result).toEqual({ status: 0, stdout: "1000 1000\n", stderr: "" });
});
