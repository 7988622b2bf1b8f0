// /dev/stdin, /dev/stdout and /dev/stderr: the container's user can open the caller's descriptors again through them.

import { afterAll, describe, expect, test } from "bun:test";
import { chmodSync, chownSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { leavesNothing } from "../support/leftovers.ts";
import { execute, rootfs, scratchDirectory } from "../support/minibox.ts";
import { makePlace, subIdWords } from "../support/user.ts";

leavesNothing();

const directory = scratchDirectory();

/** A line of a shell on the host, $RUN being `minibox run`, $R the rootfs and $D a directory for files. */
const shell = (script: string, flags: string) =>
  execute(["bash", "-c", script], {
    env: { ...process.env, R: rootfs("busybox"), D: directory, F: flags },
  });

const LOGS = "'echo out >/dev/stdout; echo err >/dev/stderr'";

describe.each([
  ["-u 1000"],
  ["-u 1000 --init"],
  ["-u 1000 --cap-drop ALL"],
  ["--userns 100000:100000:65536"],
  ["--userns 100000:100000:65536 -u 1000"],
  ["-u 0"],
])("with %s", (flags) => {
  test("pipes can be opened again", async () => {
    const { stdout } = await shell(`$RUN $F "$R" sh -c ${LOGS} 2>&1 | cat`, flags);
    expect(stdout.split("\n").sort()).toEqual(["", "err", "out"]);
    const input = await shell('echo in | $RUN $F "$R" cat /dev/stdin', flags);
    expect(input.stdout).toBe("in\n");
  });

  test("so can files, which are their owner's again afterwards, as they were", async () => {
    const [out, err] = [join(directory, "out"), join(directory, "err")];
    for (const file of [out, err]) {
      writeFileSync(file, "");
      chownSync(file, 77, 78);
      chmodSync(file, 0o640);
    }
    const script = `'echo out >/dev/stdout; chmod 4777 /dev/stdout 2>/dev/null; echo err >/dev/stderr'`;
    const { status } = await shell(`$RUN $F "$R" sh -c ${script} >"$D/out" 2>"$D/err"`, flags);
    expect(status).toBe(0);
    expect([readFileSync(out, "utf8"), readFileSync(err, "utf8")]).toEqual(["out\n", "err\n"]);
    const { uid, gid, mode } = statSync(out);
    // root of the host needs no ownership, so nothing is lent to it, nor put back
    if (flags !== "-u 0") expect([uid, gid, mode & 0o7777]).toEqual([77, 78, 0o640]);
    expect(statSync(err).uid).toBe(77);
  });

  test("so can FIFOs", async () => {
    const script = `mkfifo -m 600 "$D/fifo"; $RUN $F "$R" sh -c 'echo out >/dev/stdout' >"$D/fifo" & cat "$D/fifo"; wait; stat -c %u "$D/fifo"; rm "$D/fifo"`;
    expect((await shell(script, flags)).stdout).toBe("out\n0\n");
  });
});

test("an input that is only read stays its owner's", async () => {
  const script = `echo secret >"$D/in"; chmod 600 "$D/in"; $RUN $F "$R" sh -c 'cat; chmod 666 /dev/stdin' <"$D/in"; stat -c '%u %a' "$D/in"`;
  const { stdout, stderr } = await shell(script, "-u 1000");
  expect(stdout).toBe("secret\n0 600\n");
  expect(stderr).toContain("Read-only file system");
});

test("the host's /dev/null stays root's", async () => {
  await shell('$RUN $F "$R" true </dev/null >/dev/null 2>&1', "-u 1000");
  expect(statSync("/dev/null").uid).toBe(0);
});

describe("an ordinary user's container", () => {
  const place = makePlace();
  afterAll(() => place.remove());

  test("can open the pipes again, whoever its user is", async () => {
    const words = `${place.minibox} run -u 1000 ${place.rootfs} sh -c ${LOGS}`;
    const { stdout } = await execute(subIdWords(place, ["sh", "-c", `${words} 2>&1 | cat`]));
    expect(stdout.split("\n").sort()).toEqual(["", "err", "out"]);
  });
});
