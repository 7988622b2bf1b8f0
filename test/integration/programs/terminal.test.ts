// The job control of a shell on the container's terminal.

import { describe, expect, test } from "bun:test";
import { hostView } from "../../support/host-view.ts";
import { skipReason } from "../../support/minibox.ts";
import { Tmux, typedMinibox } from "../../support/tmux.ts";

const view = hostView();

/** Types a line to cat, and waits until it is there twice: as the terminal's echo, and as cat's. */
async function typeTo(tmux: Tmux, word: string): Promise<void> {
  tmux.enter(word);
  await tmux.shows(new RegExp(`^${word}\\n${word}$`, "m"));
}

describe.skipIf(skipReason("tmux") !== "")("bash on a terminal", () => {
  test("stops, lists, resumes and kills jobs", async () => {
    using tmux = new Tmux();
    const bash = view.words(["env", "'PS1=in% '", "bash", "--norc", "--noprofile"]);
    tmux.enter(`${typedMinibox()} run ${bash.join(" ")}`);
    await tmux.shows(/^in% $/m);
    // a job that has said something has the terminal already: ^Z stops it, and not the shell
    tmux.enter(`sh -c 'echo "job" 1; exec sleep 1000'`);
    await tmux.shows(/^job 1$/m);
    tmux.press("C-z");
    await tmux.shows(/^\[1\]\+ {2}Stopped /m);
    tmux.enter("bg %1; jobs");
    await tmux.shows(/^\[1\]\+ {2}Running /m);
    tmux.enter("kill %1; wait %1; echo status $?");
    await tmux.shows(/^status 143$/m);
    // what is typed while bash still edits its line would be bash's: wait until that is over
    tmux.enter('echo "cat" 2; cat');
    await tmux.shows(/^cat 2$/m);
    await typeTo(tmux, "first");
    tmux.press("C-z");
    await tmux.shows(/^\[\d\]\+ {2}Stopped +cat$/m);
    tmux.enter("fg");
    await tmux.shows(/^in% fg\ncat$/m);
    await typeTo(tmux, "second");
    tmux.press("C-c");
    await tmux.shows(/^second\n\^C\n+in% $/m);
    tmux.enter("exit 7");
    await tmux.shows(/^exit\n\$ $/m);
    expect(await tmux.ask("echo $?", "code")).toBe("7");
  });
});
