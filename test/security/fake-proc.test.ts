// A /proc that is not the kernel's, which would redirect what minibox writes there for the container to a file of the
// attacker's choice (CVE-2025-52881, CVE-2019-16884).

import { beforeAll, beforeEach, expect, test } from "bun:test";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { attackRootfs } from "../support/attack.ts";
import { leavesNothing } from "../support/leftovers.ts";
import { execute, RUN, scratchDirectory } from "../support/minibox.ts";

leavesNothing();

let root: ReturnType<typeof attackRootfs>;
let fake: string;
beforeAll(() => {
  root = attackRootfs();
  fake = scratchDirectory();
});
beforeEach(() => {
  for (const pid of ["self", "1", "thread-self"]) {
    mkdirSync(join(fake, pid), { recursive: true });
    writeFileSync(join(fake, pid, "oom_score_adj"), "untouched");
  }
});

/** Starts words with an OOM score of the caller's own, which makes minibox write the container's score. */
const from = (...words: string[]) => execute(["choom", "-n", "300", "--", ...words]);
const SCORE = ["/bin/cat", "/proc/self/oom_score_adj"];
const untouched = (): boolean =>
  ["self", "1", "thread-self"].every(
    (pid) => readFileSync(join(fake, pid, "oom_score_adj"), "utf8") === "untouched",
  );

test("a runtime that writes by name writes what lies there", async () => {
  const script =
    'mount --bind "$1" "$0/proc" && exec chroot "$0" /bin/sh -c "echo 0 >/proc/self/oom_score_adj"';
  await from("unshare", "-m", "sh", "-c", script, root.path, fake);
  expect(untouched()).toBe(false);
});

test("minibox writes to the kernel's own", async () => {
  expect(await from(...RUN, root.path, ...SCORE)).toEqual({ status: 0, stdout: "0\n", stderr: "" });
});

test("a directory over /proc is never written", async () => {
  const { stdout } = await from(...RUN, "-v", `${fake}:/proc`, root.path, ...SCORE);
  expect(stdout).toBe("untouched");
  expect(untouched()).toBe(true);
});

test("a file or directory over the file is never written, and not taken for done", async () => {
  for (const volume of [
    `${fake}/1:/proc/1`,
    `${fake}/1/oom_score_adj:/proc/1/oom_score_adj`,
    `${fake}/1:/proc/self`,
  ]) {
    const { status, stderr } = await from(...RUN, "-v", volume, root.path, ...SCORE);
    expect([volume, untouched()]).toEqual([volume, true]);
    if (status !== 0) expect(stderr).toMatch(/^minibox: .*(EXDEV|ELOOP|ENOENT|symbolic link)/);
  }
});

test("an image's own /proc counts for nothing", async () => {
  mkdirSync(join(root.path, "proc/self/attr"), { recursive: true });
  writeFileSync(join(root.path, "proc/self/oom_score_adj"), "untouched");
  expect((await from(...RUN, root.path, ...SCORE)).stdout).toBe("0\n");
  expect(readFileSync(join(root.path, "proc/self/oom_score_adj"), "utf8")).toBe("untouched");
});
