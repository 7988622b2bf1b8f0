// The flags of `run` become one OCI object: each flag changes what it says, and nothing else.

import { describe, expect, test } from "bun:test";
import { parseFlags } from "../../../src/cli/argv.ts";
import { runFlags } from "../../../src/cli/run-flags.ts";
import { UsageError } from "../../../src/errors.ts";
import { DEFAULT_CAPABILITIES, DEFAULT_MOUNTS } from "../../../src/spec/default.ts";
import type { Given, Host } from "../../../src/spec/from-flags/given.ts";
import { parseUlimit } from "../../../src/spec/from-flags/resources.ts";
import { specFromFlags } from "../../../src/spec/from-flags.ts";
import type { Spec } from "../../../src/spec/types.ts";
import { validate } from "../../../src/spec/validate.ts";

const FILES: Record<string, string> = {};
const HOST: Host = {
  cwd: "/home/me",
  env: (name) => ({ TERM: "tmux-256color", SECRET: "s3cret", EMPTY: "" })[name],
  readFile: (path) => {
    const text = FILES[path];
    if (text === undefined) throw new Error(`no ${path}`);
    return text;
  },
  user: () => ({ uid: 0, gid: 0, additionalGids: [], home: "/root" }),
  seccomp: (profile, capabilities) => ({
    defaultAction: "SCMP_ACT_ALLOW",
    syscalls: [{ names: [profile ?? "default", ...capabilities], action: "SCMP_ACT_ALLOW" }],
  }),
  resolvConf: () => undefined,
  oomScoreAdj: () => undefined,
  terminal: false,
  consoleSize: undefined,
};

function given(words: string[]): Given {
  const { given } = parseFlags(words, runFlags());
  return {
    none: given.size === 0,
    one: (flag) => given.get(flag)?.[0],
    many: (flag) => given.get(flag) ?? [],
    is: (flag) => given.get(flag)?.[0] === "true",
  };
}

/** Whatever flags make passes the gate for bundles, and comes out of it as it went in: a run need not load the gate. */
function spec(words: string[] = [], host: Partial<Host> = {}): Spec {
  const made = specFromFlags("c1", "/r", ["true"], given(words), { ...HOST, ...host });
  expect(validate(made)).toEqual(made);
  return made;
}

const PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

test("without flags it is the same as with one that changes nothing", () => {
  expect(spec()).toEqual(spec(["--quiet"]));
});

test("without flags it is the default container", () => {
  const made = spec();
  expect(made.root).toEqual({ path: "/r", readonly: false });
  expect(made.hostname).toBe("container");
  expect(made.process).toMatchObject({ cwd: "/", args: ["true"], terminal: false });
  expect(made.process.env).toEqual([PATH, "HOSTNAME=container", "container=minibox", "HOME=/root"]);
  expect(made.process.rlimits).toBeUndefined();
  expect(made.linux.resources).toEqual({ devices: [{ allow: false, access: "rwm" }] });
  expect(made.linux.namespaces?.map(({ type }) => type).sort()).toEqual([
    "cgroup",
    "ipc",
    "mount",
    "network",
    "pid",
    "uts",
  ]);
  expect(made.mounts?.slice(0, DEFAULT_MOUNTS.length)).toEqual([...DEFAULT_MOUNTS]);
});

test("two objects share nothing that a flag changes", () => {
  const before = structuredClone(spec());
  spec(["-v", "/a:/b", "--network", "host", "-e", "A=1", "--ulimit", "nofile=5", "-m", "64m"]);
  expect(spec()).toEqual(before);
});

