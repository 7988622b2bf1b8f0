// The caller's stdin, stdout and stderr are files of the host: nothing that the container does through them changes
// their contents (but by writing on), mode, owner or times, or leads to other files.

import { afterAll, beforeEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { chmodSync, chownSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { restoreModes } from "../support/attack.ts";
import { SLOWNESS } from "../support/container.ts";
import { leavesNothing } from "../support/leftovers.ts";
import { execute, MINIBOX, ROOT, rootfs, scratchDirectory, skipReason } from "../support/minibox.ts";
import { Tmux, typed, typedMinibox } from "../support/tmux.ts";
import { makePlace, subIdWords, UID, userWords } from "../support/user.ts";

setDefaultTimeout(30_000 * SLOWNESS);
leavesNothing();
restoreModes("/dev/null");

const directory = scratchDirectory();
const input = join(directory, "in");
const log = join(directory, "log");

/** A line of a shell on the host, $RUN being `minibox run`, $R the rootfs, $D a directory for files and $F flags. */
const shell = (script: string, flags = "") =>
  execute(["bash", "-c", script], {
    env: { ...process.env, MB: `${MINIBOX} --root ${ROOT}`, R: rootfs("busybox"), D: directory, F: flags },
  });

/** Tries everything that changes an inode through a descriptor of the container's shell. */
const attack = (fd: number): string => {
  const file = `/proc/$$/fd/${fd}`;
  return [
    `chown 0:0 ${file}`,
    `chmod 4755 ${file}`,
    `touch -t 200001010000 ${file}`,
    `true >${file}`,
    `echo pwn | dd of=${file} conv=notrunc`,
    `truncate -s 0 ${file}`,
    "chmod 4755 /dev/stdin /dev/stdout /dev/stderr",
  ].join("; ");
};

const FLAGS = [
  "",
  "--cap-drop ALL",
  "--cap-add ALL",
  "--read-only",
  "--init",
  "--overlay",
  "--chroot",
  "--userns 100000:100000:65536",
  "--security-opt seccomp=unconfined",
];

const before = { mode: 0o100600, uid: 77, gid: 78 };

beforeEach(() => {
  for (const file of [input, log]) {
    writeFileSync(file, "secret\n");
    chmodSync(file, 0o600);
    chownSync(file, 77, 78);
  }
});

/** What the attacks would have changed. */
function stateOf(file: string) {
  const { mode, uid, gid, mtime } = statSync(file);
  return { mode, uid, gid, isOld: mtime.getFullYear() < 2020 };
}

describe.each(FLAGS.map((flags) => [flags]))("run %s", (flags) => {
  test("a file that is only read stays as it is", async () => {
    const { status, stdout } = await shell(`$MB run $F $R sh -c 'cat; { ${attack(0)}; } 2>&1' <$D/in`, flags);
    expect(stdout).toStartWith("secret\n");
    expect(status).toBeDefined();
    expect(stateOf(input)).toEqual({ ...before, isOld: false });
    expect(readFileSync(input, "utf8")).toBe("secret\n");
  });

  test("a file that is appended to gets what is written, at its end", async () => {
    const words = `'echo one; { ${attack(1)}; } 2>/dev/null; echo two'`;
    await shell(`$MB run $F $R sh -c ${words} >>$D/log`, flags);
    expect(stateOf(log)).toEqual({ ...before, isOld: false });
    expect(readFileSync(log, "utf8")).toMatch(/^secret\none\n(pwn\n)?two\n$/);
  });

  test("a file that is written from an offset keeps what is before it", async () => {
    const words = `'echo one >&2; { ${attack(2)}; } 2>/dev/null; echo two >&2'`;
    await shell(`exec 3<>$D/log; read -u 3 x; $MB run -q $F $R sh -c ${words} 2>&3; echo three >&3`, flags);
    expect(stateOf(log)).toEqual({ ...before, isOld: false });
    expect(readFileSync(log, "utf8")).toMatch(/^secret\none\n(pwn\n)?two\nthree\n$/);
  });

  test("the host's /dev/null stays as it is, also where a descriptor is closed", async () => {
    const look = () => {
      const { mode, uid, mtimeMs, ctimeMs } = statSync("/dev/null");
      return { mode, uid, mtimeMs, ctimeMs };
    };
    const its = look();
    const attacks = [0, 1, 2].map((fd) => attack(fd)).join("; ");
    await shell(`$MB run $F $R sh -c '${attacks}' </dev/null >/dev/null 2>&1`, flags);
    await shell(`$MB run $F $R sh -c '${attacks}' <&- >&- 2>&-`, flags);
    expect(look()).toEqual(its);
  });

  test("a directory is refused", async () => {
    mkdirSync(join(directory, "sub"), { recursive: true });
    const { status, stderr, stdout } = await shell(
      "$MB run $F $R sh -c 'cat /proc/self/fd/0/../in' <$D/sub",
      flags,
    );
    expect([status, stdout]).toEqual([125, ""]);
    expect(stderr).toBe(
      "minibox: stdin is a directory\n  give it a file, a pipe or /dev/null: through a directory, a container reaches the host's files\n",
    );
  });

  test("a FIFO passes bytes, and stays as it is", async () => {
    const script = `rm -f $D/fifo; mkfifo -m 600 $D/fifo; $MB run $F $R sh -c '{ chmod 4777 /proc/self/fd/1; chown 5:5 /proc/self/fd/1; } 2>/dev/null; echo out' >$D/fifo & cat $D/fifo; wait; stat -c '%a %u' $D/fifo`;
    expect((await shell(script, flags)).stdout).toBe("out\n600 0\n");
  });
});

test("a descriptor that is only a path is refused, and so is one of a namespace passed on", async () => {
  const open = (path: string) =>
    `python3 -c 'import os; os.dup2(os.open("${path}", 0o10000000), 0); os.execvp("sh", ["sh", "-c", "$MB run $R cat"])'`;
  const refused = await shell(open("/etc/passwd"));
  expect([refused.status, refused.stderr]).toEqual([
    125,
    expect.stringContaining("minibox: stdin is only a path (O_PATH in open(2))"),
  ]);
  // nothing can be read from it, and what the container has is not the namespace
  const namespace = await shell("$MB run $R sh -c 'readlink /proc/self/fd/0' </proc/self/ns/net");
  expect(namespace.stdout).toMatch(/^pipe:/);
});

test("a created container reads its input through a read-only mount as well", async () => {
  const script = `$MB create --name C $R sh -c '{ ${attack(0)}; } 2>/dev/null; cat >&2' <$D/in 2>$D/err && $MB start C; until [ "$($MB state C | grep -c stopped)" = 1 ]; do :; done; $MB delete C; cat $D/err`;
  expect((await shell(script)).stdout).toBe("secret\n");
  expect(stateOf(input)).toEqual({ ...before, isOld: false });
});

describe("an ordinary user's container", () => {
  const place = makePlace();
  afterAll(() => place.remove());
  const [file, output] = [join(place.path, "in"), join(place.path, "out")];

  test.each([
    ["with one id", userWords],
    ["with sub-ids", (words: string[]) => subIdWords(place, words)],
  ])("%s leaves the user's files as they are", async (_, asUser) => {
    for (const name of [file, output]) {
      writeFileSync(name, "secret\n");
      chmodSync(name, 0o600);
      chownSync(name, UID, UID);
    }
    const words = `echo inside;  head -c 3; { ${attack(0)}; ${attack(1)}; } 2>/dev/null; cat`;
    const script = `{ "$0" run "$1/rootfs" sh -c "$2"; cat; } <"$1/in" >>"$1/out"`;
    const { stderr } = await execute(asUser(["sh", "-c", script, place.minibox, place.path, words]));
    for (const name of [file, output]) {
      const { mode, mtime } = statSync(name);
      expect([mode & 0o7777, mtime.getFullYear() > 2020, stderr.includes("EROFS")]).toEqual([
        0o600,
        true,
        false,
      ]);
    }
    expect(readFileSync(file, "utf8")).toBe("secret\n");
    expect(readFileSync(output, "utf8")).toMatch(/^secret\ninside\nsec(pwn\n)?ret\n$/);
  });

  test("can seek in its input, as a file that was opened once more", async () => {
    writeFileSync(file, "0123456789");
    const script = `"$0" run "$1/rootfs" dd bs=1 skip=7 status=none <"$1/in"; cat`;
    const { stdout } = await execute(userWords(["sh", "-c", script, place.minibox, place.path]));
    expect(stdout).toBe("789");
  });
});

const skip = skipReason("tmux");

describe.skipIf(skip !== "")("a terminal", () => {
  test("of a created container stays as it is", async () => {
    using terminal = new Tmux();
    await terminal.shows(/^\$ $/m);
    const mode = statSync(terminal.device).mode;
    const script = "for f in 0 1 2; do chmod 666 /proc/$$/fd/$f; done; echo e''nd";
    const box = typedMinibox();
    terminal.enter(
      `clear; ${box} create --name T ${typed(rootfs("busybox"))} sh -c '${script}' && ${box} start T; until ${box} state T | grep -q stopped; do :; done; ${box} delete T; echo sta''tus $?`,
    );
    const screen = await terminal.shows(/^end$/m);
    expect(screen).toContain("Read-only file system");
    await terminal.shows(/^status 0$/m);
    expect(statSync(terminal.device).mode).toBe(mode);
  });

  test("with --no-tty is passed on, both ways, and stays as it is", async () => {
    using terminal = new Tmux();
    await terminal.shows(/^\$ $/m);
    const mode = statSync(terminal.device).mode;
    const script =
      "for f in 0 1 2; do readlink /proc/self/fd/$f; chmod 666 /proc/self/fd/$f; done; head -n 1; echo e''nd";
    terminal.enter(
      `${typedMinibox()} run --no-tty ${typed(rootfs("busybox"))} sh -c '${script}'; echo sta''tus $?`,
    );
    await terminal.shows(/^(pipe:.*\n){3}/m);
    terminal.enter("a line");
    await terminal.shows(/^a line\na line\nend\nstatus 0$/m);
    expect(statSync(terminal.device).mode).toBe(mode);
  });
});
