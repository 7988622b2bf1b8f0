// A container ends with its supervisor, also where that is killed with SIGKILL and can do nothing about it. A program may
// clear its PR_SET_PDEATHSIG, and a change of user clears it, too (prctl(2)); what ends it then is a keeper.

import { afterAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { readdirSync } from "node:fs";
import { attackRootfs, compile } from "../support/attack.ts";
import { childrenOf, keeperOf, SLOWNESS, start, tryText, until } from "../support/container.ts";
import { leavesNothing } from "../support/leftovers.ts";
import { execute, RUN, run, skipped, skipReason } from "../support/minibox.ts";
import { leftBehind, makePlace, userWords } from "../support/user.ts";

setDefaultTimeout(60_000 * SLOWNESS);
leavesNothing();
const skip = skipReason("cc");

/**
 * Clears its PR_SET_PDEATHSIG in the way that its word says, as does a child of it in a session of its own, and stays. The
 * way "first" clears that of PID 1, by tracing it.
 */
const CLEAR = `#define _GNU_SOURCE
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>
static int first(void) {
#ifdef __x86_64__
  struct user_regs_struct old, new;
  // until it waits for signals, in read(2), it may be anywhere
  for (int call = -1; call != 0; usleep(1000)) {
    FILE *f = fopen("/proc/1/syscall", "r");
    if (!f) return -1;
    if (fscanf(f, "%d", &call) != 1) call = -1;
    fclose(f);
  }
  if (ptrace(PTRACE_ATTACH, 1, 0, 0) || waitpid(1, 0, __WALL) != 1) return -1;
  ptrace(PTRACE_GETREGS, 1, 0, &old);
  new = old;
  new.rip -= 2; // PID 1 waits in a system call, so the instruction before is one
  new.orig_rax = -1;
  new.rax = 157, new.rdi = PR_SET_PDEATHSIG, new.rsi = 0;
  ptrace(PTRACE_SETREGS, 1, 0, &new);
  ptrace(PTRACE_SINGLESTEP, 1, 0, 0);
  waitpid(1, 0, __WALL);
  ptrace(PTRACE_GETREGS, 1, 0, &new);
  old.rax = old.orig_rax, old.rip -= 2; // that call once more
  ptrace(PTRACE_SETREGS, 1, 0, &old);
  if (ptrace(PTRACE_DETACH, 1, 0, 0)) return -1;
  return new.rax;
#endif
  return -1;
}
int main(int n, char **v) {
  int left = 1;
  if (fork() == 0) setsid();
  if (!strcmp(v[1], "prctl")) prctl(PR_SET_PDEATHSIG, 0);
  if (!strcmp(v[1], "setuid")) setresuid(1, 1, 1);
  prctl(PR_GET_PDEATHSIG, &left);
  if (!strcmp(v[1], "first") && getppid() == 1) left = first();
  printf("signal %d\\n", left);
  fflush(stdout);
  for (;;) pause();
}`;

const root = skip ? "" : attackRootfs({ clear: CLEAR }).path;

/** The pids of all processes below a container's first process, and its own. */
const family = (pid: number): number[] => [pid, ...childrenOf(pid).flatMap(family)];

/** When a process started, so that a later process with its pid is not taken for it; "" for one that has ended. */
function startOf(pid: number): string {
  const fields = (tryText(`/proc/${pid}/stat`) ?? "").split(") ").at(-1)!.split(" ");
  return fields[0] === "Z" || fields[0] === "X" ? "" : (fields[19] ?? "");
}

/** Kills the supervisor once its container has cleared its signals; expects that all processes of the container end. */
async function expectEnd(supervisor: number, processes: number): Promise<void> {
  const all = childrenOf(supervisor).flatMap(family);
  expect(all).toHaveLength(processes);
  const starts = new Map(all.map((pid) => [pid, startOf(pid)]));
  const left = (): number[] => all.filter((pid) => startOf(pid) !== "" && startOf(pid) === starts.get(pid));
  expect(left()).toHaveLength(processes);
  process.kill(supervisor, "SIGKILL");
  try {
    await until("every process of the container has ended", () => left().length === 0, 10 * SLOWNESS);
  } finally {
    for (const pid of left()) process.kill(pid, "SIGKILL");
  }
}

describe.skipIf(skip !== "")("a container whose supervisor is killed", () => {
  // the next run on this state directory removes what the killed supervisors could not
  afterAll(async () => {
    await run([root, "true"]);
  });

  test.each([
    [[], "prctl"],
    [[], "setuid"],
    [["--chroot"], "prctl"],
    [["--timeout", "1h"], "prctl"],
    [["--userns", "300000:300000:65536"], "prctl"],
    [["--userns", "300000:300000:65536"], "setuid"],
    [["--userns", "300000:300000:65536", "--init"], "setuid"],
  ])("ends, though it cleared its signal (%j, %s)", async (flags, way) => {
    const container = start([...flags, root, "/clear", way]);
    await until("both have cleared it", () => container.stdout.split("signal 0\n").length === 3);
    await expectEnd(container.pid, flags.includes("--init") ? 3 : 2);
    // the pipes of its output have no writer any more
    await container.ended;
  });

  test.skipIf(process.arch !== "x64")(
    "ends, though the command cleared the signal of minibox as PID 1",
    async () => {
      const container = start(["--init", "--security-opt", "seccomp=unconfined", root, "/clear", "first"]);
      await container.says("signal 0");
      await expectEnd(container.pid, 3);
      await container.ended;
    },
  );

  test("ends at a kill of the keeper, too, and the supervisor goes on to remove it", async () => {
    const container = start([root, "/clear", "prctl"]);
    await until("both have cleared it", () => container.stdout.split("signal 0\n").length === 3);
    process.kill(keeperOf(container.pid)!, "SIGKILL");
    expect((await container.ended).status).toBe(137);
  });

  test("ends when that has just made it", async () => {
    // kills at moments before and after the keeper has asked for its signal: neither it nor the first process stays
    for (let i = 0; i < 40; i++) {
      const supervisor = Bun.spawn([...RUN, root, "/clear", "prctl"], { stdout: "ignore", stderr: "ignore" });
      while (childrenOf(supervisor.pid).length === 0 && keeperOf(supervisor.pid) === undefined && i % 2);
      await Bun.sleep(i / 2);
      const keeper = keeperOf(supervisor.pid);
      const all = [...(keeper ? [keeper] : []), ...childrenOf(supervisor.pid)];
      const starts = all.map(startOf);
      supervisor.kill("SIGKILL");
      await supervisor.exited;
      await until("none is left", () =>
        all.every((pid, j) => startOf(pid) === "" || startOf(pid) !== starts[j]),
      );
    }
  });
});

describe.skipIf(skip !== "")("an ordinary user's container whose supervisor is killed", () => {
  test("ends, though it cleared its signal", async () => {
    const place = makePlace();
    try {
      expect((await execute(["cp", compile(CLEAR), `${place.rootfs}/clear`])).status).toBe(0);
      const words = userWords([place.minibox, "run", place.rootfs, "/clear", "prctl"]);
      const supervisor = Bun.spawn(words, { cwd: "/", stdout: "pipe", stderr: "pipe" });
      const seen = supervisor.stdout.getReader();
      let text = "";
      while (text.split("signal 0\n").length < 3) {
        const { value, done } = await seen.read();
        if (done) throw new Error(`${text}${await supervisor.stderr.text()}`);
        text += new TextDecoder().decode(value);
      }
      await expectEnd(supervisor.pid, 2);
      expect(await seen.read()).toEqual({ done: true, value: undefined });
      await until("nothing is left", () => leftBehind(place).processes.length === 0);
    } finally {
      place.remove();
    }
  });
});

describe.skipIf(skip !== "")("a keeper", () => {
  test.each([[[]], [["--init"]], [["--userns", "300000:300000:65536"]]])(
    "is gone when the run has ended, and holds nothing of its own meanwhile (%j)",
    async (flags) => {
      const container = start([...flags, root, "sh", "-c", "echo ready; read _; exit 9"]);
      await container.says("ready");
      const keeper = keeperOf(container.pid)!;
      const open = (pid: number): string[] => readdirSync(`/proc/${pid}/fd`);
      await until("it has no descriptors", () => open(keeper).length === 0);
      container.closeInput();
      expect((await container.ended).status).toBe(9);
      expect(tryText(`/proc/${keeper}/stat`)).toBeUndefined();
    },
  );

  test("is no process of the container's, and the command is PID 1", async () => {
    const { stdout } = await run([root, "sh", "-c", "echo $$ $PPID; ls -d /proc/[0-9]*"]);
    expect(stdout).toMatch(/^1 0\n\/proc\/1\n(\/proc\/\d+\n)?$/);
  });

  test("has next to no memory where it cannot share the supervisor's", async () => {
    const container = start(["--userns", "300000:300000:65536", root, "sh", "-c", "echo ready; read _"]);
    await container.says("ready");
    const status = (): string => tryText(`/proc/${keeperOf(container.pid)}/status`) ?? "";
    await until("it has less than 100 KiB", () => /^VmRSS:\s+\d{1,2} kB$/m.test(status()));
    container.closeInput();
    await container.ended;
  });

  test("is there where files in memory must not be executed", async () => {
    const sysctl = "/proc/sys/vm/memfd_noexec";
    if (tryText(sysctl) === undefined) return void skipped(`needs ${sysctl}`);
    const script = `echo 2 > ${sysctl} && exec "$@"`;
    const words = ["unshare", "--pid", "--fork", "--mount-proc", "sh", "-c", script, "sh"];
    const result = await execute([...words, ...RUN, root, "sh", "-c", "echo $$; exit 6"]);
    expect(result).toEqual({ status: 6, stdout: "1\n", stderr: "" });
    const trace = await execute([...words, ...RUN, "--trace", root, "true"]);
    expect(trace.stderr).toContain("CLONE_VM|CLONE_VFORK|CLONE_NEWPID|CLONE_PIDFD");
  });
});
