// Files, devices and terminals as stdin, stdout and stderr: minibox passes the bytes on, and a file is afterwards as if the
// command had used it itself.

import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { restoreModes } from "../support/attack.ts";
import { SLOWNESS } from "../support/container.ts";
import { leavesNothing } from "../support/leftovers.ts";
import { execute, rootfs, scratchDirectory, skipped } from "../support/minibox.ts";

setDefaultTimeout(30_000 * SLOWNESS);
leavesNothing();
restoreModes("/dev/zero");
const directory = scratchDirectory();

/** A line of a shell on the host, $RUN being `minibox run`, $R the rootfs and $D a directory for files. */
const shell = (script: string) =>
  execute(["bash", "-c", script], { env: { ...process.env, R: rootfs("busybox"), D: directory } });
const read = (name: string): string => readFileSync(join(directory, name), "utf8");

describe.each(["", "--init ", "--userns 100000:100000:65536 "])("run %s", (flags) => {
  test("large files go in and come out whole", async () => {
    const bytes = randomBytes(20_000_001);
    writeFileSync(join(directory, "large"), bytes);
    await shell(`$RUN ${flags}"$R" cat <$D/large >$D/copy`);
    expect(readFileSync(join(directory, "copy")).equals(bytes)).toBe(true);
  });

  test("stdout and stderr of one file keep their order", async () => {
    const lines = "for i in 1 2 3 4 5 6 7 8 9; do echo $i; echo e$i >&2; done";
    const expected = "1\ne1\n2\ne2\n3\ne3\n4\ne4\n5\ne5\n6\ne6\n7\ne7\n8\ne8\n9\ne9\n";
    await shell(`$RUN ${flags}"$R" sh -c '${lines}' >$D/both 2>&1`);
    expect(read("both")).toBe(expected);
    await shell(`: >$D/both; $RUN ${flags}"$R" sh -c '${lines}' >>$D/both 2>>$D/both`);
    expect(read("both")).toBe(expected);
  });

  test("several writers append to one file, and none overwrites another", async () => {
    const one = (word: string) =>
      `$RUN ${flags}"$R" sh -c 'for i in $(seq 200); do echo ${word}; done' >>$D/log`;
    await shell(`rm -f $D/log; ${one("one")} & ${one("two")} & wait`);
    expect(read("log").split("\n").sort().join(" ").trim()).toBe(
      `${"one ".repeat(200)}${"two ".repeat(200)}`.trim(),
    );
  });

  test("the next program goes on where the command stopped, in input and output", async () => {
    writeFileSync(join(directory, "lines"), "1\n2\n3\n4\n");
    await shell(`{ read x; $RUN ${flags}"$R" head -c 2; cat; } <$D/lines >$D/rest`);
    expect(read("rest")).toBe("2\n3\n4\n");
    // open for reading and writing: minibox reads ahead for the pipe, and goes back
    await shell(`{ read x; $RUN ${flags}"$R" sh -c 'read x; echo "$x"'; cat; } 0<>$D/lines >$D/rest`);
    expect(read("rest")).toBe("2\n3\n4\n");
    await shell(`{ echo a; $RUN ${flags}"$R" echo b; echo c; } >$D/out`);
    expect(read("out")).toBe("a\nb\nc\n");
  });

  test("input that somebody else goes on with, while the command reads none of it, stays where that one is", async () => {
    writeFileSync(join(directory, "lines"), "1\n2\n3\n4\n");
    writeFileSync(join(directory, "up"), "");
    const { stdout } = await shell(
      `{ $RUN ${flags}"$R" sh -c 'echo up; exec sleep 1000' <&0 >$D/up & until grep -q up $D/up; do sleep 0.05; done; read x; echo $x; kill $!; wait; cat; } <$D/lines`,
    );
    expect(stdout).toBe("1\n2\n3\n4\n");
  });

  test("input that is open for reading and writing is at the byte up to which the command has read", async () => {
    writeFileSync(join(directory, "large"), Buffer.alloc(8_000_000));
    const tell = "python3 -c 'import os; print(os.lseek(0, 0, 1))'";
    const { stdout } = await shell(
      `{ $RUN ${flags}"$R" dd bs=10 count=1 status=none >/dev/null; ${tell}; } 0<>$D/large`,
    );
    expect(stdout).toBe("10\n");
  });

  test("input that is open for reading and writing comes to its end", async () => {
    writeFileSync(join(directory, "lines"), "1\n2\n");
    expect((await shell(`$RUN ${flags}"$R" wc -l 0<>$D/lines`)).stdout).toBe("2\n");
  });

  test("an input file that was removed can be read", async () => {
    const { stdout } = await shell(
      `echo word >$D/gone; exec 3<$D/gone; rm $D/gone; $RUN ${flags}"$R" cat <&3`,
    );
    expect(stdout).toBe("word\n");
  });

  test("devices that are bytes alone are devices", async () => {
    const { stdout } = await shell(
      `$RUN ${flags}"$R" sh -c 'head -c 3 /dev/stdin | wc -c; chmod 600 /dev/stdin' </dev/zero 2>/dev/null; stat -c %a /dev/zero`,
    );
    expect(stdout).toBe("3\n666\n");
    const full = await shell(`$RUN ${flags}"$R" sh -c 'echo x || exit 7' >/dev/full`);
    expect(full.status).toBe(7);
  });
});

