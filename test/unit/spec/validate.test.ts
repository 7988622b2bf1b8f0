// Tests src/spec/validate.ts: each mistake is told by its field, what asks for nothing is let through, and what comes
// out holds only what minibox reads.

import { describe, expect, test } from "bun:test";
import { SpecError } from "../../../src/errors.ts";
import { defaultProfile } from "../../../src/seccomp/default-profile.ts";
import { DEFAULT_CAPABILITIES, defaultSpec } from "../../../src/spec/default.ts";
import type { Spec } from "../../../src/spec/types.ts";
import { validate } from "../../../src/spec/validate.ts";

type Json = Record<string, unknown>;

/** The default object as JSON, with the value at the path ("linux.resources.cpu", "mounts.0.type") exchanged. */
function changed(path: string, value: unknown): Json {
  const spec = structuredClone(defaultSpec("/r", ["true"])) as unknown as Json;
  const names = path.split(".");
  let at = spec;
  for (const name of names.slice(0, -1)) {
    at[name] ??= {};
    at = at[name] as Json;
  }
  if (value === undefined) delete at[names.at(-1)!];
  else at[names.at(-1)!] = value;
  return spec;
}

function errorOf(value: unknown): string {
  try {
    validate(value);
  } catch (error) {
    expect(error).toBeInstanceOf(SpecError);
    const { field, message } = error as SpecError;
    expect(field === "" || message.startsWith(`${field}: `)).toBe(true);
    return message;
  }
  return "none";
}

const ids = (containerID: number, hostID: number, size: number) => ({ containerID, hostID, size });
const seccomp = (more: Json) => ({ defaultAction: "SCMP_ACT_ALLOW", ...more });

