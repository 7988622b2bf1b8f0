// Commands at a prompt, with pipes and redirections: which of 0, 1 and 2 are a terminal in the container, and which
// program reads the keys.

import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { SLOWNESS, uniqueName, until } from "../support/container.ts";
import { leavesNothing } from "../support/leftovers.ts";
import { rootfs, scratchDirectory, skipReason } from "../support/minibox.ts";
import { Tmux, typed, typedMinibox } from "../support/tmux.ts";

setDefaultTimeout(60_000 * SLOWNESS);
leavesNothing();
const skip = skipReason("tmux", "less", "vi", "watch");
const host = skip ? "" : typed(rootfs("host"));
const busybox = skip ? "" : typed(rootfs("busybox"));
const minibox = `${typedMinibox()} run`;
const scratch = scratchDirectory();

/** Run in the container: prints on /dev/tty what its 0, 1 and 2 are, such as "pts/0 pts/0 file". */
const LOOK = `sh -c 'for f in 0 1 2; do p=$(readlink /proc/$$/fd/$f); case $p in /dev/pts/0) w="$w pts";; /*pts*|/dev/tty*) w="$w host";; pipe*) w="$w pipe";; *) w="$w file";; esac; done; echo look:$w. >/dev/tty'`;

describe.skipIf(skip !== "").each(["", "--init ", "--userns 100000:100000:65536 "])(
  "at a prompt (%p)",
  (flag) => {
    test.each([
      ["X", "pts pts pts"],
      ["X 2>FILE", "pts pts pipe"],
      ["X >FILE", "pts pipe pts"],
      ["X </dev/null", "file pts pts"],
      ["X </dev/null >FILE", "file pipe pts"],
      ["X >FILE 2>&1", "pts pipe pipe"],
      ["echo | X", "pipe pts pts"],
      ["X | cat", "pts pipe pts"],
      ["X 2>&1 | cat", "pts pipe pipe"],
      ["echo | X | cat", "pipe pipe pts"],
      ["x=$(X)", "pts pipe pts"],
      ["(X) <$TTY", "pts pts pts"],
      ["(X) >$TTY", "pts pts pts"],
    ])("%s: %s", async (line, expected) => {
      using terminal = new Tmux();
      terminal.enter("TTY=$(tty); clear");
      const words = line.replace("X", () => `${minibox} ${flag}${busybox} ${LOOK}`);
      terminal.enter(words.replace("FILE", join(scratch, "file")));
      await terminal.shows(new RegExp(`look: ${expected}\\.`));
    });
  },
);

/** What `stty -g` says of the terminal, seen from outside. */
const settings = (terminal: Tmux): string =>
  Bun.spawnSync(["stty", "-g", "-F", terminal.device]).stdout.toString();
const flags = (terminal: Tmux): string =>
  Bun.spawnSync(["stty", "-a", "-F", terminal.device]).stdout.toString();
const isRaw = (terminal: Tmux): boolean => /(^|\s)-isig\b/.test(flags(terminal));
const isCanonical = (terminal: Tmux): boolean => /(^|\s)icanon\b/.test(flags(terminal));

