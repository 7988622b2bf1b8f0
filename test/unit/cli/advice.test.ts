// What is said about a word that minibox does not know.

import { describe, expect, test } from "bun:test";
import { adviceFor } from "../../../src/cli/advice.ts";
import { COMMANDS } from "../../../src/cli/commands.ts";
import { COMMANDS_ELSEWHERE, FLAGS_ELSEWHERE } from "../../../src/cli/elsewhere.ts";
import { runFlags } from "../../../src/cli/run-flags.ts";

const FLAGS = Object.keys(runFlags()).map((name) => `--${name}`);
const flag = (word: string) => adviceFor({ kind: "flag", word, known: FLAGS });
const command = (word: string) => adviceFor({ kind: "command", word, known: Object.keys(COMMANDS) });

describe("what was meant is", () => {
  test.each([
    ["--hostnme", "--hostname"],
    ["--memroy", "--memory"],
    ["--readonly", "--read-only"],
    ["--mem", "--memory"], // also the beginning of --memory-swap, which --memory itself is
    ["--net", undefined],
    ["--netw", "--network"],
    ["--cap", "--cap-add or --cap-drop"],
    ["--xyzzy", undefined],
    ["--e", undefined],
    ["---", undefined],
    ["-Z", undefined],
  ])("for %s %s", (word, meant) => {
    expect(flag(word).meant).toBe(meant);
  });

  test("a command's name, in quotes", () => {
    expect(command("rnu").meant).toBe('"run"');
    expect(command("runn").meant).toBe('"run"');
    expect(command("vers").meant).toBe('"version"');
    expect(command("frobnicate")).toEqual({
      hint: expect.stringMatching(/^the commands are run, .*, version$/),
    });
  });
});

describe("docker's and podman's words", () => {
  test("are no words of minibox's own: such an entry is to be deleted", () => {
    const own = new Set([
      ...FLAGS,
      ...Object.values(runFlags()).flatMap((entry) => ("alias" in entry ? [`-${entry.alias}`] : [])),
    ]);
    expect([...FLAGS_ELSEWHERE.keys()].filter((word) => own.has(word))).toEqual([]);
    expect([...COMMANDS_ELSEWHERE.keys()].filter((word) => word in COMMANDS)).toEqual([]);
  });

  test("come before the nearest word of minibox's", () => {
    expect(flag("--device")).toEqual({ hint: expect.stringContaining("/dev") });
    expect(command("rm")).toEqual({ hint: expect.stringContaining("minibox delete") });
  });

  test("lead to flags that minibox has", () => {
    for (const hint of [...FLAGS_ELSEWHERE.values(), ...COMMANDS_ELSEWHERE.values()])
      for (const [named] of hint.matchAll(/(?<=^|[\s(])--[a-z-]+/g))
        expect([...FLAGS, "--bundle"]).toContain(named);
  });

  test.each(
    // docker run --help, as of 28
    "add-host annotation attach blkio-weight blkio-weight-device cap-add cap-drop cgroup-parent cgroupns cidfile cpu-period cpu-quota cpu-rt-period cpu-rt-runtime cpu-shares cpus cpuset-cpus cpuset-mems detach detach-keys device device-cgroup-rule device-read-bps device-read-iops device-write-bps device-write-iops disable-content-trust dns dns-option dns-search domainname entrypoint env env-file expose gpus group-add health-cmd health-interval health-retries health-timeout health-start-period help hostname init interactive ip ip6 ipc isolation kernel-memory label label-file link link-local-ip log-driver log-opt mac-address memory memory-reservation memory-swap memory-swappiness mount name network network-alias no-healthcheck oom-kill-disable oom-score-adj pid pids-limit platform privileged publish publish-all pull quiet read-only restart rm runtime security-opt shm-size sig-proxy stop-signal stop-timeout storage-opt sysctl tmpfs tty ulimit user userns uts volume volume-driver volumes-from workdir".split(
      " ",
    ),
  )("--%s is a flag of minibox's, or there is a line for it", (name) => {
    expect(FLAGS.includes(`--${name}`) || FLAGS_ELSEWHERE.has(`--${name}`)).toBe(true);
  });
});
