// The names that fields of the OCI object have for somebody who typed flags.

import { describe, expect, test } from "bun:test";
import { parseFlags } from "../../../src/cli/argv.ts";
import { inFlags, nameOfField } from "../../../src/cli/field-flags.ts";
import { runFlags } from "../../../src/cli/run-flags.ts";

const typed = (line: string) => parseFlags(line.split(" ").filter(Boolean), runFlags()).given;

describe("a field has the name of its flag:", () => {
  test.each([
    ["linux.resources.memory.limit", "-m 64m", "--memory"],
    ["linux.resources.memory.swap", "-m 64m --memory-swap 1g", "--memory-swap"],
    ["linux.resources.memory.swap", "-m 64m", "--memory"],
    ["linux.resources.memory.swap", "", "--memory-swap"],
    [
      "linux.resources.memory.limit, linux.resources.memory.swap, linux.cgroupsPath",
      "-m 1g",
      "--memory, --cgroup-parent",
    ],
    ["linux.resources.cpu.quota", "--cpus 1", "--cpus"],
    ["linux.resources.cpu.cpus", "--cpuset-cpus 0", "--cpuset-cpus"],
    ["linux.resources.pids.limit", "", "--pids-limit"],
    ["linux.resources.memory, linux.resources.pids", "-m 1g", "--memory, --pids-limit"],
    ["linux.cgroupsPath", "--cgroup-parent /x", "--cgroup-parent"],
    ["process.user", "", "--user"],
    ["process.user.uid", "-u 1", "--user"],
    ["process.rlimits[2].type", "--ulimit x", "--ulimit"],
    ["mounts[9].destination", "-v /a:/b", "--volume"],
    ["mounts[9].destination", "-v /a:/b --tmpfs /x", "--volume or --tmpfs"],
    ["mounts[0].destination", "", "mounts[0].destination"],
    ["linux.seccomp", "--security-opt seccomp=/p --security-opt label=type:x", "--security-opt seccomp=/p"],
    [
      "process.selinuxLabel",
      "--security-opt seccomp=/p --security-opt label=type:x",
      "--security-opt label=type:x",
    ],
    ["linux.uidMappings[0].size", "--uidmap 0:1:2", "--uidmap"],
    ["linux.uidMappings", "--userns auto", "--userns"],
    ["linux.intelRdt.closID", "", "linux.intelRdt.closID"],
    ["hostname", "--hostname x", "--hostname"],
  ])("%s of '%s' is %s", (field, line, name) => {
    expect(nameOfField(field, typed(line))).toBe(name);
  });
});

test("in a sentence, and what only looks like a field stays", () => {
  const given = typed("-m 1g -v /a:/b");
  expect(inFlags("raise linux.resources.memory.limit, or process.rlimits[0].", given)).toBe(
    "raise --memory, or --ulimit.",
  );
  expect(inFlags("mounts[3].source must exist", given)).toBe("--volume must exist");
  const path = "see /usr/linux.resources.memory and x.process.user and linux.intelRdt";
  expect(inFlags(path, given)).toBe(path);
});

test("every flag in the table is one of run's", async () => {
  const source = await Bun.file(new URL("../../../src/cli/field-flags.ts", import.meta.url)).text();
  const flags = [...source.matchAll(/^ {2}\["[\w.]+", \[(.*)\]\],$/gm)].flatMap(([, list]) =>
    list!.split(", ").map((flag) => flag.slice(1, -1).split(" ")[0]!),
  );
  expect(flags.length).toBeGreaterThan(20);
  expect(flags.filter((flag) => !(flag in runFlags()))).toEqual([]);
});