describe("environment", () => {
  const env = (words: string[], host?: Partial<Host>): string[] =>
    spec(words, host)
      .process.env!.slice(1)
      .filter((entry) => entry !== "HOME=/root");

  test("takes K=V as it stands and K from the caller, or not at all", () => {
    expect(env(["-e", "A=b=c", "-e", "SECRET", "-e", "MISSING", "-e", "EMPTY", "-e", "N="])).toEqual([
      "HOSTNAME=container",
      "container=minibox",
      "A=b=c",
      "SECRET=s3cret",
      "EMPTY=",
      "N=",
    ]);
  });

  test("the last value counts, and defaults can be replaced", () => {
    expect(env(["-e", "A=1", "-e", "A=2", "-e", "container=x"])).toEqual([
      "HOSTNAME=container",
      "container=x",
      "A=2",
    ]);
    expect(spec(["-e", "PATH=/x"]).process.env![0]).toBe("PATH=/x");
  });

  test("TERM enters on a terminal only", () => {
    expect(env([], { terminal: true })).toContain("TERM=tmux-256color");
    expect(env([], { terminal: true, env: () => undefined })).toContain("TERM=xterm");
    expect(env(["-e", "TERM=dumb"], { terminal: true })).toContain("TERM=dumb");
  });

  test("--env-file reads docker's format, and --env wins over it", () => {
    FILES["/f"] = '# comment\n\nA=1\n  B=two words \nQUOTED="x"\r\nSECRET\nMISSING\nE=\n  # more\nX=a#b=c';
    expect(env(["-e", "A=9", "--env-file", "/f"]).slice(2)).toEqual([
      "A=9",
      "B=two words ",
      'QUOTED="x"',
      "SECRET=s3cret",
      "E=",
      "X=a#b=c",
    ]);
  });

  test("--env-file starts with a byte order mark, as some editors write it", () => {
    FILES["/bom"] = "\ufeffA=1\nB=2";
    expect(env(["--env-file", "/bom"]).slice(2)).toEqual(["A=1", "B=2"]);
  });

  test("a name that is none is refused, with the line", () => {
    FILES["/bad"] = "A=1\nB C=2";
    expect(() => env(["--env-file", "/bad"])).toThrow(
      '--env-file: /bad:2: "B C" is not the name of a variable',
    );
    FILES["/bad"] = "=x";
    expect(() => env(["--env-file", "/bad"])).toThrow(UsageError);
    expect(() => env(["-e", "=x"])).toThrow(UsageError);
    expect(() => env(["-e", ""])).toThrow(UsageError);
  });
});

describe("process", () => {
  test("starts in --workdir, which is absolute", () => {
    expect(spec(["-w", "/srv"]).process.cwd).toBe("/srv");
    expect(() => spec(["-w", "srv"])).toThrow(UsageError);
    expect(() => spec(["-w", ""])).toThrow(UsageError);
  });

  test("has the size of the caller's terminal", () => {
    const consoleSize = { height: 30, width: 100 };
    expect(spec([], { terminal: true, consoleSize }).process).toMatchObject({ terminal: true, consoleSize });
    expect(spec([], { consoleSize }).process.consoleSize).toBeUndefined();
  });

  test("has the user's home unless one was given", () => {
    const user = (text: string | undefined) => ({
      uid: text === "u" ? 1 : 0,
      gid: 2,
      additionalGids: [3],
      home: "/home/u",
    });
    expect(spec(["-e", "HOME=/x"], { user }).process.env).not.toContain("HOME=/home/u");
    const { process } = spec(["-u", "u"], { user });
    expect(process.env).toContain("HOME=/home/u");
    expect(process.user).toEqual({ uid: 1, gid: 2, additionalGids: [3] });
  });

  test("has an oom_score_adj where the caller's own is none to inherit", () => {
    expect(spec().process).not.toHaveProperty("oomScoreAdj");
    expect(spec([], { oomScoreAdj: () => 0 }).process.oomScoreAdj).toBe(0);
  });
});

describe("seccomp", () => {
  const names = (...words: string[]) => spec(words).linux.seccomp?.syscalls?.[0]?.names;

  test("is the default profile for the bounding set, a file's, or none", () => {
    expect(names()).toEqual(["default", ...DEFAULT_CAPABILITIES]);
    expect(names("--cap-drop", "ALL")).toEqual(["default"]);
    expect(names("--security-opt", "seccomp=builtin", "--cap-drop", "ALL")).toEqual(["default"]);
    expect(names("--security-opt", "seccomp=/p.json", "--cap-drop", "ALL", "--cap-add", "KILL")).toEqual([
      "/p.json",
      "CAP_KILL",
    ]);
    expect(spec(["--security-opt", "seccomp=unconfined"]).linux).not.toHaveProperty("seccomp");
  });
});

test("--security-opt fills the fields of the security modules", () => {
  const made = spec(["--security-opt", "label=type:t", "--security-opt", "apparmor=profile"]);
  expect(made.process).toMatchObject({
    selinuxLabel: "system_u:system_r:t:s0",
    apparmorProfile: "profile",
    noNewPrivileges: true,
  });
  expect(made.linux.mountLabel).toBe("system_u:object_r:container_file_t:s0");
  const open = spec([
    "--security-opt",
    "systempaths=unconfined",
    "--security-opt",
    "no-new-privileges=false",
  ]);
  expect(open.linux).toMatchObject({ maskedPaths: [], readonlyPaths: [] });
  expect(open.process.noNewPrivileges).toBe(false);
});