describe("what is wrong is told by its field:", () => {
  test.each<[string, unknown, string]>([
    ["ociVersion", undefined, "ociVersion: is required"],
    ["ociVersion", "2.0.0", 'ociVersion: "2.0.0" is not a version that minibox knows (1.0.0 to 1.3.0)'],
    ["ociVersion", "1.2", 'ociVersion: "1.2" is not'],
    ["root", undefined, "root: is required"],
    ["root.path", "", "root.path: must not be empty"],
    ["root.path", "/a\0b", "root.path: must not have a NUL byte in it"],
    ["root.readonly", "yes", 'root.readonly: must be true or false, not "yes"'],
    ["process", undefined, "process: is required"],
    ["process.cwd", "srv", 'process.cwd: "srv" must be an absolute path'],
    ["process.args", [], "process.args: must not be empty"],
    ["process.args", undefined, "process.args: is required"],
    ["process.args", [""], "process.args[0]: must not be empty"],
    ["process.args", "true", 'process.args: must be an array, not "true"'],
    ["process.args", ["sh", 5], "process.args[1]: must be a string, not 5"],
    ["process.args", ["sh", "a\0"], "process.args[1]: must not have a NUL byte in it"],
    ["process.env", ["A=1", "B"], 'process.env[1]: "B" must be NAME=VALUE'],
    ["process.env", ["=1"], 'process.env[0]: "=1" must be NAME=VALUE'],
    ["process.user", {}, "process.user.uid: is required"],
    ["process.user.uid", -1, "process.user.uid: must be an integer from 0 to 4294967294, not -1"],
    ["process.user.uid", 2 ** 32 - 1, "process.user.uid: must be an integer"],
    ["process.user.gid", "0", 'process.user.gid: must be an integer from 0 to 4294967294, not "0"'],
    ["process.user.additionalGids", [1, 1.5], "process.user.additionalGids[1]: must be an integer"],
    ["process.user.umask", 0o1000, "process.user.umask: must be an integer from 0 to 511, not 512"],
    ["process.user.username", "root", "process.user.username: is not supported by minibox"],
    ["process.terminal", 1, "process.terminal: must be true or false, not 1"],
    ["process.consoleSize", { height: 1 }, "process.consoleSize.width: is required"],
    ["process.consoleSize", { height: 1, width: 65536 }, "process.consoleSize.width: must be an integer"],
    [
      "process.capabilities.bounding",
      ["CAP_KIL"],
      'process.capabilities.bounding[0]: unknown capability "CAP_KIL", did you mean CAP_KILL?',
    ],
    ["process.oomScoreAdj", 1001, "process.oomScoreAdj: must be an integer from -1000 to 1000, not 1001"],
    [
      "process.rlimits",
      [{ type: "RLIMIT_FILES", soft: 1, hard: 1 }],
      'process.rlimits[0].type: "RLIMIT_FILES" is not one of RLIMIT_',
    ],
    [
      "process.rlimits",
      [{ type: "RLIMIT_CPU", soft: 2, hard: 1 }],
      "process.rlimits[0].soft: 2 is above the hard limit, 1",
    ],
    ["process.rlimits", [{ type: "RLIMIT_CPU", soft: 1 }], "process.rlimits[0].hard: is required"],
    [
      "process.rlimits",
      [{ type: "RLIMIT_CPU", soft: -1, hard: 1 }],
      "process.rlimits[0].soft: must be an integer from 0 to 2^64-1, not -1",
    ],
    [
      "process.rlimits",
      [0, 1].map(() => ({ type: "RLIMIT_CPU", soft: 1, hard: 1 })),
      "process.rlimits[1].type: RLIMIT_CPU is limited twice",
    ],
    ["hostname", "x".repeat(65), `hostname: "${"x".repeat(57)}..." is longer than 64 bytes`],
    ["domainname", "é".repeat(33), "domainname: "],
    ["annotations", { a: 1 }, 'annotations["a"]: must be a string, not 1'],
    ["annotations", { "": "x" }, 'annotations[""]: must have a name'],
    ["mounts", {}, "mounts: must be an array, not an object"],
    ["mounts.0", null, "mounts[0]: must be an object, not null"],
    ["mounts.1.destination", "", "mounts[1].destination: must not be empty"],
    ["mounts.1.destination", "/a/..", "mounts[1].destination: cannot be / itself"],
    ["mounts.0", { destination: "/x" }, "mounts[0].type: is required for all mounts but binds"],
    ["mounts.0", { destination: "/x", type: "bind" }, "mounts[0].source: is required for a bind"],
    [
      "mounts.0",
      { destination: "/x", source: "/y", options: ["rbind", "rro"] },
      'mounts[0].options[1]: "rro" is not supported by minibox',
    ],
    [
      "mounts.0",
      { destination: "/x", source: "/y", options: ["bind", "idmap"] },
      'mounts[0].options[1]: "idmap" is not supported',
    ],
    [
      "mounts.0",
      { destination: "/x", source: "/y", options: ["bind", "size=1"] },
      'mounts[0].options[1]: "size=1" is no option of a bind',
    ],
    [
      "mounts.0",
      { destination: "/x", source: "/y", options: ["bind", "sync"] },
      'mounts[0].options[1]: "sync" cannot be set on a bind',
    ],
    ["mounts.0.uidMappings", [ids(0, 0, 1)], "mounts[0].uidMappings: is not supported by minibox"],
    ["linux", undefined, "linux: is required"],
    [
      "linux.namespaces",
      [{ type: "pid" }],
      "linux.namespaces: needs one of type mount: the host's root must stay as it is",
    ],
    ["linux.namespaces", [{ type: "mount" }], "hostname: needs a uts namespace in linux.namespaces"],
    [
      "linux.namespaces.0.type",
      "net",
      'linux.namespaces[0].type: must be one of pid, network, mount, ipc, uts, user, cgroup, time, not "net"',
    ],
    ["linux.namespaces.1", { type: "pid" }, "linux.namespaces[1].type: the pid namespace is listed twice"],
    [
      "linux.namespaces.1.path",
      "/proc/1/ns/mnt",
      "linux.namespaces[1].path: joining a mount namespace is not supported by minibox",
    ],
    ["linux.namespaces.4.path", "ns", 'linux.namespaces[4].path: "ns" must be an absolute path'],
    ["linux.uidMappings", [ids(0, 0, 1)], "linux.gidMappings: must be given too"],
    ["linux.uidMappings", [ids(0, 0, 0)], "linux.uidMappings[0].size: must be an integer from 1"],
    [
      "linux.uidMappings",
      [ids(0, 2 ** 32 - 2, 2)],
      "linux.uidMappings[0].size: 2 goes beyond the last id, 4294967294",
    ],
    ["linux.uidMappings", [ids(0, 5, 5), ids(4, 20, 5)], "linux.uidMappings[1]: overlaps another mapping"],
    ["linux.uidMappings", [ids(0, 5, 5), ids(9, 9, 5)], "linux.uidMappings[1]: overlaps another mapping"],
    ["linux.devices", [{ type: "x", path: "/dev/a" }], "linux.devices[0].type: must be one of c, b, u, p"],
    [
      "linux.devices",
      [{ type: "c", path: "dev/a" }],
      'linux.devices[0].path: "dev/a" must be an absolute path',
    ],
    [
      "linux.devices",
      [{ type: "c", path: "/dev/a", major: 1 }],
      "linux.devices[0].minor: is required for a device of type c",
    ],
    [
      "linux.devices",
      [{ type: "b", path: "/dev/a", major: 4096, minor: 0 }],
      "linux.devices[0].major: must be an integer from 0 to 4095",
    ],
    ["linux.cgroupsPath", 5, "linux.cgroupsPath: must be a string, not 5"],
    [
      "linux.sysctl",
      { "vm.swappiness": "1" },
      "linux.sysctl[\"vm.swappiness\"]: is not the container's own, but the host's",
    ],
    [
      "linux.sysctl",
      { "net.ipv4/../../kernel/core_pattern": "x" },
      'linux.sysctl["net.ipv4/../../kernel/core_pattern"]: is no name of a sysctl',
    ],
    ["linux.sysctl", { "net..x": "x" }, 'linux.sysctl["net..x"]: is no name of a sysctl'],
    [
      "linux.sysctl",
      { "user.max_user_namespaces": "1" },
      'linux.sysctl["user.max_user_namespaces"]: needs a user namespace in linux.namespaces',
    ],
    [
      "linux.sysctl",
      { "net.ipv4.ip_forward": 1 },
      'linux.sysctl["net.ipv4.ip_forward"]: must be a string, not 1',
    ],
    ["linux.maskedPaths", ["proc"], 'linux.maskedPaths[0]: "proc" must be an absolute path'],
    [
      "linux.rootfsPropagation",
      "public",
      'linux.rootfsPropagation: must be one of private, rprivate, slave, rslave, shared, rshared, unbindable, runbindable, not "public"',
    ],
    ["linux.personality", { domain: "LINUX32" }, "linux.personality: is not supported by minibox"],
    ["linux.personality", "LINUX", 'linux.personality: must be an object, not "LINUX"'],
    ["linux.resources.devices", [{ type: "c" }], "linux.resources.devices[0].allow: is required"],
    [
      "linux.resources.devices",
      [{ allow: true, access: "x" }],
      'linux.resources.devices[0].access: "x" must be made of the letters r, w and m',
    ],
    ["linux.resources.memory", { limit: -2 }, "linux.resources.memory.limit: must be an integer from -1"],
    [
      "linux.resources.memory",
      { limit: 2n ** 63n },
      "linux.resources.memory.limit: must be an integer from -1 to 9007199254740991, not 9223372036854775808",
    ],
    [
      "linux.resources.memory",
      { swappiness: 0 },
      "linux.resources.memory.swappiness: is not supported by minibox",
    ],
    [
      "linux.resources.cpu",
      { cpus: "0-" },
      'linux.resources.cpu.cpus: "0-" is not a list of numbers (0-2,7)',
    ],
    ["linux.resources.cpu", { idle: 1 }, "linux.resources.cpu.idle: is not supported by minibox"],
    ["linux.resources.pids", { limit: 1.5 }, "linux.resources.pids.limit: must be an integer"],
    [
      "linux.resources.unified",
      { "memory.high": 5 },
      'linux.resources.unified["memory.high"]: must be a string, not 5',
    ],
    ["linux.seccomp", {}, "linux.seccomp.defaultAction: must be a string, not undefined"],
    ["linux.seccomp", seccomp({ flags: ["X"] }), 'linux.seccomp.flags[0]: unknown flag "X"'],
    [
      "linux.seccomp",
      seccomp({ syscalls: [{ names: [], action: "SCMP_ACT_LOG" }] }),
      "linux.seccomp.syscalls[0].names: must name at least one system call",
    ],
    [
      "linux.seccomp",
      seccomp({ syscalls: [{ names: ["a"], action: "SCMP_ACT_LOG", includes: { caps: ["CAP_KILL"] } }] }),
      "linux.seccomp.syscalls[0].includes: is not supported by minibox",
    ],
    [
      "linux.seccomp",
      seccomp({
        syscalls: [
          { names: ["a"], action: "SCMP_ACT_LOG", args: [{ index: 6, value: 1, op: "SCMP_CMP_EQ" }] },
        ],
      }),
      "linux.seccomp.syscalls[0].args[0].index: must be an integer from 0 to 5, not 6",
    ],
  ])("%s = %p", (path, value, message) => {
    expect(errorOf(changed(path, value))).toStartWith(message);
  });

  test("what is no object at all", () => {
    for (const value of [null, undefined, [], "x", 5])
      expect(errorOf(value)).toStartWith("must be an object, not ");
  });
});

