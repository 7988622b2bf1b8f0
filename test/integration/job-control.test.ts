// A container as a job of an interactive shell: in the background, stopped, brought back, killed, left behind; driven
// through a real terminal (tmux).

import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { childrenOf, SLOWNESS, tryText, uniqueName, until } from "../support/container.ts";
import { leavesNothing } from "../support/leftovers.ts";
import { rootfs, skipReason } from "../support/minibox.ts";
import { SHELLS, Tmux, typed, typedMinibox } from "../support/tmux.ts";
import { makePlace, type Place, userWords } from "../support/user.ts";

setDefaultTimeout(60_000 * SLOWNESS);
leavesNothing();
const skip = skipReason("tmux", "dash", "zsh");
const host = skip ? "" : typed(rootfs("host"));
const busybox = skip ? "" : typed(rootfs("busybox"));
const minibox = typedMinibox();

/** The supervisor of a container by its name; 0 for none. */
const supervisorOf = (name: string): number =>
  Number(Bun.spawnSync(["pgrep", "-of", `^${minibox} run --name ${name} `]).stdout.toString());

const stateOf = (pid: number): string =>
  /^State:\s+(\w)/m.exec(tryText(`/proc/${pid}/status`) ?? "")?.[1] ?? "gone";

/** Waits until the container of this name runs its command; returns the supervisor's pid. */
async function running(name: string, command: string): Promise<number> {
  await until(`${name} runs ${command}`, () => {
    const pid = supervisorOf(name);
    return pid > 0 && childrenOf(pid).some((child) => tryText(`/proc/${child}/comm`)?.trim() === command);
  });
  return supervisorOf(name);
}

const gone = (pid: number): Promise<void> =>
  until(`${pid} is gone`, () => ["gone", "Z"].includes(stateOf(pid)));

/** ISIG, ICANON and ECHO of the outer terminal: "---" while it is raw. */
function rawSettings(terminal: Tmux): string {
  const flags = Bun.spawnSync(["stty", "-a", "-F", terminal.device]).stdout.toString();
  return ["isig", "icanon", "echo"]
    .map((flag) => (new RegExp(`(^|\\s)-${flag}\\b`).test(flags) ? "-" : "+"))
    .join("");
}

const IS_RAW = (terminal: Tmux) => () => rawSettings(terminal) === "---";

/** The CPU time that a process has used, in clock ticks (proc_pid_stat(5)). */
function ticksOf(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]!.split(" ");
  return Number(fields[11]) + Number(fields[12]);
}

describe.skipIf(skip !== "").each(Object.keys(SHELLS) as (keyof typeof SHELLS)[])("a job of %s", (shell) => {
  test("runs on in the background, and writes to the terminal", async () => {
    using terminal = new Tmux(SHELLS[shell]);
    const name = uniqueName();
    terminal.enter(
      `${minibox} run --name ${name} ${busybox} sh -c 'sleep 0.5; echo out''put; exec sleep 1000' &`,
    );
    await terminal.shows(/^(\$ )*output/m);
    const pid = await running(name, "sleep");
    await until("it waits", () => stateOf(pid) === "S");
    terminal.enter("jobs");
    await terminal.shows(/\] *\+? +[Rr]unning/);
    terminal.enter("kill %1; wait; echo wai''ted");
    await terminal.shows(/^waited$/m);
    await gone(pid);
  });

  test("leaves the terminal to the shell, and has it after fg, also without having been stopped", async () => {
    using terminal = new Tmux(SHELLS[shell]);
    const name = uniqueName();
    terminal.enter(
      `${minibox} run --name ${name} ${busybox} sh -c 'while read -r line; do echo "got $line."; done' &`,
    );
    const pid = await running(name, "sh");
    terminal.enter("echo for the she''ll");
    await terminal.shows(/^for the shell$/m);
    expect(terminal.screen()).not.toContain("got for");
    terminal.enter("fg");
    await until("it has the terminal", IS_RAW(terminal));
    terminal.enter("for the container");
    await terminal.shows(/^got for the container\.$/m);
    for (const word of ["one", "two"]) {
      terminal.press("C-z");
      await until("it is stopped", () => stateOf(pid) === "T");
      terminal.enter("bg");
      await until("it runs on", () => stateOf(pid) === "S");
      terminal.enter(`echo she''ll ${word}`);
      await terminal.shows(new RegExp(`^shell ${word}$`, "m"));
      terminal.enter("fg");
      await until("it has the terminal", IS_RAW(terminal));
      terminal.enter(word);
      await terminal.shows(new RegExp(`^got ${word}\\.$`, "m"));
    }
    terminal.press("C-c");
    await gone(pid);
    terminal.enter("echo status $?");
    await terminal.shows(/status 130$/m);
  });

  // dash's kill does not continue what it kills, as those of bash and zsh do
  const proceed = shell === "dash" ? "; kill -CONT %1" : "";

  test.each([`kill %1${proceed}`, "kill -9 %1", `kill -HUP %1${proceed}`])(
    "is ended by %p while it is stopped",
    async (kill) => {
      using terminal = new Tmux(SHELLS[shell]);
      const name = uniqueName();
      terminal.enter(`${minibox} run --name ${name} ${busybox} sleep 1000`);
      const pid = await running(name, "sleep");
      const inside = childrenOf(pid)[0]!;
      await until("it has the terminal", IS_RAW(terminal));
      terminal.press("C-z");
      await until("it is stopped", () => stateOf(pid) === "T");
      terminal.enter(kill);
      await gone(pid);
      await gone(inside);
    },
  );

  test("ends with the shell while it is stopped", async () => {
    using terminal = new Tmux(SHELLS[shell]);
    const name = uniqueName();
    terminal.enter(`${minibox} run --name ${name} ${busybox} sleep 1000`);
    const pid = await running(name, "sleep");
    const inside = childrenOf(pid)[0]!;
    await until("it has the terminal", IS_RAW(terminal));
    terminal.press("C-z");
    await until("it is stopped", () => stateOf(pid) === "T");
    terminal.enter("exit");
    terminal.enter("exit");
    await gone(pid);
    await gone(inside);
  });
});

