// Owns containers that run while a test looks at them: started in the background, watched, signalled, waited for.

import { readFileSync } from "node:fs";
import { MINIBOX, type Result, ROOT, TOP } from "./minibox.ts";

/** A `minibox run` in the background. */
export interface Running {
  /** the supervisor's pid */
  readonly pid: number;
  /** waits until stdout has this text; fails when the run ends first */
  says(text: string): Promise<void>;
  /** sends a signal to the supervisor */
  signal(number: number): void;
  /** writes to its stdin */
  write(text: string): void;
  /** ends its stdin */
  closeInput(): void;
  /** everything on stdout so far */
  readonly stdout: string;
  /** everything on stderr so far */
  readonly stderr: string;
  readonly ended: Promise<Result>;
}

/** Starts `minibox run WORDS…` with the test file's own state directory; `wrapper` is words to put in front. */
export const start = (words: readonly string[], wrapper: readonly string[] = []): Running =>
  startMinibox(["--root", ROOT, "run", ...words], wrapper);

/** Starts `minibox WORDS…` in the background; `wrapper` is words to put in front. */
export function startMinibox(words: readonly string[], wrapper: readonly string[] = []): Running {
  const child = Bun.spawn([...wrapper, MINIBOX, ...words], {
    stdin: "pipe",
    stdout: "pipe",
    stderr: "pipe",
    cwd: TOP,
    env: process.env,
  });
  const text = { stdout: "", stderr: "" };
  const waiting: (() => void)[] = [];
  let over = false;
  const collect = async (name: "stdout" | "stderr"): Promise<void> => {
    const decoder = new TextDecoder();
    for await (const chunk of child[name]) {
      text[name] += decoder.decode(chunk, { stream: true });
      for (const wake of waiting.splice(0)) wake();
    }
  };
  const ended = Promise.all([collect("stdout"), collect("stderr"), child.exited]).then(([, , status]) => {
    over = true;
    for (const wake of waiting.splice(0)) wake();
    return { status, ...text };
  });
  return {
    pid: child.pid,
    async says(wanted) {
      while (!text.stdout.includes(wanted)) {
        if (over) throw new Error(`it ended without "${wanted}": ${JSON.stringify({ ...text })}`);
        await new Promise<void>((wake) => waiting.push(wake));
      }
    },
    signal: (number) => signal(child.pid, number),
    write(input) {
      child.stdin.write(input);
      child.stdin.flush();
    },
    closeInput: () => {
      child.stdin.end();
    },
    get stdout() {
      return text.stdout;
    },
    get stderr() {
      return text.stderr;
    },
    ended,
  };
}

/** kill(2) with a signal from 1 to 64, or with 0, which only asks whether the process exists; false where it fails. */
export function signal(pid: number, number: number): boolean {
  try {
    return process.kill(pid, number);
  } catch {
    return false;
  }
}

/** Waits until a condition holds. @throws Error with these words when it does not hold within the seconds */
export async function until(
  words: string,
  condition: () => boolean | Promise<boolean>,
  seconds = 30 * SLOWNESS,
): Promise<void> {
  const deadline = performance.now() + seconds * 1000;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`not within ${seconds} s: ${words}`);
    await Bun.sleep(10);
  }
}

/** Moments, in milliseconds, that are spread evenly over as long as the work takes on this machine now. */
export async function momentsOf(work: () => Promise<unknown>, count: number): Promise<number[]> {
  const started = performance.now();
  await work();
  const whole = performance.now() - started;
  return Array.from({ length: count }, (_, i) => (whole * i) / count);
}

/** The factor by which time limits grow: the virtual machine of the cgroup tests is emulated, and so is slow. */
export const SLOWNESS = Number(process.env.MINIBOX_TEST_SLOWNESS ?? 1);

/** A name for a container that no other test uses. */
let count = 0;
export const uniqueName = (): string => `test-${process.pid}-${++count}`;

/** A file's text, or undefined where there is none. */
export function tryText(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}

/**
 * The pids of a process's children, in the host's pid namespace; in a keeper's place (src/sys/keeper.ts) its child, and
 * without pumps (src/sys/pump.ts).
 */
export const childrenOf = (pid: number): number[] =>
  allChildrenOf(pid)
    .filter((child) => tryText(`/proc/${child}/comm`) !== "minibox-pump\n")
    .flatMap((child) => (isKeeper(child, pid) ? allChildrenOf(child) : [child]));

/** The pid of a supervisor's keeper, or undefined where it has none. */
export const keeperOf = (pid: number): number | undefined =>
  allChildrenOf(pid).find((child) => isKeeper(child, pid));

/** A keeper has its own name, and in its first moment its parent's. */
function isKeeper(pid: number, parent: number): boolean {
  const name = tryText(`/proc/${pid}/comm`);
  return name === "minibox-keeper\n" || (name === "minibox\n" && name === tryText(`/proc/${parent}/comm`));
}

function allChildrenOf(pid: number): number[] {
  const children = tryText(`/proc/${pid}/task/${pid}/children`) ?? "";
  return children.trim().split(" ").filter(Boolean).map(Number);
}
