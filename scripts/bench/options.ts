// Owns the bench's command line.

import { parseArgs } from "node:util";
import { NAMES } from "./programs.ts";

/** The command that installs, on Debian, everything that is measured. */
export const INSTALL = "apt-get install hyperfine busybox-static runc crun podman bubblewrap golang-go";

export const HELP = `Usage: bun run bench [options]

Measures minibox beside runc, crun, bwrap, unshare, podman and the "containers from scratch"
original in Go, all in one run, and prints tables as markdown: one container with docker's
default confinement, one without its seccomp filter, many containers eight at a time, and the
memory of what waits beside a running container.
Needs root, hyperfine and a static busybox; a program that is not installed has a row that
says so. All of them, on Debian:
  ${INSTALL}
Takes three to four minutes.

Options:
  --quick          fewer rounds and runs: about a minute, for a first look
  --rounds N       rounds over all programs (default: 8; quick: 3). Rounds are what evens out
                   a noisy machine: each program is measured in every one of them
  --runs N         runs of each program in a round (default: 25; quick: 10)
  --containers N   containers of the third table (default: 200)
  --only A,B,…     only these: ${NAMES.join(", ")}
  --phases         instead of the tables: where the time, the CPU time and the page faults of
                   one start go, by process and phase, beside two bare starts of Bun
  --minibox FILE   measure a copy of this binary (default: one that is built from the source)
  --json FILE      write everything measured, each single time included
  -h, --help       this text

How it is fair: hyperfine starts every program without a shell, in turns, all in the same
namespaces, and medians are taken over the samples of all rounds. The bundle of runc and crun
asks for what minibox does by default: namespaces, cgroup, mounts, masked paths, capabilities
and seccomp filter. podman's defaults are similar. Programs without a seccomp filter are
compared with minibox, runc and crun without theirs. "wide open" is minibox with all other
confinement turned off as well: the difference is what confinement costs. crun refuses a host
with cgroup v1 and v2 side by side, so there the v2 mount is taken away for all programs.
bwrap and unshare make no cgroup; the Go original has pid, mount and uts namespaces only.
podman runs crun, or else runc, for each container.
The last rows run the same command without a container, to show how fast minibox could be:
"Bun twice" starts a Bun program that starts itself again, as minibox does, and does nothing
else; "no container" runs the command directly.

Everything that the bench makes is removed at the end, also on ^C; anything left is listed.
Exit status: 0 done, 1 something failed or was left behind, 2 used wrongly, 130 interrupted.
`;

export interface Options {
  rounds: number;
  runs: number;
  warmup: number;
  burstRounds: number;
  containers: number;
  only: string[];
  phases: boolean;
  minibox: string | undefined;
  json: string | undefined;
}

export class UsageError extends Error {}

/** Parses the command line; undefined where help was asked for. @throws UsageError */
export function parseOptions(words: readonly string[]): Options | undefined {
  const values = parse(words);
  if (values.help) return undefined;
  const quick = values.quick ?? false;
  const only = values.only?.split(",").map((name) => name.trim()) ?? [];
  for (const name of only)
    if (!(NAMES as readonly string[]).includes(name))
      throw new UsageError(`--only: "${name}" is none of ${NAMES.join(", ")}`);
  return {
    rounds: count("--rounds", values.rounds, quick ? 3 : 8),
    runs: count("--runs", values.runs, quick ? 10 : 25),
    warmup: quick ? 1 : 3,
    burstRounds: quick ? 1 : 3,
    containers: count("--containers", values.containers, 200),
    only,
    phases: values.phases ?? false,
    minibox: values.minibox,
    json: values.json,
  };
}

function parse(words: readonly string[]) {
  try {
    return parseArgs({
      args: [...words],
      options: {
        quick: { type: "boolean" },
        rounds: { type: "string" },
        runs: { type: "string" },
        containers: { type: "string" },
        only: { type: "string" },
        phases: { type: "boolean" },
        minibox: { type: "string" },
        json: { type: "string" },
        help: { type: "boolean", short: "h" },
      },
    }).values;
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}

function count(flag: string, text: string | undefined, otherwise: number): number {
  if (text === undefined) return otherwise;
  if (!/^[1-9]\d{0,5}$/.test(text)) throw new UsageError(`${flag}: "${text}" must be a number from 1`);
  return Number(text);
}
