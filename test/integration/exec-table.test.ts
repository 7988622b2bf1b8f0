// What Bun, or the caller, leaves in a process and the command must not find: one test each.

import { describe, expect, test } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { leavesNothing } from "../support/leftovers.ts";
import { execute, MINIBOX, rootfs, scratchDirectory } from "../support/minibox.ts";

leavesNothing();

const shell = (script: string, cwd?: string) =>
  execute(["bash", "-c", script], {
    env: { ...process.env, M: MINIBOX, R: rootfs("busybox") },
    ...(cwd === undefined ? {} : { cwd }),
  });

/** The signal masks of the command (grep itself is PID 1), as hex. */
const MASKS = `$RUN "$R" grep -E "^Sig(Ign|Blk)" /proc/self/status`;
const CLEAN = "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n";

describe("signals are as after boot", () => {
  test("SIGPIPE and SIGXFSZ, which Bun ignores, are at their default", async () => {
    expect((await shell(`exec ${MASKS}`)).stdout).toBe(CLEAN);
  });

  test("those that the caller ignores are at their default", async () => {
    expect((await shell(`trap '' HUP INT QUIT TERM USR1 PIPE CHLD; exec ${MASKS}`)).stdout).toBe(CLEAN);
    expect((await shell(`exec nohup ${MASKS}`)).stdout).toBe(CLEAN);
  });

  test("those that the caller has blocked are not", async () => {
    const { stdout } = await shell(
      `exec python3 -c 'import os, signal; signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65)); run = os.environ["RUN"].split(); os.execv(run[0], [*run, os.environ["R"], "grep", "-E", "^Sig(Ign|Blk)", "/proc/self/status"])'`,
    );
    expect(stdout).toBe(CLEAN);
  });

  test("with --init too, but for the two that glibc's posix_spawn keeps for itself", async () => {
    const { stdout } = await shell(`trap '' HUP USR1; exec ${MASKS.replace("$RUN", "$RUN --init")}`);
    expect(stdout.replace("0000000180000000", "0000000000000000")).toBe(CLEAN);
  });
});

describe("the limit of open files is the caller's", () => {
  const LIMIT = `$RUN "$R" sh -c 'ulimit -Sn; ulimit -Hn'`;
  test("when its shell waits, and when it took minibox's place", async () => {
    expect((await shell(`ulimit -Sn 512; ulimit -Hn 2048; ${LIMIT}; true`)).stdout).toBe("512\n2048\n");
    expect((await shell(`(ulimit -Sn 513; ulimit -Hn 2049; exec ${LIMIT})`)).stdout).toBe("513\n2049\n");
    expect((await shell(`prlimit --nofile=100:300 ${LIMIT}`)).stdout).toBe("100\n300\n");
  });

  test("with --init too", async () => {
    expect(
      (await shell(`(ulimit -Sn 512; exec ${LIMIT.replace("$RUN", "$RUN --init")})`)).stdout,
    ).toStartWith("512\n");
  });

  test("unless --ulimit says otherwise", async () => {
    expect((await shell(`${LIMIT.replace("$RUN", "$RUN --ulimit nofile=77:88")}`)).stdout).toBe("77\n88\n");
  });

  test("and the other limits pass as they are", async () => {
    const { stdout } = await shell(
      `ulimit -c 0; ulimit -f 100; ulimit -s 4096; exec $RUN "$R" cat /proc/self/limits`,
    );
    expect(stdout).toMatch(/^Max core file size +0 +0 /m);
    expect(stdout).toMatch(/^Max file size +102400 +102400 /m);
    expect(stdout).toMatch(/^Max stack size +4194304 +4194304 /m);
  });
});

describe("descriptors", () => {
  const OPEN = `$RUN "$R" sh -c 'ls /proc/self/fd'`;
  // 3 is ls's own, of the directory that it lists
  const ONLY_STANDARD = "0\n1\n2\n3\n";

  test("that the caller left open do not leak, 3 and far above included", async () => {
    expect((await shell(`exec ${OPEN}`)).stdout).toBe(ONLY_STANDARD);
    expect((await shell(`exec 3</etc/passwd 4</etc/passwd 9>/dev/null 77</; exec ${OPEN}`)).stdout).toBe(
      ONLY_STANDARD,
    );
    expect((await shell(`exec 3</etc/passwd 4</; exec ${OPEN.replace("$RUN", "$RUN --init")}`)).stdout).toBe(
      ONLY_STANDARD,
    );
  });

  test("0, 1 and 2 that the caller had closed are there, and are /dev/null", async () => {
    const where = join(scratchDirectory(), "out");
    const look = `sh -c 'ls -l /proc/self/fd >/out/f 2>/dev/null'`;
    for (const closed of ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"]) {
      writeFileSync(where, "");
      const { status } = await shell(`$RUN -v ${where}:/out/f --overlay "$R" ${look} ${closed}`);
      expect([closed, status]).toEqual([closed, 0]);
    }
    const { stdout } = await shell(`$RUN "$R" readlink /proc/self/fd/0 <&-`);
    expect(stdout).toBe("/dev/null\n");
    expect((await shell(`$RUN "$R" sh -c 'echo lost; echo err >&2' >&-; echo $?`)).stdout).toBe("0\n");
    expect((await shell(`$RUN "$R" sh -c 'echo lost >&2; echo out' 2>&-`)).stdout).toBe("out\n");
  });

  test("of minibox itself are not in the command", async () => {
    const { stdout } = await shell(
      `$RUN "$R" sh -c 'ls -l /proc/self/fd /proc/1/fd' </dev/null 2>&1 | grep -E 'socket|anon_inode|minibox'`,
    );
    expect(stdout).toBe("");
  });
});

