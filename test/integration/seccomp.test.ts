// seccomp in a run: the default filter, a profile from a file, a listener that answers system calls.

import { beforeAll, describe, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { attackRootfs } from "../support/attack.ts";
import { uniqueName } from "../support/container.ts";
import { leavesNothing } from "../support/leftovers.ts";
import { run, scratchDirectory } from "../support/minibox.ts";
import { fixture, profileOf } from "../unit/seccomp/support/profiles.ts";
import { numbersOf } from "../unit/seccomp/support/reference.ts";

leavesNothing();

/** Makes one call with zeros, by its number, and prints its errno. */
const CALL = `#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
int main(int n, char **v) {
  for (int i = 1; i < n; i++) { errno = 0; syscall(atol(v[i]), -1L, 0L, 0L, 0L, 0L, 0L); printf("%d\\n", errno); }
  return 0;
}`;

let root: ReturnType<typeof attackRootfs>;
let directory: string;
beforeAll(() => {
  root = attackRootfs({ call: CALL });
  directory = scratchDirectory();
});

const profile = (value: unknown): string => {
  const path = join(directory, `${Math.random()}.json`);
  writeFileSync(path, typeof value === "string" ? value : JSON.stringify(value));
  return path;
};
const EPERM = "1\n";
const x64 = process.arch === "x64";
const NUMBER = x64
  ? { keyctl: "250", mount: "165", open_by_handle_at: "304", getpriority: "140", bpf: "321" }
  : { keyctl: "219", mount: "40", open_by_handle_at: "265", getpriority: "141", bpf: "280" };
const numbers = numbersOf(x64 ? "x86_64" : "aarch64");

describe("the default filter", () => {
  test("is in force, and stops calls that a container has no use for", async () => {
    const calls = [NUMBER.keyctl, NUMBER.mount, NUMBER.open_by_handle_at, NUMBER.bpf];
    const free = await run([
      "--security-opt",
      "seccomp=unconfined",
      "--cap-add",
      "ALL",
      "-q",
      root.path,
      "/call",
      ...calls,
    ]);
    expect(free.stdout.split("\n")).not.toContain("1");
    const { stdout, status } = await run([root.path, "/call", ...calls]);
    expect([status, stdout]).toEqual([0, EPERM.repeat(4)]);
  });

  test("lets a call through for who has the capability", async () => {
    const flags = ["--cap-add", "SYS_ADMIN"];
    const { stdout } = await run([...flags, root.path, "/call", NUMBER.mount, NUMBER.keyctl]);
    expect(stdout).not.toStartWith(EPERM);
    expect(stdout).toEndWith(`\n${EPERM}`);
  });

  // One of the calls that each brings; with senseless arguments it fails, and does nothing.
  const BRINGS = {
    CAP_BPF: "bpf",
    CAP_DAC_READ_SEARCH: "open_by_handle_at",
    CAP_PERFMON: "perf_event_open",
    CAP_SYS_ADMIN: "setns",
    CAP_SYS_BOOT: "reboot",
    CAP_SYS_CHROOT: "chroot",
    CAP_SYS_MODULE: "delete_module",
    CAP_SYS_NICE: "get_mempolicy",
    CAP_SYS_PACCT: "acct",
    CAP_SYS_PTRACE: "kcmp",
    CAP_SYS_TIME: "clock_settime",
    CAP_SYSLOG: "syslog",
    ...(x64 ? { CAP_SYS_RAWIO: "iopl" } : {}),
  };
  const getrandom = `${numbers.getrandom}`;

  test.each(Object.entries(BRINGS))("%s brings %s, beside what all have", async (cap, name) => {
    const words = [root.path, "/call", `${numbers[name]}`, getrandom];
    const without = await run(["--cap-drop", cap, ...words]);
    expect(without.stdout).toMatch(/^1\n(0|14|22)\n$/); // EPERM; getrandom takes or scolds its arguments
    const { stdout } = await run(["--cap-add", cap, ...words]);
    expect(stdout).toMatch(/^(?!1\n)\d+\n(0|14|22)\n$/);
  });
});

describe("a profile of one's own", () => {
  test("is the one that was named last, unconfined or not", async () => {
    const path = profile({
      defaultAction: "SCMP_ACT_ALLOW",
      syscalls: [{ names: ["getpriority"], action: "SCMP_ACT_ERRNO", errnoRet: 77 }],
    });
    const own = ["--security-opt", `seccomp=${path}`];
    const none = ["--security-opt", "seccomp=unconfined"];
    const call = async (...flags: string[]) =>
      (await run([...flags, root.path, "/call", NUMBER.getpriority])).stdout;
    expect(await call(...none, ...own)).toBe("77\n");
    expect(await call(...own, ...none)).not.toBe("77\n");
    expect(await call(...own, "--security-opt", "seccomp:unconfined")).not.toBe("77\n");
  });

  test("is compiled and in force, with and without no_new_privs", async () => {
    const path = profile({
      defaultAction: "SCMP_ACT_ALLOW",
      syscalls: [{ names: ["getpriority"], action: "SCMP_ACT_ERRNO", errnoRet: 77 }],
    });
    for (const more of [[], ["--security-opt", "no-new-privileges=false", "-u", "1000"], ["--init"]]) {
      const flags = ["--security-opt", `seccomp=${path}`, ...more];
      expect(await run([...flags, root.path, "/call", NUMBER.getpriority])).toEqual({
        status: 0,
        stdout: "77\n",
        stderr: "",
      });
    }
  });

  test.each(["docker", "podman"] as const)("may be %s's own, as it is", async (who) => {
    const path = profile(profileOf(fixture(who)));
    const words = [root.path, "/call", `${numbers.getrandom}`, NUMBER.open_by_handle_at, `${numbers.getpid}`];
    const { stdout, stderr } = await run(["--security-opt", `seccomp=${path}`, ...words]);
    expect([stdout, stderr]).toEqual([expect.stringMatching(/^(0|14|22)\n1\n0\n$/), ""]);
  });

  test("that names a call which no kernel has is told so, and the rest of it holds", async () => {
    const path = profile({
      defaultAction: "SCMP_ACT_ALLOW",
      syscalls: [{ names: ["keyctll", "getpriority"], action: "SCMP_ACT_ERRNO", errnoRet: 77 }],
    });
    const words = ["--security-opt", `seccomp=${path}`, root.path, "/call", NUMBER.getpriority];
    expect(await run(words)).toEqual({
      status: 0,
      stdout: "77\n",
      stderr: `minibox: --security-opt seccomp=${path}: no kernel that minibox knows has these calls, their rules are ignored: keyctll\n`,
    });
    expect((await run(["-q", ...words])).stderr).toBe("");
  });

  test("that kills ends the command by SIGSYS", async () => {
    const path = profile({
      defaultAction: "SCMP_ACT_ALLOW",
      syscalls: [{ names: ["getpriority"], action: "SCMP_ACT_KILL_PROCESS" }],
    });
    const { status } = await run([
      "--security-opt",
      `seccomp=${path}`,
      root.path,
      "/call",
      NUMBER.getpriority,
    ]);
    expect(status).toBe(128 + 31);
  });

  test("that is wrong is told with the flag, its file and field", async () => {
    const wrong = profile({ defaultAction: "SCMP_ACT_SHRUG" });
    expect(await run(["--security-opt", `seccomp=${wrong}`, root.path, "/bin/true"])).toMatchObject({
      status: 125,
      stderr: expect.stringContaining(`minibox: --security-opt seccomp=${wrong}: defaultAction: `),
    });
    const text = profile("{");
    expect((await run(["--security-opt", `seccomp=${text}`, root.path, "/bin/true"])).stderr).toStartWith(
      `minibox: --security-opt seccomp=${text}: is not JSON`,
    );
    const missing = await run(["--security-opt", "seccomp=/nowhere.json", root.path, "/bin/true"]);
    expect([missing.status, missing.stderr]).toEqual([125, expect.stringContaining("ENOENT")]);
  });

  test("that notifies hands its listener to the agent, with the state", async () => {
    const socket = join(directory, "agent");
    const path = profile({
      defaultAction: "SCMP_ACT_ALLOW",
      listenerPath: socket,
      listenerMetadata: "hello",
      syscalls: [{ names: ["getpriority"], action: "SCMP_ACT_NOTIFY" }],
    });
    // answers one notice with errno 66: struct seccomp_notif is 80 bytes, _resp 24
    const agent = `
import socket, array, fcntl, signal, struct, sys
signal.alarm(20)
s = socket.socket(socket.AF_UNIX); s.bind(sys.argv[1]); s.listen(); print("ready", flush=True)
c, _ = s.accept()
data, anc, _, _ = c.recvmsg(65536, socket.CMSG_SPACE(4))
fd = array.array("i", anc[0][2])[0]
print(data.decode(), flush=True)
notice = bytearray(80)
fcntl.ioctl(fd, 0xc0502100, notice)
fcntl.ioctl(fd, 0xc0182101, struct.pack("QqiI", struct.unpack_from("Q", notice)[0], 0, -66, 0))`;
    const child = Bun.spawn(["python3", "-c", agent, socket], { stdout: "pipe" });
    const reader = child.stdout.getReader();
    await reader.read();
    const name = uniqueName();
    const flags = ["--name", name, "--security-opt", `seccomp=${path}`];
    const result = await run([...flags, root.path, "/call", NUMBER.getpriority]);
    expect(result).toEqual({ status: 0, stdout: "66\n", stderr: "" });
    let text = "";
    for (let part = await reader.read(); !part.done; part = await reader.read())
      text += new TextDecoder().decode(part.value);
    const state = JSON.parse(text);
    expect(state).toMatchObject({ fds: ["seccompFd"], metadata: "hello", state: { id: name } });
    await child.exited;
  });

  test("that notifies without an agent, or of what minibox needs, is refused", async () => {
    const notify = (name: string, listenerPath?: string) =>
      profile({
        defaultAction: "SCMP_ACT_ALLOW",
        listenerPath,
        syscalls: [{ names: [name], action: "SCMP_ACT_NOTIFY" }],
      });
    const refused = async (path: string) =>
      (await run(["--security-opt", `seccomp=${path}`, root.path, "/bin/true"])).stderr;
    expect(await refused(notify("getpriority"))).toContain("listenerPath");
    expect(await refused(notify("write", "/x"))).toContain("minibox itself needs it");
    expect(await refused(notify("getpriority", "/nowhere/agent"))).toContain(
      "hand the seccomp listener to /nowhere/agent: ENOENT",
    );
  });
});