test("--cgroup-parent is the parent of a directory of the container's own", () => {
  expect(spec().linux).not.toHaveProperty("cgroupsPath");
  expect(spec(["--cgroup-parent", "/jobs"]).linux.cgroupsPath).toBe("/jobs/minibox/c1");
});

describe("ulimits", () => {
  test.each([
    ["nofile=1024", { type: "RLIMIT_NOFILE", soft: 1024, hard: 1024 }],
    ["nofile=1024:2048", { type: "RLIMIT_NOFILE", soft: 1024, hard: 2048 }],
    ["core=0", { type: "RLIMIT_CORE", soft: 0, hard: 0 }],
    ["core=unlimited", { type: "RLIMIT_CORE", soft: 2n ** 64n - 1n, hard: 2n ** 64n - 1n }],
    ["cpu=1:-1", { type: "RLIMIT_CPU", soft: 1, hard: 2n ** 64n - 1n }],
    ["fsize=9007199254740993", { type: "RLIMIT_FSIZE", soft: 2n ** 53n + 1n, hard: 2n ** 53n + 1n }],
  ])("%s is exact", (text, expected) => expect(parseUlimit(text)).toEqual(expected));

  test.each([
    "",
    "nofile",
    "nofile=",
    "nofile=2:1",
    "files=1",
    "nofile=-2",
    "nofile=1:2:3",
    "NOFILE=1",
    "cpu=18446744073709551616",
  ])("%p is refused", (text) => expect(() => parseUlimit(text)).toThrow(UsageError));
});

describe("resources", () => {
  const resources = (...words: string[]) => spec(words).linux.resources;

  test("are OCI's", () => {
    expect(resources("-m", "64m", "--cpus", "0.5", "--cpuset-cpus", "0-1", "--pids-limit", "20")).toEqual({
      devices: [{ allow: false, access: "rwm" }],
      memory: { limit: 64 * 2 ** 20 },
      cpu: { quota: 50_000, period: 100_000, cpus: "0-1" },
      pids: { limit: 20 },
    });
    expect(resources("-m", "1m", "--memory-swap", "2m")?.memory).toEqual({ limit: 2 ** 20, swap: 2 ** 21 });
    expect(resources("-m", "1m", "--memory-swap", "-1")?.memory).toEqual({ limit: 2 ** 20, swap: -1 });
    // docker's 0: as if it were not given
    expect(resources("-m", "1m", "--memory-swap", "0")?.memory).toEqual({ limit: 2 ** 20 });
    expect(resources("--memory-swap", "0")?.memory).toBeUndefined();
    expect(resources("--pids-limit", "-1")?.pids).toBeUndefined();
    expect(resources("--pids-limit", "0")?.pids).toBeUndefined();
  });

  test("that cannot be meant are refused", () => {
    expect(() => resources("--memory-swap", "1g")).toThrow(UsageError);
    expect(() => resources("-m", "100k")).toThrow(UsageError);
    expect(() => resources("-m", "2m", "--memory-swap", "1m")).toThrow(UsageError);
    expect(() => resources("--cpus", "0")).toThrow(UsageError);
    expect(() => resources("--network", "bridge")).toThrow(UsageError);
  });
});

describe("the host name", () => {
  test("is set in the environment too", () => {
    expect(spec(["--hostname", "db"]).process.env).toContain("HOSTNAME=db");
  });

  test("is one to 64 bytes long", () => {
    expect(spec(["--hostname", "x".repeat(64)]).hostname).toBe("x".repeat(64));
    expect(() => spec(["--hostname", ""])).toThrow(UsageError);
    expect(() => spec(["--hostname", "é".repeat(33)])).toThrow(UsageError);
  });
});

test("the host's network brings the host's resolv.conf, read-only, unless a volume would hide it", () => {
  const host = { resolvConf: () => "/etc/resolv.conf" };
  const own = spec(["--network", "host", "-v", "/a:/opt"], host);
  expect(own.linux.namespaces?.some(({ type }) => type === "network")).toBe(false);
  expect(own.mounts!.find(({ destination }) => destination === "/etc/resolv.conf")!.options).toContain("ro");
  for (const place of ["/etc", "/etc/resolv.conf"])
    expect(
      spec(["--network", "host", "-v", `/a:${place}`], host).mounts!.filter(({ destination }) =>
        destination.startsWith("/etc"),
      ),
    ).toEqual([{ destination: place, type: "bind", source: "/a", options: ["rbind"] }]);
  expect(spec(["--network", "host"]).mounts).toHaveLength(DEFAULT_MOUNTS.length);
  expect(spec(["--network", "none"], host).mounts).toHaveLength(DEFAULT_MOUNTS.length);
});

