// Owns: a shell's job control on the container's terminal.

import { describe, expect, test } from "bun:test";
import { hostView } from "../../support/host-view.ts";
import { MINIBOX, skipReason } from "../../support/minibox.ts";
import { Tmux, typed } from "../../support/tmux.ts";

const view = hostView();

describe.skipIf(skipReason("tmux") !== "")("bash on a terminal", () => {
  test("stops, lists, resumes and kills jobs", async () => {
    using tmux = new Tmux();
    const bash = view.words(["env", "'PS1=in% '", "bash", "--norc", "--noprofile"]);
    tmux.enter(`${typed(MINIBOX)} run ${bash.join(" ")}`);
    await tmux.shows(/^in% $/m);
    tmux.enter("sleep 1000");
    // the shell has given the terminal to the job: ^Z stops that, not the shell
    await tmux.shows(/^in% sleep 1000$/m);
    tmux.press("C-z");
    await tmux.shows(/\[1\]\+ {2}Stopped +sleep 1000/);
    tmux.enter("bg %1; jobs");
    await tmux.shows(/\[1\]\+ {2}Running +sleep 1000 &/);
    tmux.enter("fg %1");
    await tmux.shows(/^in% fg %1\nsleep 1000$/m);
    tmux.press("C-c");
    await tmux.shows(/\^C\n+in% $/m);
    tmux.enter("sleep 1000 & kill %1; wait %1; echo status $?");
    await tmux.shows(/^status 143$/m);
    tmux.enter("exit 7");
    await tmux.shows(/^exit\n\$ $/m);
    expect(await tmux.ask("echo $?", "code")).toBe("7");
  });
});
