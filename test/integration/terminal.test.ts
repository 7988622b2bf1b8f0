// The container's terminal, driven through a real one (tmux): keys, job control, size, full-screen programs, and the
// settings of the host's terminal afterwards.

import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync } from "node:fs";
import { childrenOf, SLOWNESS, start, tryText, uniqueName, until } from "../support/container.ts";
import { leavesNothing } from "../support/leftovers.ts";
import { execute, RUN, rootfs, run, skipReason } from "../support/minibox.ts";
import { Tmux, typed, typedMinibox } from "../support/tmux.ts";

setDefaultTimeout(60_000 * SLOWNESS);
leavesNothing();
const skip = skipReason("tmux");
const host = skip ? "" : typed(rootfs("host"));
const busybox = skip ? "" : typed(rootfs("busybox"));
const minibox = `${typedMinibox()} run`;

const commandOf = (pid: number): string | undefined => tryText(`/proc/${pid}/comm`)?.trim();
const stateOf = (pid: number): string =>
  Bun.spawnSync(["ps", "-o", "stat=", "-p", String(pid)])
    .stdout.toString()
    .trim();

/** A sleep that no other test file runs: its seconds have the pid of this process behind the point. */
const sleep = (seconds: number): string => `sleep ${seconds}.${process.pid}`;
const pidOf = (line: string): number => Number(Bun.spawnSync(["pgrep", "-fx", line]).stdout.toString());
const isRunning = (line: string): boolean => pidOf(line) > 0;

/** Clears the screen and what has scrolled out of it. */
async function clear(terminal: Tmux, before = ""): Promise<void> {
  terminal.enter(`${before}clear; tmux clear-history 2>/dev/null`);
  await until("the screen is clear", () => terminal.screen().trim() === "$");
}

