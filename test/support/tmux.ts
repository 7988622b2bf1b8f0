// Owns a real terminal with a shell in it: tmux, driven by keys and read as a person sees the screen.

import { resolve } from "node:path";
import { SLOWNESS } from "./container.ts";
import { MINIBOX, ROOT, TOP } from "./minibox.ts";

let count = 0;

/** The shells with job control, started without a person's settings. */
export const SHELLS = {
  bash: "bash --norc --noprofile",
  dash: "dash",
  zsh: "zsh -f -o nopromptsp",
} as const;

/** A terminal of 80 by 24 in which a shell waits at the prompt "$ ". */
export class Tmux {
  private readonly socket = `minibox-test-${process.pid}-${++count}`;

  constructor(words: string = SHELLS.bash) {
    const shell = `exec env -u ENV PS1='$ ' HISTFILE= ${words}`;
    this.tmux("-f", "/dev/null", "new-session", "-d", "-x", "80", "-y", "24", "-c", TOP, shell);
    this.tmux("set-option", "-g", "window-size", "manual");
  }

  private tmux(...words: string[]): string {
    const done = Bun.spawnSync(["tmux", "-L", this.socket, ...words], {
      env: { ...process.env, TERM: "xterm" },
    });
    if (!done.success) throw new Error(`tmux ${words.join(" ")}: ${done.stderr}`);
    return done.stdout.toString();
  }

  /** Types text as it is. */
  type(text: string): void {
    this.tmux("send-keys", "-l", text);
  }

  /** Presses keys by tmux's names: Enter, C-c, Escape. */
  press(...keys: string[]): void {
    this.tmux("send-keys", ...keys);
  }

  /** Types a line. */
  enter(line: string): void {
    this.type(line);
    this.press("Enter");
  }

  /** The terminal's device file. */
  get device(): string {
    return this.tmux("display-message", "-p", "#{pane_tty}").trim();
  }

  resize(columns: number, rows: number): void {
    this.tmux("resize-window", "-x", String(columns), "-y", String(rows));
  }

  /** The text of the screen, and above it what has scrolled out. */
  screen(): string {
    return this.tmux("capture-pane", "-p", "-J", "-S", "-");
  }

  /** The text of the screen alone. */
  view(): string {
    return this.tmux("capture-pane", "-p");
  }

  /** Waits until the screen matches; returns it. @throws Error when it does not match within the seconds */
  async shows(pattern: RegExp, seconds = 30 * SLOWNESS): Promise<string> {
    const deadline = performance.now() + seconds * 1000;
    for (;;) {
      const screen = this.screen();
      if (pattern.test(screen)) return screen;
      if (performance.now() > deadline) throw new Error(`the screen does not show ${pattern}:\n${screen}`);
      await Bun.sleep(20);
    }
  }

  /** Runs a command that prints one word, and returns the word. Each question needs another mark. */
  async ask(line: string, mark: string): Promise<string> {
    this.enter(`echo "${mark}=$(${line})"`);
    const screen = await this.shows(new RegExp(`^${mark}=(\\S+)$`, "m"));
    return new RegExp(`^${mark}=(\\S+)$`, "m").exec(screen)![1]!;
  }

  [Symbol.dispose](): void {
    Bun.spawnSync(["tmux", "-L", this.socket, "kill-server"], { stderr: "ignore" });
  }
}

/** A path to type: relative where it is below the repository. */
export const typed = (path: string): string => resolve(path).replace(`${TOP}/`, "./");

/** The binary with the test file's own state directory, to type in front of a command. */
export const typedMinibox = (): string => `${typed(MINIBOX)} --root ${ROOT}`;
