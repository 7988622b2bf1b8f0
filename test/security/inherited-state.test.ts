// What every process passes on to its children unless it resets it: groups, umask, OOM score, personality, and terminal.

import { beforeAll, expect, test } from "bun:test";
import { attackRootfs } from "../support/attack.ts";
import { leavesNothing } from "../support/leftovers.ts";
import { execute, RUN } from "../support/minibox.ts";

leavesNothing();

let root: ReturnType<typeof attackRootfs>;
beforeAll(() => {
  root = attackRootfs();
});

const LOOK =
  "grep ^Groups /proc/self/status; umask; cat /proc/self/oom_score_adj; cat /proc/self/personality; env | grep -c SECRET; pwd";

/** Words that set all of this and then execute others. */
const CALLER = [
  "setarch",
  "-R",
  "choom",
  "-n",
  "500",
  "--",
  "setpriv",
  "--groups",
  "5,27,1234",
  "sh",
  "-c",
  'umask 000; exec "$0" "$@"',
];
const env = { PATH: process.env.PATH!, SECRET_TOKEN: "SECRET" };

test("a program that the caller starts has all of the caller's", async () => {
  const { stdout } = await execute([...CALLER, "/usr/bin/env", "sh", "-c", LOOK], { env, cwd: "/etc" });
  const [groups, umask, score, personality, secrets, cwd] = stdout.split("\n");
  expect([groups, umask, score, personality, secrets, cwd]).toEqual([
    "Groups:\t5 27 1234 ",
    "0000",
    "500",
    "00040000",
    "1",
    "/etc",
  ]);
});

test("a container has none of it", async () => {
  for (const flags of [[], ["--init"]]) {
    const words = [
      ...RUN,
      ...flags,
      "--security-opt",
      "systempaths=unconfined",
      root.path,
      "/bin/sh",
      "-c",
      LOOK,
    ];
    const { stdout } = await execute([...CALLER, ...words], { env, cwd: "/etc" });
    const [groups, umask, score, personality, secrets, cwd] = stdout.split("\n");
    expect([groups!.trim(), umask, score, personality, secrets, cwd]).toEqual([
      "Groups:",
      "0022",
      "0",
      "00000000",
      "0",
      "/",
    ]);
  }
});

test("a caller that the OOM killer spares has no container that is spared", async () => {
  const { stdout } = await execute([
    "choom",
    "-n",
    "-500",
    "--",
    ...RUN,
    root.path,
    "/bin/cat",
    "/proc/self/oom_score_adj",
  ]);
  // where the caller could not lower its score there is nothing to reset
  expect(stdout === "0\n" || stdout === "").toBe(true);
});