describe.skipIf(skip !== "")("on a terminal", () => {
  test("the container has one of its own: tty, /dev/console, TERM, size", async () => {
    using terminal = new Tmux();
    terminal.enter(
      `TERM=vt220 ${minibox} ${host} bash --norc --noprofile -c 'tty; tty </dev/console; echo $TERM; stty size; id -u; test -t 2 && echo all'`,
    );
    await terminal.shows(/^\/dev\/pts\/0\n\/dev\/(console|pts\/0)\nvt220\n24 80\n0\nall$/m);
  });

  test.each(["", "--init "])("bash is interactive and has job control (%p)", async (flag) => {
    using terminal = new Tmux();
    terminal.enter(`${minibox} ${flag}-e PS1='in# ' ${host} bash --norc --noprofile; echo outer $?`);
    await terminal.shows(/^in# $/m);
    const [first, second] = [sleep(1000), sleep(2000)];
    terminal.enter(`${first} & jobs; ${second}`);
    await terminal.shows(new RegExp(`Running +${first}`));
    await until("it sleeps", () => isRunning(second));
    terminal.press("C-z");
    await terminal.shows(new RegExp(`Stopped +${second}`));
    terminal.enter("bg; jobs; fg %1");
    await terminal.shows(new RegExp(`Running +${second}`));
    await until("it is in the foreground", () => stateOf(pidOf(first)).includes("+"));
    terminal.press("C-c");
    terminal.enter("echo status $?");
    await terminal.shows(/^status 130$/m);
    terminal.enter("kill %2; wait; exit 7");
    await terminal.shows(/^exit\nouter 7$/m);
  });

  test("^D ends a shell", async () => {
    using terminal = new Tmux();
    terminal.enter(`${minibox} ${busybox} sh; echo outer $?`);
    await terminal.shows(/^\/ # $/m);
    terminal.press("C-d");
    await terminal.shows(/^outer 0$/m);
  });

  test.each(["", "--init "])(
    "^C and ^\\ end a command that is PID 1 and handles neither (%p)",
    async (flag) => {
      using terminal = new Tmux();
      for (const [key, status] of [
        ["C-c", 130],
        ["C-\\", 131],
      ] as const) {
        terminal.enter(`${minibox} ${flag}${busybox} sh -c 'exec ${sleep(1000)}'; echo outer $?`);
        await until("it sleeps", () => isRunning(sleep(1000)));
        terminal.press(key);
        await terminal.shows(new RegExp(`outer ${status}$`, "m"));
        await clear(terminal);
      }
    },
  );

  test("^Z on such a command gives the shell back, and fg goes on", async () => {
    using terminal = new Tmux();
    terminal.enter(`${minibox} ${busybox} sh -c 'trap "echo usr" USR1; exec ${sleep(4)}; exit 3'`);
    await until("it sleeps", () => isRunning(sleep(4)));
    terminal.press("C-z");
    await terminal.shows(/Stopped/);
    const settings = await terminal.ask("stty -g", "stopped");
    const plain = await terminal.ask("stty -g", "again");
    expect(settings).toBe(plain);
    terminal.enter("fg; echo outer $?");
    await terminal.shows(/outer 0$/m);
  });

  test("a new size reaches it", async () => {
    using terminal = new Tmux();
    terminal.enter(`${minibox} -e PS1='in# ' ${host} bash --norc --noprofile`);
    await terminal.shows(/^in# $/m);
    terminal.resize(101, 31);
    let asked = 0;
    await until("it has the size", async () => {
      const size = await terminal.ask("stty size | tr ' ' x", `size${++asked}`);
      return size === "31x101";
    });
    terminal.enter("exit");
  });

  test("vi, less and top take the whole screen and give it back", async () => {
    using terminal = new Tmux();
    terminal.enter(`${minibox} --overlay -e PS1='in# ' ${host} bash --norc --noprofile`);
    await terminal.shows(/^in# $/m);
    terminal.enter("seq 1000 >/tmp/numbers; less /tmp/numbers");
    await until(
      "less shows a full screen",
      () => /^1\n2\n/.test(terminal.view()) && terminal.view().includes("23"),
    );
    terminal.type("G");
    await until("less shows the end", () => /^1000$/m.test(terminal.view()));
    terminal.type("q");
    await until("less is gone", () => /^in# ?$/m.test(terminal.view()));
    terminal.enter("top -d 1");
    await until(
      "top shows itself",
      () => /PID +USER/.test(terminal.view()) && /\btop$/m.test(terminal.view().replaceAll(/ +$/gm, "")),
    );
    terminal.type("q");
    await until("top is gone", () => /^in# ?$/m.test(terminal.view()));
    // with VIMINIT vim reads neither a vimrc nor its defaults.vim, and so has nothing to complain of
    terminal.enter("VIMINIT=: vi /tmp/text");
    await until("vi shows empty lines", () => /^~$/m.test(terminal.view()));
    terminal.type("ihello from vi");
    terminal.press("Escape");
    terminal.enter(":wq");
    await until("vi is gone", () => !/^~$/m.test(terminal.view()));
    terminal.enter("clear; cat /tmp/text; exit");
    await terminal.shows(/^hello from vi$/m);
  });

  test("much output arrives whole", async () => {
    using terminal = new Tmux();
    const words = `${minibox} ${busybox} seq 1 150000`;
    terminal.enter(`script -qec "${words}" /dev/null | md5sum; seq 1 150000 | sed 's/$/\\r/' | md5sum`);
    const screen = await terminal.shows(/^[0-9a-f]{32} {2}-\n[0-9a-f]{32} {2}-$/m, 30 * SLOWNESS);
    const sums = screen.match(/^[0-9a-f]{32}/gm)!;
    expect(sums[0]).toBe(sums[1]!);
  });

  test("--no-tty in the background reads nothing, and that is no failure", async () => {
    using terminal = new Tmux();
    terminal.enter(
      `${minibox} --no-tty ${busybox} sh -c 'sleep 0.3; echo do''ne' & wait $!; echo sta''tus $?`,
    );
    const screen = await terminal.shows(/^status \d+$/m);
    expect(screen).toMatch(/^done$/m);
    expect(screen).toMatch(/^status 0$/m);
  });

  test("--no-tty passes the bytes of the terminal on, and the command has no terminal", async () => {
    using terminal = new Tmux();
    terminal.enter(
      `${minibox} --no-tty ${busybox} sh -c 'tty; test -t 1 || echo no''ne; read x; echo "got $x."'`,
    );
    await terminal.shows(/^not a tty\nnone$/m);
    terminal.enter("a line");
    await terminal.shows(/^got a line\.$/m);
  });
});

describe.skipIf(skip !== "")("the host's terminal has its settings back after", () => {
  const nothing = undefined;
  const endings: [what: string, line: string, during: ((pid: number) => void) | undefined][] = [
    ["a normal end", `${minibox} ${busybox} true`, nothing],
    ["a command that leaves its own raw", `${minibox} ${busybox} stty raw -echo`, nothing],
    ["a command that is missing", `${minibox} ${busybox} /no/such`, nothing],
    ["a failure on the way", `${minibox} -v /no/such:/mnt ${busybox} true`, nothing],
    ["a time limit", `${minibox} --timeout 300ms ${busybox} sleep 1000`, nothing],
    [
      "kill -9 of the container's PID 1",
      `${minibox} ${busybox} sleep 1000`,
      (pid) => process.kill(childrenOf(pid)[0]!, "SIGKILL"),
    ],
    ["TERM to the supervisor", `${minibox} ${busybox} sleep 1000`, (pid) => process.kill(pid, "SIGTERM")],
  ];

  test.each(endings)("%s", async (_, line, during) => {
    using terminal = new Tmux();
    // settings that no program would choose by itself
    await clear(terminal, "stty -ixon tostop erase '#' eof '^E'; ");
    const before = await terminal.ask("stty -g", "before");
    const name = uniqueName();
    terminal.enter(`${line.replace(" run ", ` run --name ${name} `)}; echo "ended"''".$?"`);
    if (during) {
      const supervisor = () =>
        Number(
          Bun.spawnSync(["pgrep", "-o", "-f", `^${minibox} --name ${name}`])
            .stdout.toString()
            .trim(),
        );
      await until(
        "it runs",
        () => supervisor() > 0 && childrenOf(supervisor()).some((pid) => commandOf(pid) === "sleep"),
      );
      during(supervisor());
    }
    await terminal.shows(/^ended\.\d+$/m);
    expect(await terminal.ask("stty -g", "after")).toBe(before);
  });
});

describe.skipIf(skip !== "")("input that is pushed with TIOCSTI", () => {
  const python = "/usr/bin/python3";
  test.skipIf(skipReason(python) !== "")("does not reach the host's shell", async () => {
    using terminal = new Tmux();
    const volumes = ["/usr", "/lib", "/lib64"]
      .filter((path) => existsSync(path))
      .map((path) => `-v ${path}:${path}:ro`);
    const push =
      "import fcntl,os\nfor f in [0,1,2,os.open('/dev/tty',2)]:\n  for c in b'touch /tmp/pushed-'+os.environ['N'].encode()+b'\\n':\n    try: fcntl.ioctl(f,0x5412,bytes([c]))\n    except OSError as e: pass\nprint('has','pushed')";
    const name = uniqueName();
    await Bun.write(`/tmp/${name}.py`, push);
    terminal.enter(
      `${minibox} -e N=${name} -v /tmp/${name}.py:/push.py ${volumes.join(" ")} ${busybox} ${python} /push.py; echo outer $?`,
    );
    await terminal.shows(/^has pushed$/m);
    await terminal.shows(/^outer 0$/m);
    // the shell would read anything that was pushed before it reads this
    expect(await terminal.ask("echo read", "after")).toBe("read");
    expect(existsSync(`/tmp/pushed-${name}`)).toBe(false);
    expect(terminal.screen()).not.toMatch(/^\$ touch/m);
    Bun.spawnSync(["rm", "-f", `/tmp/${name}.py`]);
  });
});

describe.skipIf(skip !== "")("-t without a terminal", () => {
  test("input from a pipe arrives and ends", async () => {
    const { status, stdout } = await run(["-t", busybox, "sh", "-c", "stty -echo; tty; cat; exit 4"], {
      stdin: "one\ntwo",
    });
    expect(status).toBe(4);
    // the terminal echoes what arrives before stty has run
    expect(stdout).toEndWith("/dev/pts/0\r\none\r\ntwo");
  });

  test("no input at all is the end of it", async () => {
    expect((await run(["-t", busybox, "cat"])).status).toBe(0);
  });

  test("an interactive shell takes its commands from a pipe, and ends", async () => {
    const { status, stdout } = await run(["-t", "--timeout", "20s", host, "bash", "--norc", "--noprofile"], {
      stdin: "echo it is $((40 + 2))\n",
    });
    expect(stdout).toContain("it is 42");
    expect(status).toBe(0);
  });

  test("a megabyte of output arrives whole", async () => {
    const { stdout } = await run(["-t", busybox, "sh", "-c", "stty -opost; seq 1 150000"]);
    expect(stdout).toBe(Array.from({ length: 150000 }, (_, i) => `${i + 1}\n`).join(""));
  });

  test("a reader that has enough ends it", async () => {
    const words = `"$@" | head -n 1; echo "\${PIPESTATUS[0]}"`;
    const { stdout } = await execute(["bash", "-c", words, "bash", ...RUN, "-t", busybox, "yes"]);
    expect(stdout).toBe("y\r\n129\n");
  });

  test("a reader that does not read does not keep a time limit or a signal from ending it", async () => {
    const container = start(
      ["-t", "--timeout", "500ms", busybox, "yes"],
      // biome-ignore lint/suspicious/noTemplateCurlyInString: bash's
      ["bash", "-c", '"$@" | sleep 1000; exit ${PIPESTATUS[0]}', "bash"],
    );
    const children = (): number => childrenOf(container.pid).length;
    await until("both run", () => children() === 2);
    await until("it is killed, and the reader is not", () => children() === 1);
    process.kill(childrenOf(container.pid)[0]!, "SIGKILL");
    expect((await container.ended).status).toBe(124);
  });
});
