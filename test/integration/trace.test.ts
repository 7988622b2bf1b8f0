// --trace: each step and each system call of a run, on stderr.

import { expect, test } from "bun:test";
import { leavesNothing } from "../support/leftovers.ts";
import { rootfs, run } from "../support/minibox.ts";

const busybox = rootfs("busybox");
leavesNothing();

const trace = async (...flags: string[]): Promise<string[]> => {
  const { stderr } = await run(["--trace", ...flags, busybox, "true"]);
  return stderr.trimEnd().split("\n");
};

const lines = await trace("--hostname", "h", "-v", "/etc:/mnt:ro", "--read-only");

test("stdout holds what the command writes, and nothing else", async () => {
  expect((await run(["--trace", busybox, "echo", "out"])).stdout).toBe("out\n");
});

test("every line is a call of parent or child, or a heading", () => {
  const odd = lines.filter(
    (line) => !/^(parent|child ) (# .+| {2}[a-z_0-9]+\(.*\) = (-?\d+|-1 E[A-Z0-9]+: .+|\?))$/.test(line),
  );
  expect(odd).toEqual([]);
});

test("calls come in the order in which they happen", () => {
  const order = [
    /^parent {3}open_tree\(AT_FDCWD, "\/proc\/self\/exe", .*\) = \d+$/,
    /^parent {3}clone\(CLONE_VM\|CLONE_FILES\|CLONE_NEWPID\|SIGCHLD, NULL\) = \d+$/,
    /^parent {3}prctl\(PR_SET_PDEATHSIG, 9, 0, 0, 0\) = 0$/,
    /^parent {3}clone\(CLONE_VM\|CLONE_VFORK\|CLONE_NEWPID\|CLONE_PIDFD\|SIGCHLD, NULL\) = 2$/,
    /^parent {3}execve\("\/proc\/self\/fd\/\d+", "minibox child \d+", "envp"\) = 0$/,
    /^parent {3}mkdirat\(AT_FDCWD, "\/[^"]+\/[0-9a-f]{12}", 01700\) = 0$/,
    /^child {4}setsid\(\) = 1$/,
    /^child {4}unshare\(CLONE_NEWNS\|CLONE_NEWUTS\|CLONE_NEWIPC\) = 0$/,
    /^child {4}sethostname\("h", 1\) = 0$/,
    /^child {4}mount\(NULL, "\/", NULL, MS_REC\|MS_PRIVATE, NULL\) = 0$/,
    /^child {4}unshare\(CLONE_NEWCGROUP\) = 0$/,
    /^child {4}mount\("proc", "\/proc\/self\/fd\/\d+", "proc", MS_NOSUID\|MS_NODEV\|MS_NOEXEC, NULL\) = 0$/,
    /^child {4}mknodat\(\d+, "null", S_IFCHR\|0666, makedev\(1, 3\)\) = 0$/,
    /^child {4}open_tree\(AT_FDCWD, "\/etc", OPEN_TREE_CLONE\|.*AT_RECURSIVE.*\) = \d+$/,
    /^child {4}pivot_root\("\.", "\."\) = 0$/,
    /^child {4}umount2\("\.", MNT_DETACH\) = 0$/,
    /^child {4}setresuid\(0, 0, 0\) = 0$/,
    /^child {4}capset\(.*\) = 0$/,
    /^child {4}seccomp\(.*\) = 0$/,
    /^child {4}execve\("\/bin\/true", .*\) = 0$/,
    /^parent {3}unlinkat\(AT_FDCWD, "\/[^"]+\/[0-9a-f]{12}", AT_REMOVEDIR\) = 0$/,
  ];
  let at = 0;
  for (const pattern of order) {
    const found = lines.findIndex((line, i) => i >= at && pattern.test(line));
    expect([String(pattern), found >= at]).toEqual([String(pattern), true]);
    at = found + 1;
  }
});

test("structures are decoded, and failures that are answers show their errno", () => {
  const text = lines.join("\n");
  expect(text).toMatch(
    /openat2\(\d+, "\/proc", \{flags=O_DIRECTORY\|O_CLOEXEC\|O_PATH, mode=0, resolve=[A-Z_|]*RESOLVE_IN_ROOT\}, 24\) = \d+/,
  );
  expect(text).toMatch(
    /mount_setattr\(\d+, "", AT_EMPTY_PATH\|AT_RECURSIVE, \{attr_set=MOUNT_ATTR_RDONLY, attr_clr=0, propagation=0\}, 32\) = 0/,
  );
  expect(text).toMatch(/execve\("\/usr\/local\/sbin\/[a-z]+", .*\) = -1 ENOENT: no such file or directory/);
});

test("each group has a heading, and many say why", () => {
  const headings = lines.filter((line) => line.includes(" # "));
  expect(headings.length).toBeGreaterThan(15);
  expect(headings.filter((line) => /: /.test(line)).length).toBeGreaterThan(10);
  expect(lines[0]).toStartWith("parent # ");
});

test("it holds no call of minibox's own talk: no protocol, no wait, no writing of the trace itself", () => {
  expect(lines.filter((line) => /\b(ppoll|recvmsg|sendmsg|signalfd_siginfo)\(/.test(line))).toEqual([]);
  expect(lines.filter((line) => /write\(2,/.test(line))).toEqual([]);
});

test("a run without --trace says nothing", async () => {
  expect((await run([busybox, "true"])).stderr).toBe("");
});

test("a failing run shows the call that failed, then the error", async () => {
  const { status, stderr } = await run(["--trace", "-v", "/nonexistent:/x", busybox, "true"]);
  expect(status).toBe(125);
  expect(stderr).toMatch(
    /^child {4}open_tree\(AT_FDCWD, "\/nonexistent", .*\) = -1 ENOENT: no such file or directory$/m,
  );
  expect(stderr).toMatch(/^minibox: mount bind \/nonexistent on \/x/m);
});

test("with --init, --chroot and --overlay it is complete too", async () => {
  const text = (await trace("--init", "--chroot", "--overlay")).join("\n");
  expect(text).toMatch(/^child {4}fsconfig\(\d+, FSCONFIG_SET_STRING, "lowerdir", "[^"]+", 0\) = 0$/m);
  expect(text).toMatch(/^child {4}chroot\("\."\) = 0$/m);
  expect(text).toMatch(/^child {4}clone\(CLONE_VM\|CLONE_VFORK\|SIGCHLD, NULL\) = 2$/m);
  expect(text).toMatch(/^child {4}execve\("\/bin\/true", .* = 0$/m);
  expect(text).not.toContain("pivot_root(");
});
