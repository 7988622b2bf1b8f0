// The words of a command line: those that reach the command as they are, and those that minibox refuses, with its answer.

import { describe, expect, test } from "bun:test";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { COMMANDS } from "../../src/cli/commands.ts";
import { childrenOf, startMinibox, tryText, uniqueName, until } from "../support/container.ts";
import { leavesNothing } from "../support/leftovers.ts";
import { execute, minibox, rootfs, run, scratchDirectory } from "../support/minibox.ts";

const busybox = rootfs("busybox");
leavesNothing();

/** What the command sees as its words, one after the other with a | between. */
const PRINT = ["sh", "-c", 'for word; do printf "%s|" "$word"; done', "name"];
const seen = async (...words: string[]): Promise<string> => (await run([busybox, ...PRINT, ...words])).stdout;

describe("the command's words", () => {
  test("are all its own, also those that look like minibox's flags", async () => {
    expect(await seen("--help", "-h", "--", "--version", "-it", "--env", "X", "--trace")).toBe(
      "--help|-h|--|--version|-it|--env|X|--trace|",
    );
    expect((await run([busybox, "/bin/sh", "-c", "echo hi", "--help"])).stdout).toBe("hi\n");
    expect((await run([busybox, "echo", "-n", "--help"])).stdout).toBe("--help");
  });

  test("may follow a --, of which one is taken away", async () => {
    expect((await run([busybox, "--", "echo", "--", "x"])).stdout).toBe("-- x\n");
    expect((await run(["--", busybox, "echo", "--", "x"])).stdout).toBe("-- x\n");
    expect((await run([busybox, "--", "--help"])).status).toBe(127);
  });

  test("keep newlines, tabs, quotes, spaces, and empty ones at every place", async () => {
    expect(await seen("a\nb", "", "\t", "'\"`$x\\", "  ", "", "é😀", "")).toBe("a\nb||\t|'\"`$x\\|  ||é😀||");
  });

  test("are twenty thousand if need be", async () => {
    const words = Array.from({ length: 20_000 }, (_, i) => `word-${i}`);
    const { stdout } = await run([
      busybox,
      "sh",
      "-c",
      'echo $#; printf "%s\n" "$@" | sha256sum',
      "name",
      ...words,
    ]);
    const sum = new Bun.CryptoHasher("sha256").update(`${words.join("\n")}\n`).digest("hex");
    expect(stdout).toBe(`20000\n${sum}  -\n`);
  });

  test("may be long: one of 128 KiB less a byte is the kernel's own limit", async () => {
    const word = "x".repeat(131_071);
    expect((await run([busybox, "sh", "-c", 'echo -n "$1" | wc -c', "name", word])).stdout).toBe("131071\n");
  });

  test("are bytes: what is no UTF-8 arrives as it is", async () => {
    // every byte but NUL, one word each; the words pass through a file since text here would be UTF-8
    const bytes = Array.from({ length: 255 }, (_, i) => i + 1);
    const script = bytes.map((byte) => `$'\\x${byte.toString(16).padStart(2, "0")}z'`).join(" ");
    const inside = `printf "%s" "$@" | od -An -v -tx1 | tr -d " \\n"`;
    const { stdout, stderr } = await execute([
      "bash",
      "-c",
      `exec $RUN "$1" sh -c '${inside}' name ${script}`,
      "bash",
      busybox,
    ]);
    expect(stderr).toBe("");
    expect(stdout).toBe(bytes.map((byte) => `${byte.toString(16).padStart(2, "0")}7a`).join(""));
  });

  test("are bytes also beside a U+FFFD that was one from the start", async () => {
    const { stdout } = await execute([
      "bash",
      "-c",
      `exec $RUN "$1" sh -c 'printf "%s" "$@" | od -An -tx1' name $'\\xef\\xbf\\xbd' $'\\xff'`,
      "bash",
      busybox,
    ]);
    expect(stdout.trim()).toBe("ef bf bd ff");
  });

  test("start with the command as it was written", async () => {
    expect((await run([busybox, "sh", "-c", "tr '\\0' '|' </proc/1/cmdline; true"])).stdout).toStartWith(
      "sh|-c|",
    );
    expect((await run([busybox, "../../bin/sh", "-c", "echo $0"])).stdout).toBe("../../bin/sh\n");
  });
});

describe("an unknown flag is refused, exit code 125, with the nearest one named:", () => {
  test.each([
    ["--hostnme", "unknown flag --hostnme, did you mean --hostname?"],
    ["--memroy=64m", "unknown flag --memroy, did you mean --memory?"],
    ["--readonly", "unknown flag --readonly, did you mean --read-only?"],
    ["--xyzzy", "unknown flag --xyzzy"],
    ["-Z", "unknown flag -Z"],
  ])("%s", async (word, message) => {
    expect(await run([word, busybox, "echo", "ran"])).toEqual({
      status: 125,
      stdout: "",
      stderr: `minibox: ${message}\n  see minibox run --help\n`,
    });
  });
});