describe("what the specification knows and minibox does not do", () => {
  const REFUSED: [string, unknown][] = [
    ["hooks", { poststop: [{ path: "/bin/true" }] }],
    ["solaris", { milestone: "x" }],
    ["windows", { layerFolders: ["x"] }],
    ["vm", { kernel: { path: "/k" } }],
    ["zos", { namespaces: [{ type: "mount" }] }],
    ["freebsd", { jail: { parent: "x" } }],
    ["process.scheduler", { policy: "SCHED_BATCH" }],
    ["process.ioPriority", { class: "IOPRIO_CLASS_IDLE", priority: 1 }],
    ["process.execCPUAffinity", { initial: "0" }],
    ["process.commandLine", "x"],
    ["linux.intelRdt", { closID: "x" }],
    ["linux.memoryPolicy", { mode: "MPOL_BIND" }],
    ["linux.netDevices", { eth0: { name: "x" } }],
    ["linux.timeOffsets", { boottime: { secs: 1 } }],
    ["linux.resources.blockIO", { weight: 10 }],
    ["linux.resources.hugepageLimits", [{ pageSize: "2MB", limit: 1 }]],
    ["linux.resources.network", { classID: 1 }],
    ["linux.resources.rdma", { mlx5_1: { hcaHandles: 1 } }],
    ["linux.resources.memory.kernel", 1],
    ["linux.resources.memory.disableOOMKiller", true],
    ["linux.resources.cpu.realtimeRuntime", 1],
    ["linux.resources.cpu.burst", 1],
  ];

  test.each(REFUSED)("is refused by its name: %s", (path, value) => {
    expect(errorOf(changed(path, value))).toBe(`${path}: is not supported by minibox`);
  });

  test.each(REFUSED)("is let through where nothing is asked for: %s", (path) => {
    for (const nothing of [null, {}, [], 0, "", false, { a: { b: [null, 0] } }])
      expect(errorOf(changed(path, nothing))).toBe("none");
  });
});