const READER = `sh -c 'while read -r line; do echo "got $line."; done'`;

describe.skipIf(skip !== "")("a job", () => {
  test("in the background takes no time, and leaves the terminal's settings alone when it ends", async () => {
    using terminal = new Tmux();
    const name = uniqueName();
    terminal.enter(`${minibox} run --name ${name} ${busybox} ${READER} &`);
    const pid = await running(name, "sh");
    await terminal.shows(/^\[1\] \d+\n\$ $/m);
    const before = rawSettings(terminal);
    const used = ticksOf(pid);
    await Bun.sleep(1500); // no wait for anything: it is the time that is measured
    expect(ticksOf(pid) - used).toBeLessThan(5); // of 150
    await until("it waits", () => stateOf(pid) === "S");
    expect(rawSettings(terminal)).toBe(before);
    process.kill(pid, "SIGTERM");
    await gone(pid);
    expect(rawSettings(terminal)).toBe(before);
  });

  test.each(["", "--init "])("that is a full-screen program comes to the foreground (%p)", async (flag) => {
    using terminal = new Tmux();
    const name = uniqueName();
    const less = `${minibox} run --name ${name} ${flag}-v /tmp:/mnt ${host} less /mnt/${name}`;
    terminal.enter(`seq 1000 >/tmp/${name}; ${less} &`);
    await until("less is there", () => /^23\n/m.test(terminal.view()));
    const pid = supervisorOf(name);
    terminal.enter(`rm /tmp/${name}; fg`);
    await until("it has the terminal", IS_RAW(terminal));
    terminal.type("G");
    await until("less shows the end", () => /^1000$/m.test(terminal.view()));
    terminal.type("q");
    await gone(pid);
    terminal.enter("echo sta''tus $?");
    await terminal.shows(/status 0$/m);
  });

  test("with a program of the host's around it is stopped with it by ^Z", async () => {
    using terminal = new Tmux();
    const name = uniqueName();
    terminal.enter(`sh -c '${minibox} run --name ${name} ${busybox} sleep 1000; echo sta""tus $?'`);
    const pid = await running(name, "sleep");
    await until("it has the terminal", IS_RAW(terminal));
    terminal.press("C-z");
    await terminal.shows(/Stopped/);
    expect(stateOf(pid)).toBe("T");
    terminal.enter("fg");
    await until("it has the terminal", IS_RAW(terminal));
    terminal.press("C-c");
    await terminal.shows(/status 130$/m);
  });

  test("that no shell could continue is not stopped by ^Z", async () => {
    using terminal = new Tmux(`${minibox} run ${busybox} ${READER}`);
    await until("it has the terminal", IS_RAW(terminal));
    terminal.enter("one");
    await terminal.shows(/^got one\.$/m);
    terminal.press("C-z");
    terminal.enter("two");
    await terminal.shows(/^got .?two\.$/m);
  });

  test("with stty tostop is stopped by its output in the background, and can be killed or brought back", async () => {
    using terminal = new Tmux();
    terminal.enter("stty tostop");
    for (const [end, word] of [
      ["kill %1", "killed"],
      ["fg", "shown"],
    ] as const) {
      const name = uniqueName();
      terminal.enter(`${minibox} run --name ${name} ${busybox} sh -c 'echo is''${word}; exec sleep 1000' &`);
      await until("it is stopped", () => stateOf(supervisorOf(name)) === "T");
      const pid = supervisorOf(name);
      expect(terminal.screen()).not.toContain(`is${word}`);
      terminal.enter("jobs -l");
      await terminal.shows(/Stopped \(tty output\)/);
      terminal.enter(end);
      if (end === "fg") {
        await terminal.shows(/^isshown$/m);
        terminal.press("C-c");
      }
      await gone(pid);
    }
  });

  test("that somebody stops with SIGSTOP takes the terminal again when it is continued", async () => {
    using terminal = new Tmux();
    const name = uniqueName();
    terminal.enter(`${minibox} run --name ${name} ${busybox} ${READER}`);
    const pid = await running(name, "sh");
    await until("it has the terminal", IS_RAW(terminal));
    process.kill(pid, "SIGSTOP");
    await terminal.shows(/Stopped/);
    terminal.enter("bg");
    await until("it runs on", () => stateOf(pid) === "S");
    terminal.enter("echo she''ll; fg");
    await terminal.shows(/^shell$/m);
    await until("it has the terminal", IS_RAW(terminal));
    terminal.enter("word");
    await terminal.shows(/^got word\.$/m);
    terminal.press("C-d");
    await gone(pid);
  });

  test.each([
    ["that is disowned", (line: string) => `${line} & disown; exit`],
    ["under nohup", (line: string) => `nohup ${line} >/dev/null 2>&1 & exit`],
  ])("%s outlives the shell and its terminal", async (_, around) => {
    const name = uniqueName();
    let pid: number;
    let device: string;
    {
      using terminal = new Tmux();
      device = terminal.device;
      terminal.enter(around(`${minibox} run --name ${name} ${busybox} sleep 1000`));
      pid = await running(name, "sleep");
    }
    await until("the terminal is gone", () => !existsSync(device));
    await until("it waits", () => stateOf(pid) === "S");
    process.kill(pid, "SIGTERM");
    await gone(pid);
  });

  test("that reads a terminal which is gone comes to the end of its input", async () => {
    const name = uniqueName();
    let pid: number;
    {
      using terminal = new Tmux();
      terminal.enter(`${minibox} run --name ${name} ${busybox} ${READER} & disown`);
      pid = await running(name, "sh");
    }
    await gone(pid);
  });

  test("of another session leaves the terminal to the shell", async () => {
    using terminal = new Tmux();
    const name = uniqueName();
    terminal.enter(
      `setsid ${minibox} run --name ${name} ${busybox} sh -c 'echo out''put; ${READER.slice(7)} &`,
    );
    await terminal.shows(/output$/m);
    const pid = await running(name, "sh");
    terminal.enter("echo for the she''ll");
    await terminal.shows(/^for the shell$/m);
    expect(terminal.screen()).not.toContain("got for");
    process.kill(pid, "SIGTERM");
    await gone(pid);
  });
});

