// Owns the bench's command line.

import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { NAMES, OCI, type Peer } from "./programs.ts";

/** The command that installs, on Debian, everything that is measured. */
export const INSTALL = "apt-get install busybox-static runc crun podman bubblewrap golang-go";

export const HELP = `Usage: bun run bench [options]

Measures minibox beside runc, crun, bwrap, unshare, podman and the "containers from scratch"
original in Go, all in one go, and prints tables as markdown: one container with docker's
default confinement, one without its seccomp filter, many containers eight at a time, and what
waits beside a running container.
Needs root and a static busybox; a program that is not installed has a row that says so. All
of them, on Debian:
  ${INSTALL}
Takes about six minutes.

Options:
  --quick          fewer runs: about two minutes, for a first look
  --runs N         single runs of each program (default: 200; quick: 30)
  --containers N   containers of the third table (default: 200)
  --load           single runs once more, a quarter as many, while as many endless loops as
                   there are processors keep the machine busy
  --phases         instead of the tables: where the time, the CPU time and the page faults of
                   one start go, by process and phase, beside two bare starts of Bun
  --only A,B,…     only these: ${NAMES.join(", ")}
  --peer NAME=FILE a further version of ${OCI.join(" or ")}, beside the installed one; may be repeated
  --minibox FILE   measure a copy of this binary (default: one that is built from the source)
  --json FILE      write everything measured, each single run included
  -h, --help       this text

How it is fair: every program is started without a shell, in turns, one run of each in every
turn and in a new order each time, all in the same namespaces; figures are medians of all
runs. CPU time is user and system time of a program and of all its descendants that were
waited for (wait4(2)), page faults are the minor ones of the same. What a program does in the
background after its end is nobody's: podman's conmon. The bundle of runc and crun asks for
what minibox does by default: namespaces, cgroup, mounts, masked paths, capabilities and
seccomp filter. podman's defaults are similar. Programs without a seccomp filter are compared
with minibox, runc and crun without theirs. "wide open" is minibox with all other confinement
turned off as well: the difference is what confinement costs. crun refuses a host with cgroup
v1 and v2 side by side, so there the v2 mount is taken away for all programs. bwrap and unshare
make no cgroup; the Go original has pid, mount and uts namespaces only. podman runs crun, or
else runc, for each container.
"Bun twice" shows how fast minibox could be: a Bun program that starts itself again, as minibox
does, and does nothing else. "no container" runs the command directly.
Memory that processes share as a whole is counted once (kcmp(2)).

Everything that the bench makes is removed at the end, also on ^C; anything left is listed.
Exit status: 0 done, 1 something failed or was left behind, 2 used wrongly, 130 interrupted.
`;

export interface Options {
  runs: number;
  warmup: number;
  burstRounds: number;
  containers: number;
  only: string[];
  phases: boolean;
  load: boolean;
  peers: Peer[];
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
    runs: count("--runs", values.runs, quick ? 30 : 200),
    warmup: quick ? 1 : 3,
    burstRounds: quick ? 1 : 3,
    containers: count("--containers", values.containers, 200),
    only,
    phases: values.phases ?? false,
    load: values.load ?? false,
    peers: (values.peer ?? []).map(peer),
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
        runs: { type: "string" },
        containers: { type: "string" },
        only: { type: "string" },
        phases: { type: "boolean" },
        load: { type: "boolean" },
        peer: { type: "string", multiple: true },
        minibox: { type: "string" },
        json: { type: "string" },
        help: { type: "boolean", short: "h" },
      },
    }).values;
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}

function peer(text: string): Peer {
  const [, word, file] = /^([^=]*)=(.+)$/s.exec(text) ?? [];
  const name = OCI.find((known) => known === word);
  if (name === undefined || file === undefined)
    throw new UsageError(`--peer: "${text}" must be ${OCI.map((known) => `${known}=FILE`).join(" or ")}`);
  return { name, path: resolve(file) };
}

function count(flag: string, text: string | undefined, otherwise: number): number {
  if (text === undefined) return otherwise;
  if (!/^[1-9]\d{0,5}$/.test(text)) throw new UsageError(`${flag}: "${text}" must be a number from 1`);
  return Number(text);
}
