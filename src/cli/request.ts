// Owns the way from the words of `run` and `create` to a container's request.

import type { Request } from "../container/create.ts";
import type { Options } from "../container/options.ts";
import { checkSecurityModules } from "../container/security-modules.ts";
import { UsageError } from "../errors.ts";
import { nameFiles } from "../network/hosts.ts";
import { openRootfs, resolvConfFor } from "../rootfs/check.ts";
import { resolveUser } from "../rootfs/user.ts";
import { type Compiler, filterFor } from "../seccomp/default-filter.ts";
import type { Given, Host } from "../spec/from-flags/given.ts";
import { requiredCapabilities } from "../spec/from-flags/security.ts";
import { parseDuration, parseName } from "../spec/from-flags/values.ts";
import { specFromFlags } from "../spec/from-flags.ts";
import type { TerminalPlan } from "../supervise/terminal-plan.ts";
import { tryReadFile } from "../sys/file.ts";
import { step } from "../sys/libc.ts";
import { quoted } from "../sys/printable.ts";
import { windowSize } from "../sys/terminal.ts";
import type { Parsed } from "./argv.ts";
import { environmentVariable, workingDirectory } from "./caller.ts";
import { profileName, seccompFor } from "./confinement.ts";
import { readNamedFile } from "./named-files.ts";
import { note } from "./report.ts";
import { terminalFor } from "./terminal.ts";

const DEFAULT_STOP_TIMEOUT = 10_000;

/** What was typed after the name of a command that makes a container. */
export interface Wanted {
  rootfs: string;
  /** the program to run and its arguments */
  args: string[];
  given: Given;
}

/** What the words of `minibox COMMAND` ask for. @throws UsageError */
export function wantedFrom(command: string, { given: values, rest }: Parsed): Wanted {
  const given: Given = {
    none: values.size === 0,
    one: (flag) => values.get(flag)?.[0],
    many: (flag) => values.get(flag) ?? [],
    is: (flag) => values.get(flag)?.[0] === "true",
  };
  const [rootfs, ...args] = rest;
  if (rootfs === undefined)
    throw new UsageError(
      `${command} needs a root directory and a command: minibox ${command} ROOTFS COMMAND`,
    );
  if (args[0] === "--") args.shift();
  if (args.length === 0)
    throw new UsageError(`${command} needs a command: minibox ${command} ${quoted(rootfs)} /bin/sh`);
  return { rootfs, args, given };
}

/** Notes and warnings of this command line. */
export const warnFor = (given: Given): ((message: string) => void) => (given.is("quiet") ? () => {} : note);

export interface Asked {
  request: Request;
  /** how the container's terminal is connected, where it has one */
  terminal: TerminalPlan | undefined;
}

/** Makes the request; what is wrong is told before anything is made for the container. @throws UsageError, RunError, SysError */
export function requestFrom({ rootfs, args, given }: Wanted, compiler: Compiler | undefined): Asked {
  step("look at the rootfs and the flags", "a mistake is told before anything is made for the container");
  const root = openRootfs(rootfs);
  const terminal = terminalFor(given);
  const name = given.one("name");
  const id = name === undefined ? randomName() : parseName("--name", name);
  const spec = specFromFlags(id, root.path, args, given, hostOf(root.fd, terminal, compiler));
  checkSecurityModules(spec);
  const profile = spec.linux.seccomp;
  const seccomp = profile && filterFor(profile, profileName(given), compiler, warnFor(given));
  const ownFiles = nameFiles(root.fd, spec.hostname!, given.one("network") === "host");
  return {
    request: {
      id,
      bundle: "/",
      rootfs: root.fd,
      spec,
      options: optionsFrom(given),
      host: { ownFiles, seccomp },
    },
    terminal,
  };
}

function optionsFrom(given: Given): Options {
  const timeout = given.one("timeout");
  const stopTimeout = given.one("stop-timeout");
  return {
    init: given.is("init"),
    noPivot: given.is("chroot"),
    overlay: given.is("overlay"),
    requiredCapabilities: requiredCapabilities(given),
    timeout: timeout === undefined ? undefined : parseDuration("--timeout", timeout),
    stopTimeout:
      stopTimeout === undefined ? DEFAULT_STOP_TIMEOUT : parseDuration("--stop-timeout", stopTimeout),
    trace: given.is("trace"),
  };
}

/** A container would inherit the caller's oom_score_adj: 0, as docker has it, where the caller's is another. */
const unusualOomScore = (): number | undefined =>
  tryReadFile("/proc/self/oom_score_adj") === "0\n" ? undefined : 0;

/** Twelve hex digits, as docker shows them; a name in use is refused like any other. */
const randomName = (): string => Math.random().toString(16).slice(2, 14).padEnd(12, "0");

function hostOf(root: number, terminal: TerminalPlan | undefined, compiler: Compiler | undefined): Host {
  return {
    get cwd() {
      return workingDirectory();
    },
    env: environmentVariable,
    readFile: (path) => readNamedFile(`--env-file: ${path}`, path),
    user: (text) => resolveUser(root, text),
    seccomp: (profile, capabilities) => seccompFor(profile, capabilities, compiler),
    resolvConf: () => resolvConfFor(root),
    oomScoreAdj: unusualOomScore,
    terminal: terminal !== undefined,
    consoleSize: terminal ? windowSize(terminal.screen) : undefined,
  };
}