describe("what comes out", () => {
  test("is what went in, as a new object", () => {
    const given = changed("annotations", { "org.example": "x", __proto__x: "y" });
    const spec = validate(given);
    expect(spec as unknown).toEqual(given);
    expect(spec.mounts).not.toBe(given.mounts as Spec["mounts"]);
  });

  test("has none of what nobody knows, and no null", () => {
    const given = changed("process.unknown", 1);
    (given.linux as Json).other = {};
    (given.linux as Json).devices = null;
    (given.process as Json).apparmorProfile = "";
    (given as Json).domainname = "";
    expect(validate(given) as unknown).toEqual(changed("a", undefined));
  });

  test("has paths without detours, and what says nothing is left out", () => {
    const out = (path: string, value: unknown): Spec => validate(changed(path, value));
    expect(out("mounts.0.destination", "proc//x/../").mounts![0]!.destination).toBe("/proc");
    expect(out("linux.maskedPaths", ["/proc/../proc/kcore/"]).linux.maskedPaths).toEqual(["/proc/kcore"]);
    expect(
      out("linux.devices", [{ type: "c", path: "/dev/x", major: 1, minor: 2, fileMode: 0o20644 }]).linux
        .devices![0]!.fileMode,
    ).toBe(0o644);
    expect(
      out("linux.resources.cpu", { shares: 0, quota: -1, period: 0, cpus: "" }).linux.resources!.cpu,
    ).toEqual({
      quota: -1,
    });
    expect(out("linux.resources.pids", { limit: 0 }).linux.resources!.pids).toEqual({ limit: 0 });
    expect(
      out("linux.resources.devices", [{ allow: true, type: "", major: -1, minor: 3, access: "" }]).linux
        .resources!.devices,
    ).toEqual([{ allow: true, minor: 3 }]);
    expect(out("linux.rootfsPropagation", "").linux).not.toHaveProperty("rootfsPropagation");
    expect(out("linux.rootfsPropagation", "rslave").linux.rootfsPropagation).toBe("rslave");
    expect(out("linux.personality", { domain: "LINUX" }).linux).not.toHaveProperty("personality");
  });

  test("has limits of 64 bits exactly", () => {
    const most = 2n ** 64n - 1n;
    const rlimits = [{ type: "RLIMIT_CORE", soft: 9007199254740993n, hard: most }];
    expect(validate(changed("process.rlimits", rlimits)).process.rlimits as unknown).toEqual(rlimits);
    const small = [{ type: "RLIMIT_CORE", soft: 5n, hard: 6 }];
    expect(validate(changed("process.rlimits", small)).process.rlimits).toEqual([
      { type: "RLIMIT_CORE", soft: 5, hard: 6 },
    ]);
  });

  test("has the seccomp profile as it was, without what is not OCI's", () => {
    const profile = defaultProfile("x86_64", DEFAULT_CAPABILITIES);
    expect(
      validate(changed("linux.seccomp", { ...profile, comment: "x", flags: null })).linux.seccomp,
    ).toEqual(profile);
  });

  test("has a key of annotations that is named __proto__", () => {
    const spec = validate(changed("annotations", JSON.parse('{"__proto__": "x"}')));
    expect(JSON.stringify(spec.annotations)).toBe('{"__proto__":"x"}');
  });
});