describe.skipIf(skip !== "")("an ordinary user's container", () => {
  let place: Place;
  beforeAll(() => {
    place = makePlace();
  });
  afterAll(() => place.remove());

  test("is a job as root's is, on a terminal that the user may not open by its name", async () => {
    using terminal = new Tmux();
    const words = userWords([place.minibox, "run", place.rootfs]).join(" ");
    terminal.enter("cd /");
    terminal.enter(`${words} ${READER} &`);
    await terminal.shows(/^\[1\] \d+$/m);
    terminal.enter("fg");
    await until("it has the terminal", IS_RAW(terminal));
    terminal.enter("one");
    await terminal.shows(/^got one\.$/m);
    terminal.press("C-z");
    await terminal.shows(/Stopped/);
    terminal.enter("fg");
    await until("it has the terminal", IS_RAW(terminal));
    terminal.enter("two");
    await terminal.shows(/^got two\.$/m);
    terminal.press("C-d");
    await terminal.shows(/got two\.\n\$ ?$/m);
    terminal.enter(`echo input | ${words} sh -c 'read -r key </dev/tty; echo "key $key, $(cat)."'`);
    await until("the shell has let go of the terminal", () => !rawSettings(terminal).endsWith("--"));
    terminal.enter("word");
    await terminal.shows(/key word, input\.$/m);
  });
});
