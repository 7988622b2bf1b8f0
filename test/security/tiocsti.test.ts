// The caller's terminal: a container could push input that the caller's shell reads afterwards (TIOCSTI, ioctl_tty(2),
// CVE-2017-5226), or make it its own controlling terminal (TIOCSCTTY).

import { beforeAll, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { attackRootfs } from "../support/attack.ts";
import { leavesNothing } from "../support/leftovers.ts";
import { execute, RUN, skipReason } from "../support/minibox.ts";

const PUSH = `#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
int main(void) {
  for (int fd = 0; fd < 3; fd++) printf("<%s>", ioctl(fd, TIOCSTI, "x") ? strerror(errno) : "pushed");
  for (int force = 0; force < 2; force++) ioctl(0, TIOCSCTTY, force);
  printf("<%s>\\n", ioctl(0, TIOCSTI, "x") ? strerror(errno) : "pushed");
  return 0;
}`;

/** Runs words in a session with a terminal of its own, as a login has it; prints what they write to it. */
const LOGIN = `
import os, pty, sys
pid, master = pty.fork()
if pid == 0: os.execv(sys.argv[1], sys.argv[1:])
out = b""
while True:
    try: part = os.read(master, 4096)
    except OSError: break
    if not part: break
    out += part
os.waitpid(pid, 0)
sys.stdout.buffer.write(out)`;

leavesNothing();

const legacy = readFileSync("/proc/sys/dev/tty/legacy_tiocsti", { encoding: "utf8", flag: "r" }).trim();
const reason = legacy === "0" ? "this kernel has no TIOCSTI any more" : skipReason("python3");

let root: ReturnType<typeof attackRootfs>;
beforeAll(() => {
  root = attackRootfs({ push: PUSH });
});

const login = async (...words: string[]) => (await execute(["python3", "-c", LOGIN, ...words])).stdout;

test.skipIf(reason !== "")(
  `a program of the caller's pushes input into the caller's terminal ${reason}`,
  async () => {
    expect(await login("/usr/sbin/chroot", root.path, "/push")).toContain("<pushed>");
  },
);

test.skipIf(reason !== "")(
  `a container cannot, though its descriptors lead to that terminal ${reason}`,
  async () => {
    for (const flags of [
      ["--no-tty"],
      ["--no-tty", "--init"],
      ["--no-tty", "--security-opt", "seccomp=unconfined"],
    ]) {
      const out = await login(...RUN, ...flags, root.path, "/push");
      // without a terminal of its own its descriptors are pipes
      expect(out).toContain("<Inappropriate ioctl for device>".repeat(4));
      expect(out).not.toContain("pushed");
    }
  },
);

test.skipIf(reason !== "")(
  `nor into a terminal of its own, which a filter keeps it from ${reason}`,
  async () => {
    for (const flags of [
      "-t",
      "-t --init",
      "-t --security-opt no-new-privileges=false",
      "-t --userns 100000:100000:65536",
    ]) {
      const shell = `$RUN ${flags} ${root.path} /push; IFS= read -r -t 1 line; printf "[%s]" "$line"`;
      const out = await login("/bin/bash", "-c", shell);
      expect(out).toContain("<Input/output error>".repeat(4));
      expect(out).toEndWith("[]");
    }
  },
);

test.skipIf(reason !== "")(`without a filter, what it pushes there stays there ${reason}`, async () => {
  const shell = `$RUN -t --security-opt seccomp=unconfined ${root.path} /push; IFS= read -r -t 1 line; printf "[%s]" "$line"`;
  const out = await login("/bin/bash", "-c", shell);
  expect(out).toContain("<pushed>");
  expect(out).toEndWith("[]");
});
