// Input that is typed while a container runs and does not read it: the shell gets all of it afterwards, and nothing else.

import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { attackRootfs } from "../support/attack.ts";
import { SLOWNESS, uniqueName } from "../support/container.ts";
import { leavesNothing } from "../support/leftovers.ts";
import { rootfs, skipReason } from "../support/minibox.ts";
import { SHELLS, Tmux, typed, typedMinibox } from "../support/tmux.ts";

setDefaultTimeout(60_000 * SLOWNESS);
leavesNothing();
const skip = skipReason("tmux", "dash", "zsh", "cc");
const busybox = skip ? "" : typed(rootfs("busybox"));
const minibox = typedMinibox();

/** Reads a line and types it again. */
const PUSH = `#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
int main(void) {
  char line[100];
  ssize_t n = read(0, line, sizeof line);
  for (ssize_t i = 0; i < n; i++)
    if (ioctl(0, TIOCSTI, line + i)) return puts(strerror(errno));
  return 0;
}`;

/** Waits until the container runs. */
const begun = (terminal: Tmux) => terminal.shows(/^begun/m);

/** Waits until the shell is back, with nothing typed. */
const prompt = (terminal: Tmux) => terminal.shows(/\$\s*$/);

/** Runs on until it is told to end from outside, by a file in the rootfs's /tmp that it sees through a volume. */
const WAIT = "echo be''gun; until test -e /flag/end; do sleep 0.05; done";

function start(terminal: Tmux, directory: string, flags: string, command: string): void {
  terminal.enter(
    `${minibox} run --name ${uniqueName()} -v ${directory}:/flag ${flags} ${busybox} ${command}`,
  );
}

async function inDirectory(work: (directory: string, end: () => void) => Promise<void>): Promise<void> {
  const directory = Bun.spawnSync(["mktemp", "-d"]).stdout.toString().trim();
  Bun.spawnSync(["chmod", "755", directory]);
  try {
    await work(directory, () => void Bun.spawnSync(["touch", `${directory}/end`]));
  } finally {
    Bun.spawnSync(["rm", "-r", directory]);
  }
}

describe.skipIf(skip !== "")("typed for nobody", () => {
  test.each([
    ["bash", ""],
    ["bash", "--init"],
    ["bash", "--userns 100000:100000:65536"],
    ["dash", ""],
    ["zsh", ""],
  ] as const)("a line is %s's afterwards, with '%s'", async (shell, flags) => {
    await inDirectory(async (directory, end) => {
      using terminal = new Tmux(SHELLS[shell]);
      start(terminal, directory, flags, `sh -c "${WAIT}"`);
      await begun(terminal);
      terminal.enter("echo ty''ped $((6*7))");
      terminal.type("echo ha''lf");
      await terminal.shows(/ha''lf/);
      end();
      await terminal.shows(/typed 42/);
      terminal.enter(" done");
      await terminal.shows(/half done/);
    });
  });

  test("nothing is executed twice, nor shown as if it were output", async () => {
    await inDirectory(async (directory, end) => {
      using terminal = new Tmux();
      start(terminal, directory, "", `sh -c "${WAIT}"`);
      await begun(terminal);
      terminal.enter("echo on''ce >>/dev/tty");
      await terminal.shows(/on''ce/);
      end();
      await terminal.shows(/^once/m);
      terminal.enter("echo fin''ished");
      expect((await terminal.shows(/^finished/m)).match(/^once/gm)).toHaveLength(1);
    });
  });
});

describe.skipIf(skip !== "")("the shell gets nothing", () => {
  const READER = `sh -c "read line; echo got \\$line; ${WAIT.replace("be''gun", "ag''ain")}"`;

  test("where the container has read some of what was typed", async () => {
    await inDirectory(async (directory, end) => {
      using terminal = new Tmux();
      start(terminal, directory, "", READER);
      terminal.enter("for the container");
      await terminal.shows(/^again/m);
      terminal.enter("echo ne''ver");
      await terminal.shows(/ne''ver/);
      end();
      await prompt(terminal);
      terminal.enter("echo fin''ished");
      expect(await terminal.shows(/^finished/m)).not.toMatch(/^never/m);
    });
  });

  test("that the container wrote into its own terminal: it cannot", async () => {
    const root = attackRootfs({ push: PUSH });
    using terminal = new Tmux();
    terminal.enter(`${minibox} run ${root.path} /push`);
    terminal.enter("echo re''played");
    await terminal.shows(/Input\/output error/);
    await prompt(terminal);
    terminal.enter("echo fin''ished");
    expect(await terminal.shows(/^finished/m)).not.toMatch(/^replayed/m);
  });

  test("where no filter keeps the container from that", async () => {
    await inDirectory(async (directory, end) => {
      using terminal = new Tmux();
      start(terminal, directory, "--security-opt seccomp=unconfined", `sh -c "${WAIT}"`);
      await begun(terminal);
      terminal.enter("echo ne''ver");
      await terminal.shows(/ne''ver/);
      end();
      await prompt(terminal);
      terminal.enter("echo fin''ished");
      expect(await terminal.shows(/^finished/m)).not.toMatch(/^never/m);
    });
  });

  test("after ^C, which discards what was typed", async () => {
    await inDirectory(async (directory) => {
      using terminal = new Tmux();
      start(terminal, directory, "", `sh -c "${WAIT}"`);
      await begun(terminal);
      terminal.enter("echo ne''ver");
      await terminal.shows(/ne''ver/);
      terminal.press("C-c");
      await prompt(terminal);
      terminal.enter("echo fin''ished");
      expect(await terminal.shows(/^finished/m)).not.toMatch(/^never/m);
    });
  });
});
