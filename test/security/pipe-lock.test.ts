// The kernel's lock of a pipe can be held by who has one end of it, for as long as it likes. The container has an end of the
// pipes over which minibox passes bytes on: that must not keep minibox from serving its signals and the time limit.

import { expect, setDefaultTimeout, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { attackRootfs } from "../support/attack.ts";
import { SLOWNESS } from "../support/container.ts";
import { leavesNothing } from "../support/leftovers.ts";
import { execute, RUN, scratchDirectory, skipReason } from "../support/minibox.ts";

setDefaultTimeout(40_000 * SLOWNESS);
leavesNothing();
const reason = skipReason("cc", "python3");

/** Holds the lock of stdout's pipe while it waits for a socket that says nothing; with an argument that of stdin's. */
const HOLD = `#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>
int main(int n, char **v) {
  int s[2];
  socketpair(AF_UNIX, SOCK_STREAM, 0, s);
  if (n > 1) for (;;) splice(0, 0, s[0], 0, 1 << 20, 0);
  for (int i = 0; i < 20; i++) {
    write(1, "x", 1);
    if (!fork()) { splice(s[0], 0, 1, 0, 1, 0); _exit(0); }
    usleep(1000);
  }
  for (;;) pause();
}`;

const root = reason === "" ? attackRootfs({ hold: HOLD }).path : "";
const directory = scratchDirectory();

test.skipIf(reason !== "").each([
  ["stdout", "/hold", ">$D/out"],
  ["stdout under an init", "--init /hold", ">$D/out"],
  ["stdin", "/hold in", "0<>$D/in"],
])(`the lock of %s ${reason}`, async (_, words, redirection) => {
  writeFileSync(join(directory, "in"), Buffer.alloc(3_000_000));
  const [flag, ...rest] = words.startsWith("--") ? words.split(" ") : ["", ...words.split(" ")];
  // KILL where the time limit is not served
  const script = `timeout -s KILL 30 $RUN --timeout 500ms --stop-timeout 500ms ${flag} ${root} ${rest.join(" ")} ${redirection}`;
  const { status } = await execute(["bash", "-c", script], { env: { ...process.env, D: directory } });
  expect(status).toBe(124);
});

/** Runs its arguments with a terminal as stdout that nobody reads, sends TERM once nothing more fits, prints the exit code. */
const UNREAD = `
import fcntl, os, select, signal, struct, sys, termios, time
master, slave = os.openpty()
pid = os.fork()
if pid == 0:
    os.dup2(slave, 1)
    os.execv(sys.argv[1], sys.argv[1:])
while select.select([], [slave], [], 0.2)[1]: time.sleep(0.05)
os.kill(pid, signal.SIGTERM)
for i in range(300):
    done, status = os.waitpid(pid, os.WNOHANG)
    if done: break
    time.sleep(0.1)
print(os.waitstatus_to_exitcode(status) if done else "stuck")
os.kill(pid, signal.SIGKILL) if not done else None
`;

test.skipIf(reason !== "")(`a terminal that nobody reads ${reason}`, async () => {
  const loop = "i=0; while :; do i=$((i+1)); echo line $i; done";
  const words = [...RUN, "--no-tty", root, "sh", "-c", loop];
  expect((await execute(["python3", "-c", UNREAD, ...words])).stdout).toBe("143\n");
});