const privateMounts = Bun.spawnSync([
  "unshare",
  "-m",
  "mount",
  "-t",
  "tmpfs",
  "-o",
  "size=1m",
  "tmpfs",
  "/mnt",
]);
const skip = privateMounts.success ? "" : skipped("no tmpfs can be mounted here");

test.skipIf(skip !== "")(
  "output that the disk has no room for is told, and the exit code is not 0",
  async () => {
    const { status, stderr } = await execute(
      [
        ...["unshare", "-m", "sh", "-c"],
        'mount -t tmpfs -o size=1m tmpfs /mnt && $RUN "$R" head -c 2000000 /dev/zero >/mnt/file; echo "status $?"; stat -c %s /mnt/file',
      ],
      { env: { ...process.env, R: rootfs("busybox") } },
    );
    expect(stderr).toEndWith("minibox: pass on stdout: ENOSPC: no space left on device\n");
    expect(status).toBe(0);
  },
);

const kmsg = Bun.spawnSync(["sh", "-c", "test -w /dev/kmsg && dmesg -S >/dev/null"]).success;

test.skipIf(!kmsg)(
  `each line is a record of the kernel's log ${kmsg ? "" : skipped("needs /dev/kmsg")}`,
  async () => {
    const mark = `minibox-test-${process.pid}`;
    const { status } = await shell(
      `$RUN "$R" sh -c 'echo "<6>${mark} one"; echo "<6>${mark} two"; exit 3' >/dev/kmsg`,
    );
    expect(status).toBe(3);
    const lines = Bun.spawnSync(["dmesg", "-S"]).stdout.toString().split("\n");
    expect(lines.filter((line) => line.includes(mark)).map((line) => line.slice(-3))).toEqual(["one", "two"]);
  },
);

test("the command's limit on a file's size holds for its output", async () => {
  const { status, stderr } = await shell(
    `$RUN --ulimit fsize=100000 "$R" sh -c 'head -c 300000 /dev/zero' >$D/limited`,
  );
  expect(statSync(join(directory, "limited")).size).toBe(100_000);
  // 153 where the command has ended before it could see that its output was refused
  expect([1, 153]).toContain(status);
  expect(stderr).toEndWith("minibox: pass on stdout: EFBIG: file too large\n");
  const within = await shell(`$RUN --ulimit fsize=100000 "$R" head -c 100000 /dev/zero >$D/limited`);
  expect([within.status, within.stderr]).toEqual([0, ""]);
});

test("a container that is killed leaves what it wrote before", async () => {
  const { status } = await shell(`$RUN --timeout 1s "$R" sh -c 'echo word; sleep 1000' >$D/killed`);
  expect([status, read("killed")]).toEqual([124, "word\n"]);
});