describe("what is missing is said:", () => {
  test.each([
    [[], "run needs a root directory and a command: minibox run ROOTFS COMMAND"],
    [["/x"], "run needs a command: minibox run /x /bin/sh"],
    [["/x", "--"], "run needs a command: minibox run /x /bin/sh"],
    [["--name"], "--name needs a value"],
    [["-m"], "-m needs a value"],
    [["--init=maybe", "/x", "y"], '--init is a switch: true or false, not "maybe"'],
    [["--tty", "--no-tty", "/x", "y"], "--tty and --no-tty contradict each other"],
  ] as [string[], string][])("%p", async (words, message) => {
    const { status, stdout, stderr } = await run(
      words.map((word) => (word === "/x" && words.length > 2 ? busybox : word)),
    );
    expect([status, stdout, stderr]).toEqual([125, "", `minibox: ${message}\n  see minibox run --help\n`]);
  });

  test("a wrong command of minibox's, with the nearest one", async () => {
    const { status, stderr } = await minibox(["rnu", busybox, "true"]);
    expect([status, stderr]).toEqual([
      125,
      'minibox: unknown command "rnu", did you mean "run"?\n  see minibox --help\n',
    ]);
  });

  test("a command that there is not, with those that there are", async () => {
    const { status, stderr } = await minibox(["frobnicate", "x"]);
    expect([status, stderr]).toEqual([
      125,
      `minibox: unknown command "frobnicate"\n  the commands are ${Object.keys(COMMANDS).join(", ")}\n  see minibox --help\n`,
    ]);
  });

  test("a directory in the place of the command, with the command that was left out", async () => {
    const { status, stderr } = await minibox([busybox, "true"]);
    expect([status, stderr]).toEqual([
      125,
      `minibox: unknown command "${busybox}"\n  to run something in the directory of that name: minibox run ${busybox} COMMAND\n  see minibox --help\n`,
    ]);
  });

  test.each([
    [["version", "--x"], "unknown flag --x", [], "version "],
    [["version", "y"], 'version takes no further word, and was given "y"', [], "version "],
    [["help", "rnu"], 'unknown command "rnu", did you mean "run"?', [], ""],
    [
      ["run", "--root", "/x"],
      "unknown flag --root",
      ["it stands before the command: minibox --root …"],
      "run ",
    ],
    [["create", "-t", "x"], "unknown flag -t", ["it is a flag of minibox run"], "create "],
    [
      ["kill", "--signal=9", "x"],
      "unknown flag --signal",
      ["the signal follows the container's name: minibox kill CONTAINER KILL"],
      "kill ",
    ],
    [
      ["create", "--name", "x", "/r"],
      "create --name x needs a command: minibox create --name x /r /bin/sh",
      [],
      "create ",
    ],
    [
      ["create", "--bundle", "/b"],
      "create --bundle takes one word, the container's name: minibox create --bundle DIR NAME",
      [],
      "create ",
    ],
    [["--log-format=x", "version"], '--log-format: "x" is not one of text, json', [], ""],
  ] as [string[], string, string[], string][])(
    "%p, and the help of the command that it is for",
    async (words, message, hints, command) => {
      const lines = [
        `minibox: ${message}`,
        ...hints.map((hint) => `  ${hint}`),
        `  see minibox ${command}--help`,
      ];
      expect(await minibox(words)).toEqual({ status: 125, stdout: "", stderr: `${lines.join("\n")}\n` });
    },
  );

  test("every command has a help, which lists it, its words and its flags", async () => {
    const main = (await minibox(["help"])).stdout;
    for (const name of Object.keys(COMMANDS)) {
      expect(main).toMatch(new RegExp(`^ +${name}    [A-Z]`, "m"));
      const help = await minibox(["help", name]);
      expect(help.stdout).toContain(`USAGE minibox ${name} [OPTIONS]`);
      expect(help.stdout).toMatch(/-h, --help +print this help/);
      for (const words of [
        [name, "--help"],
        [name, "-h"],
        ["--help", name],
      ])
        expect(await minibox(words)).toEqual(help);
    }
    expect((await minibox([])).stdout).toBe(main);
    expect((await minibox(["--help"])).stdout).toBe(main);
  });

  test("a flag of run's before run, and a flag of minibox's after the rootfs", async () => {
    expect(await minibox(["--memory", "64m", "run", busybox, "true"])).toEqual({
      status: 125,
      stdout: "",
      stderr:
        "minibox: unknown flag --memory\n  it follows the command: minibox run --memory …\n  see minibox --help\n",
    });
    const late = await run([busybox, "--memory", "64m", "true"]);
    expect(late.status).toBe(127);
    expect(late.stderr).toContain("--memory: not found on the PATH");
    expect(late.stderr).toContain("flags of minibox's come before the rootfs");
    expect((await run(["--memory", "64m", busybox, "echo", "before"])).stdout).toBe("before\n");
  });
});

