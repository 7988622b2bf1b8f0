// --user: the ids of the command, by number and by the names in the rootfs, also where its tables are strange or large.

import { describe, expect, test } from "bun:test";
import {
  existsSync,
  mkdirSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { SLOWNESS } from "../support/container.ts";
import { leavesNothing } from "../support/leftovers.ts";
import { execute, RUN, rootfs, run, scratchRootfs, skipReason } from "../support/minibox.ts";

leavesNothing();

const root = scratchRootfs();
writeFileSync(
  `${root}/etc/passwd`,
  "root:x:0:0:root:/root:/bin/sh\nalice:x:1000:1001:Alice:/home/alice:/bin/sh\ndaemon:x:2:2::/:/bin/sh\n",
);
writeFileSync(`${root}/etc/group`, "root:x:0:\nalice:x:1001:\naudio:x:29:alice\nwheel:x:10:daemon,alice\n");

/** Ids as the kernel has them: real, effective, saved and file system ids, then the supplementary groups. */
async function ids(...flags: string[]): Promise<string> {
  const script = "grep -E '^(Uid|Gid|Groups)' /proc/self/status | tr -s '\\t ' ' '; echo $HOME";
  const { stdout, stderr } = await run([...flags, root, "sh", "-c", script]);
  return (stdout + stderr).replace(/^(Uid|Gid): (\d+) \2 \2 \2 ?$/gm, "$1 $2").replaceAll("\n", ", ");
}

describe("--user", () => {
  test.each([
    [[], "Uid 0, Gid 0, Groups: , /root, "],
    [["-u", "alice"], "Uid 1000, Gid 1001, Groups: 10 29 , /home/alice, "],
    [["-u", "1000"], "Uid 1000, Gid 1001, Groups: 10 29 , /home/alice, "],
    [["-u", "alice:audio"], "Uid 1000, Gid 29, Groups: , /home/alice, "],
    [["-u", "1000:77"], "Uid 1000, Gid 77, Groups: , /home/alice, "],
    [["-u", "4242"], "Uid 4242, Gid 0, Groups: , /, "],
    [["--user=4242:4343"], "Uid 4242, Gid 4343, Groups: , /, "],
    [["-u", "4294967294:4294967294"], "Uid 4294967294, Gid 4294967294, Groups: , /, "],
    [["-u", ""], "Uid 0, Gid 0, Groups: , /root, "],
    [["-u", ":"], "Uid 0, Gid 0, Groups: , /root, "],
    [["-u", ":100"], "Uid 0, Gid 100, Groups: , /root, "],
    [["-u", "1000:"], "Uid 1000, Gid 1001, Groups: 10 29 , /home/alice, "],
    [["-u", "alice:"], "Uid 1000, Gid 1001, Groups: 10 29 , /home/alice, "],
    [["-u", "alice", "-e", "HOME=/x"], "Uid 1000, Gid 1001, Groups: 10 29 , /x, "],
  ] as [string[], string][])("%p", async (flags, expected) => {
    expect(await ids(...flags)).toBe(expected);
  });

  test.each([
    ["bob", '--user: no user "bob" in the rootfs\'s /etc/passwd'],
    ["alice:nogroup", '--user: no group "nogroup" in the rootfs\'s /etc/group'],
    ["4294967295", "--user: the user id 4294967295 is above the largest, 4294967294"],
    ["0:99999999999", "--user: the group id 99999999999 is above the largest, 4294967294"],
    ["-1", '--user: no user "-1" in the rootfs\'s /etc/passwd'],
  ])("%p is refused", async (user, message) => {
    expect(await run(["-u", user, root, "true"])).toEqual({
      status: 125,
      stdout: "",
      stderr: `minibox: ${message}\n`,
    });
  });

  test("is never looked up on the host", async () => {
    // sshd, messagebus and such exist on many hosts; this one exists on this host for sure
    const own = (
      await execute(["sh", "-c", "grep -v -E '^(root|alice|daemon):' /etc/passwd | head -1 | cut -d: -f1"])
    ).stdout.trim();
    expect((await run(["-u", own, root, "true"])).status).toBe(125);
  });

  test("may do what the ids allow, and no more", async () => {
    const { stdout } = await run([
      "-u",
      "alice",
      root,
      "sh",
      "-c",
      "cat /root/x 2>&1; touch /x 2>&1; id -un",
    ]);
    expect(stdout).toBe(
      "cat: can't open '/root/x': Permission denied\ntouch: /x: Permission denied\nalice\n",
    );
  });
});

describe("a strange /etc/passwd", () => {
  const strange = scratchRootfs();
  test.each([
    ["missing", () => {}],
    ["a directory", () => mkdirSync(`${strange}/etc/passwd`)],
    ["a device", async () => void (await execute(["mknod", `${strange}/etc/passwd`, "c", "1", "5"]))],
    ["a link to itself", () => symlinkSync("passwd", `${strange}/etc/passwd`)],
    ["a FIFO", async () => void (await execute(["mkfifo", `${strange}/etc/passwd`]))],
    ["a link to the host's", () => symlinkSync("/proc/1/root/etc/passwd", `${strange}/etc/passwd`)],
    ["a link out of the root", () => symlinkSync("../../../../../../etc/passwd", `${strange}/etc/passwd`)],
    ["not text", () => writeFileSync(`${strange}/etc/passwd`, Buffer.from([0xff, 0x3a, 0x0a, 0x00]))],
  ] as [string, () => void | Promise<void>][])(
    "that is %s leaves numbers, and waits for nobody",
    async (_, make) => {
      rmSync(`${strange}/etc/passwd`, { force: true, recursive: true });
      await make();
      expect((await run(["-u", "7:8", strange, "grep", "-c", "7\t7\t7", "/proc/self/status"])).stdout).toBe(
        "1\n",
      );
      expect((await run(["-u", "alice", strange, "true"])).status).toBe(125);
    },
  );
});

describe("a large table", () => {
  const large = scratchRootfs();
  const rows = (count: number, row: (id: number) => string) =>
    Array.from({ length: count }, (_, i) => row(100_000 + i)).join("");
  writeFileSync(
    `${large}/etc/passwd`,
    `${rows(40_000, (id) => `user${id}:x:${id}:${id}:a name of some length:/home/user${id}:/bin/sh\n`)}last:x:77:78::/last:\n`,
  );
  writeFileSync(
    `${large}/etc/group`,
    `${rows(60_000, (id) => `group${id}:x:${id}:user${id}\n`)}lasts:x:79:last\n`,
  );

  test("of more than 1 MiB is read to its end", async () => {
    expect(statSync(`${large}/etc/passwd`).size).toBeGreaterThan(2 << 20);
    expect(statSync(`${large}/etc/group`).size).toBeGreaterThan(1 << 20);
    const script = "grep -E '^(Uid|Gid|Groups)' /proc/self/status | tr -s '\\t ' ' '; echo $HOME";
    expect((await run(["-u", "last", large, "sh", "-c", script])).stdout).toBe(
      "Uid: 77 77 77 77\nGid: 78 78 78 78\nGroups: 79 \n/last\n",
    );
    expect((await run(["-u", "77:lasts", large, "sh", "-c", "id -g; echo $HOME"])).stdout).toBe(
      "79\n/last\n",
    );
  });

  test.each(["passwd", "group"])("%s without an end is refused by name, with the limit", async (name) => {
    truncateSync(`${large}/etc/${name}`, 2 ** 40);
    const { status, stderr } = await run([large, "true"]);
    truncateSync(`${large}/etc/${name}`, 0);
    expect(stderr).toBe(`minibox: read /etc/${name} in the rootfs, at most 4 MiB: EFBIG: file too large\n`);
    expect(status).toBe(125);
  });

  test.each(["passwd", "group", "hosts"])(
    "%s with millions of rows is refused rather than read, which would take the host's CPU",
    async (name) => {
      const [file, kept] = [`${large}/etc/${name}`, `${large}/etc/kept`];
      if (existsSync(file)) renameSync(file, kept);
      writeFileSync(file, "a::0x:\n".repeat(9 << 20));
      const { status, stderr } = await run([large, "true"]);
      rmSync(file);
      if (existsSync(kept)) renameSync(kept, file);
      expect(stderr).toBe(`minibox: read /etc/${name} in the rootfs, at most 4 MiB: EFBIG: file too large\n`);
      expect(status).toBe(125);
    },
  );

  test("that puts a user into more groups than the kernel allows is refused by name", async () => {
    writeFileSync(
      `${large}/etc/group`,
      rows(65_537, (id) => `g:x:${id}:root\n`),
    );
    writeFileSync(`${large}/etc/passwd`, "root:x:0:0::/:/bin/sh\n");
    const { status, stderr } = await run([large, "true"]);
    truncateSync(`${large}/etc/group`, 0);
    expect(stderr).toBe(
      'minibox: --user: the rootfs\'s /etc/group has the user "root" in 65537 groups, 65536 is the limit\n',
    );
    expect(status).toBe(125);
  });

  test("of bytes that are no text costs no more than its length", async () => {
    writeFileSync(
      `${large}/etc/passwd`,
      Buffer.concat([Buffer.alloc(3 << 20, 0xff), Buffer.from("\nb\xe9a:x:5:6::/b:\n", "latin1")]),
    );
    const { stdout } = await run(["-u", "5", large, "sh", "-c", "id -u; id -g"]);
    expect(stdout).toBe("5\n6\n");
  });
});

test("the rootfs of the host's programs knows users too", async () => {
  expect((await run(["-u", "nobody", rootfs("host"), "id", "-u"])).stdout).toBe("65534\n");
});

const strace = skipReason("strace");

test.skipIf(strace !== "")(
  `where the kernel cannot tell what ".." is, because something is renamed all the time, nobody waits for it${strace}`,
  async () => {
    const trace = ["strace", "-o", "/dev/null", "-e", "trace=openat2"];
    const inject = ["-e", "inject=openat2:error=EAGAIN:delay_enter=20000"];
    const started = performance.now();
    const { status, stdout } = await execute([...trace, ...inject, ...RUN, root, "echo", "here"]);
    expect([status, stdout]).toEqual([0, "here\n"]);
    // a thousand tries for each file that is looked for would take a minute
    expect(performance.now() - started).toBeLessThan(18_000 * SLOWNESS);
  },
  120_000 * SLOWNESS,
);
