// Descriptors that a runtime leaves open: one of a host's directory, which could become the working directory
// (CVE-2024-21626), and any other that reaches the command.

import { beforeAll, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { attackRootfs, compile } from "../support/attack.ts";
import { leavesNothing } from "../support/leftovers.ts";
import { execute, RUN, run, scratchDirectory } from "../support/minibox.ts";

leavesNothing();

/** A runtime that changes to the working directory while its descriptor 7 is a directory of the host's. */
const RUNTIME = `#define _GNU_SOURCE
#include <fcntl.h>
#include <unistd.h>
int main(int n, char **v) {
  dup2(open("/", O_RDONLY | O_DIRECTORY), 7);
  return chroot(v[1]) || chdir("/proc/self/fd/7") || execv(v[2], v + 2);
}`;

let root: ReturnType<typeof attackRootfs>;
let host: string;
let climb: string[];
beforeAll(() => {
  root = attackRootfs();
  host = scratchDirectory();
  writeFileSync(join(host, "marker"), "");
  const marker = `../../../../../../../..${host}/marker`;
  climb = [
    "/bin/sh",
    "-c",
    `test -e ${marker} -o -e .${host}/marker && echo outside; /bin/ls /proc/self/fd | wc -l`,
  ];
});

test("a runtime with a directory left open lets the command stand in it", async () => {
  const script = 'mount -t proc proc "$1/proc" && exec "$0" "$@"';
  const words = ["unshare", "-m", "sh", "-c", script, compile(RUNTIME), root.path, ...climb];
  expect((await execute(words)).stdout).toStartWith("outside\n");
});

test("no descriptor that minibox may have open leads out of the container as a working directory", async () => {
  for (const flags of [[], ["--overlay"], ["--userns", "100000:100000:65536"]])
    for (let fd = 3; fd < 24; fd++)
      for (const path of [`/proc/self/fd/${fd}`, `/proc/self/fd/${fd}/../../..`]) {
        const { status, stdout } = await run(["-q", ...flags, "-w", path, root.path, ...climb]);
        expect([flags, path, stdout]).toEqual([flags, path, status === 0 ? "4\n" : ""]);
      }
}, 60_000);

test("no link of the image's leads there either", async () => {
  const link = join(root.path, "cwd");
  for (let fd = 3; fd < 24; fd++) {
    await execute(["ln", "-sfn", `/proc/self/fd/${fd}`, link]);
    const { stdout } = await run(["-w", "/cwd", root.path, ...climb]);
    expect([fd, stdout]).not.toEqual([fd, expect.stringContaining("outside")]);
  }
}, 60_000);

test("the command has no descriptor but the three", async () => {
  const { stdout } = await execute([
    "/bin/bash",
    "-c",
    'exec 5</etc 9</ 77</; exec "$@"',
    "bash",
    ...RUN,
    root.path,
    "/bin/ls",
    "/proc/self/fd",
  ]);
  // the fourth is the one by which ls reads the directory
  expect(stdout.split("\n").filter(Boolean)).toEqual(["0", "1", "2", "3"]);
});