describe("the caller's directory", () => {
  const hostile = scratchDirectory();
  writeFileSync(
    join(hostile, "evil.ts"),
    'require("node:fs").writeFileSync("/tmp/minibox-pwned", ""); console.log("EVIL");',
  );
  writeFileSync(
    join(hostile, "bunfig.toml"),
    'preload = ["./evil.ts"]\nlogLevel = "debug"\n[run]\nshell = "bun"\n',
  );
  writeFileSync(join(hostile, ".env"), "BUN_OPTIONS=--cpu-prof\nINJECTED=1\n");
  writeFileSync(
    join(hostile, "package.json"),
    '{ "main": "evil.ts", "type": "broken", "imports": { "#x": "./evil.ts" } ',
  );
  writeFileSync(
    join(hostile, "tsconfig.json"),
    '{ "compilerOptions": { "paths": { "*": ["./evil.ts"] }, "jsx": }',
  );
  mkdirSync(join(hostile, "node_modules/citty"), { recursive: true });
  writeFileSync(join(hostile, "node_modules/citty/index.js"), 'console.log("EVIL");');
  writeFileSync(join(hostile, "libc.so.6"), "not a library");

  test.each([
    ["run", `run -e INJECTED "$R" env`, "INJECTED"],
    ["help", "run --help", "EVIL"],
    ["version", "version", "EVIL"],
    ["a failure", `run "$R" nosuchcommand 2>&1`, "EVIL"],
  ])("full of hostile files changes nothing: %s", async (_, words, unwanted) => {
    const there = await shell(`"$M" ${words}`, hostile);
    const here = await shell(`"$M" ${words}`);
    expect(there).toEqual(here);
    expect(there.stdout).not.toContain(unwanted);
    expect(await Bun.file("/tmp/minibox-pwned").exists()).toBe(false);
  });

  test("that was deleted does not matter, unless the rootfs was in it", async () => {
    const gone = `${hostile}/gone`;
    const { stdout, stderr } = await shell(
      `mkdir ${gone}; cd ${gone}; rmdir ${gone}; $RUN "$R" pwd; $RUN rootfs pwd; echo $?; $RUN . pwd; echo $?`,
    );
    expect(stdout).toBe("/\n125\n125\n");
    expect(stderr).toBe(
      "minibox: the rootfs rootfs is relative, and the working directory was deleted\nminibox: the rootfs . is relative, and the working directory was deleted\n",
    );
  });

  test("that one may not search does not matter", async () => {
    const { stdout } = await shell(`mkdir -m 0 ${hostile}/closed; cd ${hostile}/closed && $RUN "$R" pwd`);
    expect(stdout).toBe("/\n");
  });
});

describe("a failure", () => {
  test("never shows source, also where nothing was expected to fail", async () => {
    for (const script of [
      '$RUN "$R" true >/dev/full',
      '"$M" --help >/dev/full',
      '$RUN --env-file /proc/self/mem "$R" true',
      "$RUN /proc true",
      '$RUN -w "" "$R" true',
      '$RUN -v /proc/self/fd/0:/x "$R" true </dev/null',
      '"$M" child',
      '"$M" child 0 </dev/null',
      '"$M" child x',
      '"$M" child -1',
      '"$M" child 99999',
    ]) {
      const { stdout, stderr } = await shell(script);
      expect([
        script,
        (stdout + stderr).match(/\$bunfs|\bat .+:\d+:\d+|panic|Bun v|internal error|fault of minibox/),
      ]).toEqual([script, null]);
    }
  });

  test("of the child started by hand says nothing and is 125", async () => {
    expect(await execute([MINIBOX, "child", "0"])).toEqual({ status: 125, stdout: "", stderr: "" });
  });
});

test("the command has a session and process group of its own, and no controlling terminal", async () => {
  const { stdout } = await shell(`$RUN "$R" cut -d ' ' -f 1,5,6,7 /proc/self/stat`);
  expect(stdout).toBe("1 1 1 0\n");
});
