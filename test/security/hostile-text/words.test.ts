// Words, variables and names of the caller's that would control a terminal: minibox shows them, and they do nothing.

import { beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { COMMANDS } from "../../../src/cli/commands.ts";
import { GLOBAL_FLAGS } from "../../../src/cli/global-flags.ts";
import { runFlags } from "../../../src/cli/run-flags.ts";
import { makeRoot, reason } from "../../support/explain.ts";
import {
  BYTE,
  bytes,
  forShell,
  HOSTILE,
  HOSTILE_LINE,
  harmIn,
  SHOWN,
  type Told,
  tell,
  told,
} from "../../support/hostile.ts";
import { MINIBOX } from "../../support/minibox.ts";

setDefaultTimeout(30_000);
const { scratch, root } = makeRoot();
const here = { cwd: scratch };
const all = ({ stdout, stderr }: Told): string => stdout + stderr;

beforeAll(() => {
  writeFileSync(bytes(`${scratch}/file${HOSTILE}`), "no directory");
  mkdirSync(bytes(`${scratch}/empty${HOSTILE}`));
  writeFileSync(bytes(`${scratch}/env${HOSTILE}`), bytes(`${HOSTILE_LINE} x=1\n`));
  writeFileSync(join(scratch, "env"), bytes(`=${HOSTILE_LINE}\n`));
  writeFileSync(join(scratch, "no.json"), bytes(`{"defaultAction": "${HOSTILE_LINE}`));
  writeFileSync(join(scratch, "action.json"), JSON.stringify({ defaultAction: HOSTILE }));
  const syscalls = [{ names: [HOSTILE], action: "SCMP_ACT_ERRNO", errnoRet: HOSTILE }];
  writeFileSync(join(scratch, "call.json"), JSON.stringify({ defaultAction: "SCMP_ACT_ALLOW", syscalls }));
});

describe.skipIf(reason !== "")("an error names, and does not write to the terminal, a hostile", () => {
  test.each([
    ["command", [HOSTILE]],
    ["command that help is asked for", ["help", HOSTILE]],
    ["further word", ["version", HOSTILE]],
    ["global flag", [`--${HOSTILE}`]],
    ["flag", ["run", `--${HOSTILE}`]],
    ["letter", ["run", `-${HOSTILE_LINE}`]],
    ["value for a flag that takes none", ["run", `--init=${HOSTILE}`]],
    ["rootfs without a command", ["run", HOSTILE]],
    ["rootfs that is missing", ["run", HOSTILE, "true"]],
    ["rootfs that is a file", ["run", `file${HOSTILE}`, "true"]],
    ["rootfs that is empty", ["run", `empty${HOSTILE}`, "true"]],
    ["rootfs with almost this name", ["run", `empt${HOSTILE}`, "true"]],
    ["place of the log", ["--log", `${HOSTILE}/x`, "version"]],
    ["format of the log", ["--log-format", HOSTILE, "version"]],
    ["state directory", ["--root", `file${HOSTILE}/x`, "state", "x"]],
    ["name of a new container", ["create", "--name", HOSTILE, root, "true"]],
    ["bundle", ["create", "--bundle", HOSTILE, "x"]],
    ["name for a bundle", ["create", "--bundle", scratch, HOSTILE]],
    ["container of state", ["state", HOSTILE]],
    ["container of start", ["start", HOSTILE]],
    ["container of pause", ["pause", HOSTILE]],
    ["container of resume", ["resume", HOSTILE]],
    ["container of kill", ["kill", HOSTILE]],
    ["container of delete", ["delete", HOSTILE]],
    ["signal", ["kill", "x", HOSTILE]],
    ["file of variables", ["run", "--env-file", HOSTILE, root, "true"]],
    ["name of a file of variables", ["run", "--env-file", `env${HOSTILE}`, root, "true"]],
    ["line of a file of variables", ["run", "--env-file", "env", root, "true"]],
    ["seccomp profile", ["run", "--security-opt", `seccomp=${HOSTILE}`, root, "true"]],
    ["action of a seccomp profile", ["run", "--security-opt", "seccomp=action.json", root, "true"]],
    ["errno of a seccomp profile", ["run", "--security-opt", "seccomp=call.json", root, "true"]],
    ["source of a volume", ["run", "-v", `/${HOSTILE}:/x`, root, "true"]],
    ["destination of a volume", ["run", "-v", `/none:/${HOSTILE}`, root, "true"]],
    ["option of a volume", ["run", "-v", `/tmp:/x:${HOSTILE}`, root, "true"]],
    ["type of a mount", ["run", "--mount", `type=${HOSTILE},dst=/x`, root, "true"]],
    ["key of a mount", ["run", "--mount", `type=tmpfs,${HOSTILE}=1,dst=/x`, root, "true"]],
    ["option of a tmpfs", ["run", "--tmpfs", `/x:${HOSTILE}`, root, "true"]],
    ["working directory", ["run", "-w", `/etc/passwd/${HOSTILE}`, root, "true"]],
    ["user", ["run", "-u", HOSTILE, root, "true"]],
    ["group", ["run", "-u", `0:${HOSTILE}`, root, "true"]],
    ["time limit", ["run", "--timeout", HOSTILE, root, "true"]],
    ["size", ["run", "-m", HOSTILE, root, "true"]],
    ["limit's name", ["run", "--ulimit", `${HOSTILE}=1`, root, "true"]],
    ["capability", ["run", "--cap-add", HOSTILE, root, "true"]],
    ["user namespace", ["run", "--userns", HOSTILE, root, "true"]],
    ["cgroup", ["run", "-m", "64m", "--cgroup-parent", `/${HOSTILE}`, root, "true"]],
    ["host name", ["run", "--hostname", `${HOSTILE}${"x".repeat(64)}`, root, "true"]],
    ["place of an attestation", ["run", "--attest", `${HOSTILE}/x`, root, "true"]],
  ] as [string, string[]][])("%s", async (_, words) => {
    const result = await told(words, here);
    expect(harmIn(all(result))).toEqual([]);
    expect(result.stdout).toBe("");
    expect(result.stderr).toMatch(/^minibox: [^\n]+\n(?: {2}[^\n]+\n)*$/);
    expect(result.stderr).toMatch(SHOWN);
    expect(result.status).toBe(125);
  });
});

describe.skipIf(reason !== "")("whatever a hostile value becomes, nothing of it is printed raw, for", () => {
  const withValue = Object.entries(runFlags()).filter(([, { type }]) => type === "string");
  test.each(withValue.map(([name]) => name))("run --%s", async (name) => {
    expect(harmIn(all(await told(["run", "--trace", `--${name}=${HOSTILE}`, root, "true"], here)))).toEqual(
      [],
    );
  });

  test.each(Object.keys(GLOBAL_FLAGS))("the global --%s", async (name) => {
    for (const words of [[`--${name}=${HOSTILE}`], [`--${name}`, HOSTILE]])
      expect(harmIn(all(await told([...words, "state", "x"], here)))).toEqual([]);
  });

  test.each(Object.keys(COMMANDS))("the words of %s", async (name) => {
    for (const words of [[`--${HOSTILE}`], ["x", "y", HOSTILE], [HOSTILE, "--help"]])
      expect(harmIn(all(await told([name, ...words], here)))).toEqual([]);
  });
});

describe.skipIf(reason !== "")("what surrounds minibox:", () => {
  test.each([
    ["C", "\\u015b2J\\u65e5"],
    ["pl_PL.ISO-8859-2", "\\u015b2J\\u65e5"],
    ["C.UTF-8", "ś2J日"],
  ])("a terminal that may not be one of UTF-8, in the locale %s", async (locale, shown) => {
    // the last byte of "ś" alone is CSI; bash warns where the host lacks a locale
    for (const before of [`export LC_ALL=${locale}`, `unset LC_ALL LC_CTYPE; export LANG=${locale}`]) {
      const { stderr } = await told(["state", "ś2J日"], { before });
      expect(stderr).toEndWith(`minibox: the container "${shown}" does not exist\n`);
      const traced = (await told(["run", "--trace", "-w", "/ś2J日", root, "ś2J日"], { before })).stderr;
      const lines = traced.split("\n").filter((line) => /2J/.test(line));
      expect(lines.length).toBeGreaterThan(5);
      expect(lines.filter((line) => !line.includes(shown))).toEqual([]);
    }
  });

  test("a hostile working directory", async () => {
    const before = `cd ${forShell(`${scratch}/empty${HOSTILE}`)}`;
    const result = await told(["create", "--bundle", "b", "x"], { before });
    expect(harmIn(all(result))).toEqual([]);
    expect(result.stderr).toMatch(SHOWN);
  });

  test("a hostile directory for an ordinary user's states", async () => {
    const directory = `${scratch}/own${HOSTILE.replace(BYTE, "")}`;
    const before = `export XDG_RUNTIME_DIR=${forShell(directory)}`;
    mkdirSync(bytes(directory));
    writeFileSync(bytes(`${directory}/minibox`), "no directory");
    const result = await tell(["unshare", "--user", MINIBOX, "state", "x"], { before });
    expect(harmIn(all(result))).toEqual([]);
    expect(result.stderr).toContain("\\u009b");
  });
});
