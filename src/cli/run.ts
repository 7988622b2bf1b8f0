// Owns the `run` command: words to a request, outcome to an exit code.

import { abandon, begin, beginUserNamespace, type Starting } from "../container/begin.ts";
import { type RunRequest, run } from "../container/run.ts";
import { UsageError } from "../errors.ts";
import { nameFiles } from "../network/hosts.ts";
import { checkRootfs, resolvConfFor } from "../rootfs/check.ts";
import { resolveUser } from "../rootfs/user.ts";
import { type Given, type Host, specFromFlags, withUser } from "../spec/from-flags.ts";
import { parseCgroupParent, parseDuration, parseName } from "../spec/values.ts";
import type { TerminalPlan } from "../supervise/terminal-plan.ts";
import { SysError } from "../sys/errno.ts";
import { step } from "../sys/libc.ts";
import { geteuid } from "../sys/process.ts";
import { windowSize } from "../sys/terminal.ts";
import { type Parsed, parseFlags } from "./argv.ts";
import { environmentVariable, workingDirectory } from "./caller.ts";
import { type Compiler, confine, loadCompiler } from "./confinement.ts";
import { readNamedFile } from "./named-files.ts";
import { note } from "./report.ts";
import { RUN_FLAGS } from "./run-flags.ts";
import { terminalFor } from "./terminal.ts";

const DEFAULT_STOP_TIMEOUT = 10_000;

/** Runs `minibox run WORDS…`, with the child spawned already or not; returns the exit code. @throws UsageError, RunError, SysError */
export function runCommand(words: readonly string[], early: Starting | undefined): number | Promise<number> {
  const parsed = parseFlags(words, RUN_FLAGS);
  const given = givenBy(parsed);
  if (given.is("help")) return import("./help.ts").then(({ runHelp }) => runHelp());
  const [rootfs, ...command] = parsed.rest;
  if (rootfs === undefined)
    throw new UsageError("run needs a root directory and a command: minibox run ROOTFS COMMAND");
  if (command[0] === "--") command.shift();
  if (command.length === 0) throw new UsageError(`run needs a command: minibox run ${rootfs} /bin/sh`);
  const extras = loadExtras(given);
  if (!extras) return start(rootfs, command, given, { early, onTrace: () => {} });
  return extras.then((loaded) => start(rootfs, command, given, { ...loaded, early }));
}

/** What only some runs need, or have. */
interface Extras {
  /** the child, where it was spawned before anything else */
  early?: Starting | undefined;
  compiler?: Compiler;
  attest?: RunRequest["attest"];
  userns?: RunRequest["userns"];
  onTrace: RunRequest["onTrace"];
}

/** Whether src/userns is loaded, which says if there is to be one. */
const mayHaveUserNamespace = (given: Given): boolean =>
  given.one("userns") !== undefined ||
  given.many("uidmap").length + given.many("gidmap").length > 0 ||
  geteuid() !== 0;

function loadExtras(given: Given): Promise<Extras> | undefined {
  const loading = loadCompiler(given);
  const attestTo = given.one("attest");
  const userns = mayHaveUserNamespace(given);
  if (!loading && !userns && attestTo === undefined && !given.is("trace")) return undefined;
  return (async () => {
    const extras: Extras = { onTrace: () => {} };
    const compiler = await loading;
    if (compiler) extras.compiler = compiler;
    if (attestTo !== undefined) extras.attest = (await import("./attest.ts")).attestTo(attestTo);
    if (userns) extras.userns = (await import("./userns.ts")).userNamespaceFor(given);
    if (!given.is("trace")) return extras;
    const { traceChild, traceParent } = await import("./trace.ts");
    traceParent();
    return { ...extras, onTrace: traceChild };
  })();
}

function start(rootfs: string, command: string[], given: Given, extras: Extras): number | Promise<number> {
  let starting: Starting;
  try {
    starting = extras.early ?? (extras.userns ? beginUserNamespace(given.is("trace")) : begin());
  } catch (error) {
    // root, but of a user namespace that does not own where we are (unshare -Ur), or without CAP_SYS_ADMIN
    if (!(error instanceof SysError) || error.syscall !== "setns") throw error;
    return import("./userns.ts").then(({ userNamespaceFor }) =>
      start(rootfs, command, given, { ...extras, userns: userNamespaceFor(given) }),
    );
  }
  let request: RunRequest;
  try {
    request = requestOf(rootfs, command, given, extras);
  } catch (error) {
    abandon(starting);
    throw error;
  }
  const outcome = run(starting, request);
  if (outcome instanceof Promise) return outcome;
  if (outcome.timedOut) request.warn(`the time limit of ${given.one("timeout")} was reached`);
  return outcome.status;
}

function givenBy({ given }: Parsed): Given {
  return {
    one: (flag) => given.get(flag)?.[0],
    many: (flag) => given.get(flag) ?? [],
    is: (flag) => given.get(flag)?.[0] === "true",
  };
}

function requestOf(rootfs: string, command: string[], given: Given, extras: Extras): RunRequest {
  step("look at the rootfs and the flags", "a mistake is told before anything is made for the container");
  const root = checkRootfs(rootfs);
  const terminal = terminalFor(given);
  const spec = specFromFlags(root, command, given, hostOf(root, terminal));
  withUser(spec, resolveUser(root, given.one("user")));
  const name = given.one("name");
  const id = name === undefined ? randomName() : parseName("--name", name);
  const cgroupParent = given.one("cgroup-parent");
  if (cgroupParent) spec.linux.cgroupsPath = parseCgroupParent("--cgroup-parent", cgroupParent, id);
  const timeout = given.one("timeout");
  const stopTimeout = given.one("stop-timeout");
  const warn = given.is("quiet") ? () => {} : note;
  return {
    id,
    bundle: "/",
    spec,
    ...confine(spec, given, extras.compiler, warn),
    userns: extras.userns,
    terminal,
    init: given.is("init"),
    chroot: given.is("chroot"),
    overlay: given.is("overlay"),
    ownFiles: nameFiles(root, spec.hostname!, given.one("network") === "host"),
    trace: given.is("trace"),
    attest: extras.attest,
    onTrace: extras.onTrace,
    timeout: timeout === undefined ? Number.POSITIVE_INFINITY : parseDuration("--timeout", timeout),
    stopTimeout:
      stopTimeout === undefined ? DEFAULT_STOP_TIMEOUT : parseDuration("--stop-timeout", stopTimeout),
    warn,
    explain: (error, pid, spec) =>
      import("../explain/index.ts").then(({ explainExec }) => explainExec(error, pid, spec)),
  };
}

/** Twelve hex digits, as docker shows them; a name in use is refused like any other. */
const randomName = (): string => Math.random().toString(16).slice(2, 14).padEnd(12, "0");

function hostOf(rootfs: string, terminal: TerminalPlan | undefined): Host {
  return {
    cwd: workingDirectory(),
    env: environmentVariable,
    readFile: (path) => readNamedFile(`--env-file: ${path}`, path),
    resolvConf: () => resolvConfFor(rootfs),
    terminal: terminal !== undefined,
    consoleSize: terminal ? windowSize(terminal.screen) : undefined,
  };
}