describe.skipIf(skip !== "").each(["", "--init "])("in a pipeline (%p)", (flag) => {
  const run = `${minibox} ${flag}`;

  test("less has its text from stdin and its keys from the terminal", async () => {
    using terminal = new Tmux();
    terminal.enter(`seq 1000 | TERM=vt220 ${run}${host} less; echo sta''tus $?`);
    await until("less is there", () => /^1\n2\n/.test(terminal.view()));
    await until("it has the terminal", () => isRaw(terminal));
    terminal.type("G");
    await terminal.shows(/^1000$/m);
    terminal.type("q");
    await terminal.shows(/^status 0$/m);
  });

  test("a pager of the host's has the keys when the container wants none, and nobody changes its mode", async () => {
    using terminal = new Tmux();
    terminal.enter(`${run}${busybox} sh -c 'seq 1000; sleep 1000' | less; echo sta''tus "\${PIPESTATUS[@]}"`);
    await until("less is there", () => /^1\n2\n/.test(terminal.view()));
    const its = settings(terminal);
    for (const [key, first] of [
      [" ", 24],
      ["b", 1],
      [" ", 24],
      ["b", 1],
    ] as const) {
      terminal.type(key);
      await until(`less shows ${first}`, () => terminal.view().startsWith(`${first}\n`));
    }
    expect(settings(terminal)).toBe(its);
    terminal.type("q");
    await until("less is gone", () => !terminal.view().startsWith("1\n"));
    terminal.press("C-c");
    await terminal.shows(/status 130 \d+$/m);
  });

  test("a pager in a container has the keys when the other container wants none", async () => {
    using terminal = new Tmux();
    terminal.enter(`${run}${busybox} seq 1000 | ${run}${host} less; echo sta''tus $?`);
    await until("less is there", () => /^1\n2\n/.test(terminal.view()));
    await until("it has the terminal", () => isRaw(terminal));
    terminal.type("G");
    await terminal.shows(/^1000$/m);
    terminal.type("q");
    await terminal.shows(/^status 0$/m);
  });

  test("a program of the host's in front of it has the keys", async () => {
    using terminal = new Tmux();
    await terminal.shows(/^\$ $/m);
    terminal.enter(`cat | ${run}${busybox} sort -r; echo sta''tus $?`);
    await until("the shell has let go of the terminal", () => isCanonical(terminal));
    terminal.enter("aaa");
    await until("it was echoed", () => /^aaa$/m.test(terminal.screen()));
    terminal.enter("bbb");
    terminal.press("C-d");
    await terminal.shows(/^bbb\naaa\nstatus 0$/m);
  });

  test("an interactive shell has the keys, though its output goes to tee", async () => {
    using terminal = new Tmux();
    const file = join(scratch, uniqueName());
    terminal.enter(`${run}-e PS1='in# ' ${host} bash --norc --noprofile | tee ${file}; echo sta''tus $?`);
    await terminal.shows(/in# $/m);
    await until("it has the terminal", () => isRaw(terminal));
    const nap = `sleep ${100_000 + process.pid}`;
    terminal.enter(`echo wo''rd; ${nap}`);
    await terminal.shows(/word$/m);
    // a key that comes while bash starts the program may reach bash alone
    await until("the program runs", () => Bun.spawnSync(["pgrep", "-xf", nap]).exitCode === 0);
    terminal.press("C-c");
    terminal.enter("exit");
    await terminal.shows(/^status 0$/m);
    expect(readFileSync(file, "utf8")).toBe("word\n");
  });

  test("a program that reads the terminal in lines has the keys", async () => {
    using terminal = new Tmux();
    const file = join(scratch, uniqueName());
    terminal.enter(`${run}${busybox} cat >${file}; echo sta''tus $?`);
    await until("it has the terminal", () => isRaw(terminal));
    terminal.enter("a line");
    terminal.press("C-d");
    await terminal.shows(/^status 0$/m);
    expect(readFileSync(file, "utf8")).toBe("a line\n");
    terminal.enter("clear");
    terminal.enter(`echo input | ${run}${busybox} sh -c 'read -r key </dev/tty; echo "key $key, $(cat)."'`);
    terminal.enter("word");
    await terminal.shows(/key word, input\.$/m);
  });

  test("it learns the terminal's new size", async () => {
    using terminal = new Tmux();
    const script = `trap "stty size </dev/tty" WINCH; echo is"" ready; while :; do sleep 0.05; done`;
    terminal.enter(`echo | ${run}${busybox} sh -c '${script}'`);
    await terminal.shows(/^is ready$/m);
    terminal.resize(70, 15);
    await terminal.shows(/^15 70$/m);
    terminal.press("C-c");
    await until("it has ended", () => /\$ ?$/m.test(terminal.view()));
  });

  test("^C ends all of it, and ^Z stops all of it", async () => {
    using terminal = new Tmux();
    terminal.enter(
      `${run}${busybox} sh -c 'echo run''ning >&2; sleep 1000; echo not this' | cat; echo sta''tus "\${PIPESTATUS[@]}"`,
    );
    await terminal.shows(/^running$/m);
    terminal.press("C-z");
    await terminal.shows(/Stopped/);
    terminal.enter("fg");
    await terminal.shows(/^\$ fg\n.*sleep 1000/m);
    terminal.press("C-c");
    terminal.enter("clear; echo do''ne");
    await terminal.shows(/^done$/m);
    terminal.enter(
      `${run}${busybox} sh -c 'echo run''ning >&2; sleep 1000; echo not this' | cat; echo sta''tus "\${PIPESTATUS[@]}"`,
    );
    await terminal.shows(/^running$/m);
    terminal.press("C-c");
    await until("it has ended", () => /\$ ?$/m.test(terminal.view()));
    terminal.enter(`echo sta''tus "\${PIPESTATUS[@]}"`);
    await terminal.shows(/^status 130/m);
    expect(terminal.screen()).not.toMatch(/^not this$/m);
  });
});

describe.skipIf(skip !== "")("at a prompt", () => {
  test("errors go to their file alone", async () => {
    using terminal = new Tmux();
    const file = join(scratch, uniqueName());
    terminal.enter(`${minibox} ${busybox} sh -c 'echo shown; ls /no/such' 2>${file}; echo sta''tus $?`);
    const screen = await terminal.shows(/^shown\nstatus 1$/m);
    expect(screen).not.toContain("No such");
    expect(readFileSync(file, "utf8")).toBe("ls: /no/such: No such file or directory\n");
  });

  test("errors that are sent to another terminal come out there", async () => {
    using terminal = new Tmux();
    using other = new Tmux();
    terminal.enter(`${minibox} ${busybox} sh -c 'echo shown; echo else''where >&2' 2>${other.device}`);
    await terminal.shows(/^shown$/m);
    await other.shows(/elsewhere/);
    expect(terminal.screen()).not.toContain("elsewhere");
  });

  test.each([
    ["its size is known where only stderr and stdin are it", "echo $(X stty size)", /^24 80$/m],
    ["TERM is known where only stdout is it", "echo | TERM=vt220 X sh -c 'echo $TERM'", /^vt220$/m],
    ["TERM is known where only stderr is it", "TERM=vt220 X sh -c 'echo $TERM' </dev/null | cat", /^vt220$/m],
    ["there is no TERM without it", "TERM=vt220 X sh -c 'echo is=$TERM.' </dev/null 2>&1 | cat", /^is=\.$/m],
    [
      "--tty puts all on it",
      "X -t sh -c 'for f in 0 1 2; do readlink /proc/$$/fd/$f; done' </dev/null 2>/dev/null",
      /^(\/dev\/pts\/0\n){3}/m,
    ],
  ])("%s", async (_, line, expected) => {
    using terminal = new Tmux();
    const words = line.replace("X -t", `${minibox} -t ${busybox}`).replace("X", `${minibox} ${busybox}`);
    terminal.enter(words);
    await terminal.shows(expected);
  });

  test("vi edits with its input from elsewhere", async () => {
    using terminal = new Tmux();
    // with VIMINIT vim reads neither a vimrc nor its defaults.vim, and so has nothing to complain of
    terminal.enter(`${minibox} --overlay -e VIMINIT=: ${host} vi /tmp/text </dev/null; echo sta''tus $?`);
    await until("vi shows empty lines", () => /^~$/m.test(terminal.view()));
    await until("it has the terminal", () => isRaw(terminal));
    terminal.type(":q!");
    terminal.press("Enter");
    await terminal.shows(/^status \d$/m);
  });

  test("watch and script run it", async () => {
    using terminal = new Tmux();
    terminal.enter(`watch -t -n 1 ${minibox} ${busybox} echo wat''ched`);
    await until("it is shown", () => /^watched$/m.test(terminal.view()));
    terminal.press("C-c");
    await terminal.shows(/^\$ $/m);
    terminal.enter(
      `script -qec "${minibox} ${host} bash --norc --noprofile -c 'read -p wor''d: x; echo got \\$x.'" /dev/null`,
    );
    await terminal.shows(/^word:/m);
    terminal.enter("this");
    await terminal.shows(/^got this\.$/m);
  });
});