describe("what docker's and podman's users type is answered with what there is:", () => {
  test.each([
    [["run", "-d"], "unknown flag -d", "</dev/null >FILE 2>&1 &"],
    [["run", "-itd"], "unknown flag -d", "</dev/null >FILE 2>&1 &"],
    [["run", "--privileged"], "unknown flag --privileged", "--cap-add ALL --security-opt seccomp=unconfined"],
    [["run", "-p", "80:80"], "unknown flag -p", "--network host"],
    [["run", "--entrypoint=sh"], "unknown flag --entrypoint", "ROOTFS is a directory"],
    [["run", "--net", "host"], "unknown flag --net", "--network"],
    [["run", "--shm-size", "1m"], "unknown flag --shm-size", "--tmpfs /dev/shm:size=SIZE"],
    [["run", "--sig-proxy"], "unknown flag --sig-proxy", "leave it away"],
    [["exec", "x", "sh"], 'unknown command "exec"', "nsenter -a -t PID"],
    [["ps"], 'unknown command "ps"', "/run/minibox"],
    [["spec"], 'unknown command "spec"', "minibox create --bundle DIR NAME"],
    [["run", "--bundle", "x"], "unknown flag --bundle", "minibox create --bundle DIR NAME"],
    [["pull", "alpine"], 'unknown command "pull"', "knows no images"],
    [["logs", "x"], 'unknown command "logs"', "redirect"],
  ] as [string[], string, string][])("%p", async (words, message, hint) => {
    const { status, stdout, stderr } = await minibox([...words, busybox, "echo", "ran"]);
    const [first, second, third, ...rest] = stderr.split("\n");
    expect([status, stdout, first, rest]).toEqual([125, "", `minibox: ${message}`, [""]]);
    expect(second).toStartWith("  ");
    expect(second).toContain(hint);
    expect(third).toBe(words[0] === "run" ? "  see minibox run --help" : "  see minibox --help");
  });

  test("and the answers work", async () => {
    const shm = await run(["--tmpfs", "/dev/shm:size=1m", busybox, "df", "-k", "/dev/shm"]);
    expect(shm.stdout).toMatch(/ 1024 .* \/dev\/shm\n$/);
    const wide = ["--cap-add", "ALL", "--security-opt", "seccomp=unconfined", "--security-opt"];
    expect(
      (
        await run([
          ...wide,
          "systempaths=unconfined",
          busybox,
          "sh",
          "-c",
          "mount -t tmpfs t /mnt && echo may",
        ])
      ).stdout,
    ).toBe("may\n");
    // in a file by a shell's own means, with the shell gone
    const file = join(scratchDirectory(), "output");
    const background = '$RUN "$1" sh -c "sleep 0.1; echo done" </dev/null >"$2" 2>&1 &';
    await execute(["sh", "-c", background, "sh", busybox, file]);
    await until("the background container has written", () => tryText(file) === "done\n");
  });

  test("nsenter joins a running container, whose directory is in /run/minibox", async () => {
    const name = uniqueName();
    const container = startMinibox(["run", "--name", name, busybox, "sh", "-c", "echo up; read x"]);
    await container.says("up");
    expect(readdirSync("/run/minibox")).toContain(name);
    const [first] = childrenOf(container.pid);
    const joined = await execute([
      "nsenter",
      "-a",
      "-t",
      String(first),
      "sh",
      "-c",
      "hostname; echo $(ls /)",
    ]);
    container.closeInput();
    await container.ended;
    expect(joined.stdout).toStartWith("container\n");
    expect(joined.stdout).toContain("linuxrc");
  });
});

test("-v, -V and --version are one", async () => {
  const { stdout } = await minibox(["version"]);
  expect(stdout).toMatch(/^minibox \d+\.\d+\.\d+\n$/);
  for (const word of ["-v", "-V", "--version"])
    expect(await minibox([word])).toEqual({ status: 0, stdout, stderr: "" });
});

test("control characters in a mistake do not reach the terminal", async () => {
  const { stderr } = await run(["--\x1b[31mred", busybox, "true"]);
  expect(stderr).toStartWith("minibox: unknown flag --\\x1b[31mred\n");
});
