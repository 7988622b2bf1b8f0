// Containers in pipelines of a shell: data arrives whole, and ends arrive in both directions.

import { describe, expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { leavesNothing } from "../support/leftovers.ts";
import { execute, RUN, rootfs, run, scratchDirectory } from "../support/minibox.ts";

leavesNothing();

/** A line of a shell on the host, $RUN being `minibox run` and $R the rootfs. */
const shell = (script: string, root = rootfs("busybox")) =>
  execute(["bash", "-c", script], { env: { ...process.env, R: root } });

const sha256 = (bytes: Uint8Array): string => new Bun.CryptoHasher("sha256").update(bytes).digest("hex");

describe.each(["busybox", "host"] as const)("on the %s rootfs", (kind) => {
  const root = rootfs(kind);

  test("a million lines go in", async () => {
    expect((await shell('seq 1000000 | $RUN "$R" wc -l', root)).stdout).toBe("1000000\n");
  });

  test("a writer whose reader leaves ends at once", async () => {
    const start = performance.now();
    const status = 'echo "$PIPESTATUS"';
    // the kernel spares PID 1 its own SIGPIPE (pid_namespaces(7)): it sees EPIPE, and yes says so
    expect((await shell(`$RUN "$R" yes 2>/dev/null | head -1; ${status}`, root)).stdout).toBe("y\n1\n");
    expect((await shell(`$RUN --init "$R" yes | head -1; ${status}`, root)).stdout).toBe("y\n141\n");
    expect(performance.now() - start).toBeLessThan(30_000);
  });
});

test("stdout and stderr stay apart, and neither is decorated", async () => {
  expect(await run([rootfs("busybox"), "sh", "-c", "echo out; echo err >&2; printf tail"])).toEqual({
    status: 0,
    stdout: "out\ntail",
    stderr: "err\n",
  });
});

test("stdin that is at its end is at its end inside", async () => {
  expect((await run([rootfs("busybox"), "cat"], { stdin: "" })).stdout).toBe("");
  expect((await run([rootfs("busybox"), "cat"])).stdout).toBe("");
});

test("fifty megabytes of random bytes come out as they went in, at the speed of a pipe", async () => {
  const file = join(scratchDirectory(), "random");
  const bytes = randomBytes(50 << 20);
  writeFileSync(file, bytes);
  const start = performance.now();
  const { stdout } = await shell(`cat ${file} | $RUN "$R" cat | cat | sha256sum`);
  const seconds = (performance.now() - start) / 1000;
  expect(stdout).toBe(`${sha256(bytes)}  -\n`);
  // the descriptors pass straight through: a relay in between would show
  expect(seconds).toBeLessThan(30);
});

test("every byte value passes, both ways", async () => {
  const all = Uint8Array.from({ length: 256 }, (_, i) => i);
  const child = Bun.spawn([...RUN, rootfs("busybox"), "cat"], { stdin: all, stdout: "pipe" });
  expect(await child.stdout.bytes()).toEqual(all);
});

test("the command's own descriptors are the caller's: files keep their offset, and appending appends", async () => {
  const file = join(scratchDirectory(), "file");
  writeFileSync(file, "1\n2\n3\n");
  const { stdout } = await shell(`{ read x; $RUN "$R" head -c 2; cat; } <${file}`);
  expect(stdout).toBe("2\n3\n");
  await shell(`$RUN "$R" sh -c 'echo 4' >>${file}; $RUN "$R" sh -c 'echo 5 >&2' 2>>${file}`);
  expect(await Bun.file(file).text()).toBe("1\n2\n3\n4\n5\n");
});

test("what the command wrote last is not lost, however fast it ends", async () => {
  const { stdout } = await shell(
    'for i in 1 2 3 4 5 6 7 8 9 10; do $RUN "$R" sh -c "head -c 60000 /dev/zero" | wc -c; done',
  );
  expect(stdout).toBe("60000\n".repeat(10));
});

test("containers in a pipeline of their own work together", async () => {
  const { stdout } = await shell('$RUN "$R" seq 1000 | $RUN "$R" grep 7 | $RUN "$R" wc -l');
  expect(stdout).toBe("271\n");
});