describe("mounts", () => {
  const places = (words: string[]): string[] => spec(words).mounts!.map(({ destination }) => destination);

  test("of the flags come after the default ones of the same depth, volumes first", () => {
    const made = places(["--tmpfs", "/t", "-v", "a:/b", "--mount", "src=/c,dst=/d"]);
    expect(made).toEqual([
      ...["/proc", "/dev", "/sys", "/b", "/d", "/t"],
      ...["/dev/pts", "/dev/shm", "/dev/mqueue", "/sys/fs/cgroup"],
    ]);
    expect(spec(["-v", "a:/b"]).mounts!.find(({ destination }) => destination === "/b")?.source).toBe(
      "/home/me/a",
    );
  });

  test("are made from the outside in, in whatever order they are given", () => {
    const given = ["/m/inner/x", "/m", "/m/inner", "/dev/shm/deep", "/a/b/c/d", "/z"];
    for (const order of [given, given.toReversed(), given.toSorted()]) {
      const made = places(order.flatMap((place) => ["-v", `/host:${place}`]));
      for (const [i, place] of made.entries())
        for (const above of made.slice(i))
          expect([place, place.startsWith(`${above}/`)]).toEqual([place, false]);
    }
    expect(places(["--tmpfs", "/tmp", "-v", "/x:/tmp/y"]).slice(-3)).toEqual([
      "/dev/mqueue",
      "/tmp/y",
      "/sys/fs/cgroup",
    ]);
  });

  test("are known by what their destinations mean", () => {
    expect(places(["-v", "/x:/a//b/./c/../"]).filter((place) => place.startsWith("/a"))).toEqual(["/a/b"]);
    expect(places(["-v", "/x:/../../srv"])).toContain("/srv");
  });

  test("replace the default ones that they would hide", () => {
    expect(places(["-v", "/x:/dev/"])).toEqual(["/proc", "/sys", "/dev", "/sys/fs/cgroup"]);
    expect(places(["--tmpfs", "/dev/shm:size=1m"]).filter((place) => place === "/dev/shm")).toHaveLength(1);
    expect(places(["-v", "/x:/devices"])).toContain("/dev");
    expect(places(["--tmpfs", "/dev"]).filter((place) => place.startsWith("/dev"))).toEqual([
      ...["/dev", "/dev/pts", "/dev/shm", "/dev/mqueue"],
    ]);
  });

  test("with the same destination twice are refused", () => {
    for (const words of [
      ["-v", "/a:/x", "-v", "/b:/x"],
      ["-v", "/a:/x", "-v", "/a:/x"],
      ["-v", "/a:/x/", "--tmpfs", "/y/../x"],
      ["--mount", "src=/a,dst=/x", "--tmpfs", "/x"],
    ])
      expect(() => spec(words)).toThrow(
        new UsageError(
          "two mounts have the destination /x: of --volume, --mount and --tmpfs only one may name it",
        ),
      );
  });
});

test("what no flag parser refuses, the gate for bundles does not refuse either", () => {
  const PIECES =
    'a / . .. : , = - ro rw size= mode= 64m 5 0 -1 1.5 bind rshared type=tmpfs dst=/x src=/y nofile= unlimited 0-2 é " 9007199254740993'
      .split(" ")
      .concat(" ", "\t");
  const FLAGS =
    "hostname workdir env volume mount tmpfs ulimit memory memory-swap cpus cpuset-cpus pids-limit cgroup-parent cap-add cap-drop security-opt".split(
      " ",
    );
  let state = 7;
  const random = (below: number): number => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return (state >>> 8) % below;
  };
  let made = 0;
  for (let i = 0; i < 20_000; i++) {
    const flag = FLAGS[random(FLAGS.length)]!;
    const text = Array.from({ length: 1 + random(5) }, () => PIECES[random(PIECES.length)]!).join("");
    const volume = flag === "volume" || flag === "tmpfs" ? `/${text}` : text;
    try {
      spec([`--${flag}=${volume}`]);
      made++;
    } catch (error) {
      if (!(error instanceof UsageError)) throw new Error(`--${flag}=${volume}`, { cause: error });
    }
  }
  expect(made).toBeGreaterThan(1000);
});