describe("sysctls of the container's own namespaces", () => {
  test.each([
    "net.ipv4.ip_forward",
    "net/ipv4/conf/eth0.5/forwarding",
    "kernel.shmmax",
    "fs.mqueue.msg_max",
    "kernel.domainname",
  ])("%s is let through", (name) => expect(errorOf(changed("linux.sysctl", { [name]: "1" }))).toBe("none"));
});

describe("fuzz: nothing but SpecError comes out", () => {
  const ODD: unknown[] = [
    ...[
      null,
      undefined,
      true,
      false,
      0,
      -1,
      1.5,
      Number.NaN,
      2 ** 53,
      2 ** 64,
      10n,
      2n ** 64n,
      "",
      "x",
      "/",
      "\0",
    ],
    ...[
      "__proto__",
      "constructor",
      "bind",
      "CAP_KILL",
      "RLIMIT_CPU",
      "LINUX",
      [],
      {},
      [null],
      [[]],
      [{}],
      [""],
    ],
    ...[{ path: "/x" }, { type: "pid" }, { a: "b" }, { toString: null }],
  ];

  /** Every object and list of the value, with its keys and some that it may have. */
  function places(value: unknown, out: [Json, string][] = []): [Json, string][] {
    if (typeof value !== "object" || value === null) return out;
    for (const key of [
      ...Object.keys(value),
      "path",
      "options",
      "resources",
      "seccomp",
      "syscalls",
      "personality",
    ]) {
      out.push([value as Json, key]);
      places((value as Json)[key], out);
    }
    return out;
  }

  test("an odd value in each place", () => {
    const whole = () =>
      structuredClone({
        ...defaultSpec("/r", ["true"]),
        linux: {
          ...defaultSpec("/r", ["true"]).linux,
          uidMappings: [ids(0, 0, 1)],
          devices: [{ type: "c", path: "/dev/x", major: 1, minor: 1 }],
          seccomp: { defaultAction: "SCMP_ACT_ALLOW", syscalls: [{ names: ["a"], action: "SCMP_ACT_LOG" }] },
          sysctl: { "net.x": "1" },
        },
      });
    let refused = 0;
    for (const [i] of places(whole()).entries())
      for (const odd of ODD) {
        const spec = whole();
        const [at, key] = places(spec)[i]!;
        at[key] = odd;
        if (errorOf(spec) !== "none") refused++;
      }
    expect(refused).toBeGreaterThan(1000);
  });
});
