// Owns: the parts of an explanation that need no container: walking a hostile tree, permissions, limits, hints.
import { afterAll, describe, expect, test } from "bun:test";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { RunError } from "../../../src/errors.ts";
import { affordable, Budget, BudgetSpent } from "../../../src/explain/budget.ts";
import { explainExec } from "../../../src/explain/index.ts";
import { noMemory, tooBig, tooManyProcesses } from "../../../src/explain/limits.ts";
import { mountPoint, noexecHint } from "../../../src/explain/mounts.ts";
import { nearestIn, searchedFor, similarTo } from "../../../src/explain/names.ts";
import {
  type Identity,
  mayExecute,
  maySearch,
  type Place,
  quoted,
  shown,
} from "../../../src/explain/place.ts";
import { notOnPath } from "../../../src/explain/search.ts";
import { walk } from "../../../src/explain/walk.ts";
import { defaultSpec } from "../../../src/spec/default.ts";
import type { Mount } from "../../../src/spec/types.ts";
import { O, S_IFREG } from "../../../src/sys/constants.ts";
import { open } from "../../../src/sys/file.ts";
import type { Stat } from "../../../src/sys/stat.ts";

const root = mkdtempSync(join(tmpdir(), "explain-unit-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));

const someone: Identity = { uid: 1000, gid: 1000, groups: [27], capabilities: 0n };
const superuser: Identity = { uid: 0, gid: 0, groups: [], capabilities: ~0n };

const place: Place = {
  root: open(root, O.O_PATH | O.O_DIRECTORY),
  spec: defaultSpec(root, ["x"]),
  who: superuser,
  mountinfo: () => "",
  // a new one whenever it is asked for: together the tests may take longer than one explanation
  get budget() {
    return new Budget(() => true);
  },
};

const stat = (mode: number, uid = 0, gid = 0): Stat =>
  ({ mode: S_IFREG | mode, uid, gid, size: 0, inode: 1, mtime: 0 }) as Stat;

describe("permissions", () => {
  test("the class of the user decides, not the most generous", () => {
    expect(mayExecute(someone, stat(0o755))).toBe(true);
    expect(mayExecute(someone, stat(0o754))).toBe(false);
    expect(mayExecute(someone, stat(0o077, 1000))).toBe(false);
    expect(mayExecute(someone, stat(0o705, 0, 27))).toBe(false);
    expect(mayExecute(someone, stat(0o010, 0, 27))).toBe(true);
  });

  test("root needs one x bit for a file and none for a directory", () => {
    expect(mayExecute(superuser, stat(0o644))).toBe(false);
    expect(mayExecute(superuser, stat(0o001))).toBe(true);
    expect(maySearch(superuser, stat(0o000))).toBe(true);
    expect(maySearch(someone, stat(0o700))).toBe(false);
  });

  test("user 0 without its capabilities is an owner like any other", () => {
    const bare = { ...superuser, capabilities: 0n };
    expect(mayExecute(bare, stat(0o655))).toBe(false);
    expect(maySearch(bare, stat(0o055))).toBe(false);
    // CAP_DAC_READ_SEARCH opens directories only
    expect(maySearch({ ...bare, capabilities: 4n }, stat(0o000))).toBe(true);
    expect(mayExecute({ ...bare, capabilities: 4n }, stat(0o655))).toBe(false);
  });
});

describe("walk", () => {
  mkdirSync(join(root, "usr/bin"), { recursive: true });
  writeFileSync(join(root, "usr/bin/tool"), "");
  symlinkSync("usr/bin", join(root, "bin"));
  symlinkSync("../../../../../usr/./bin//tool", join(root, "usr/bin/up"));
  symlinkSync("/etc", join(root, "host"));
  mkdirSync(join(root, "locked/inner"), { recursive: true });
  chmodSync(join(root, "locked"), 0o700);
  // each goes hundreds of times through the next: walked to the end, it would take forever
  mkdirSync(join(root, "bomb"));
  for (let i = 0; i < 38; i++) symlinkSync(`${i + 1}/`.repeat(1000), join(root, `bomb/${i}`));
  symlinkSync(".", join(root, "bomb/38"));

  test("finds through links, dots and doubled slashes what the kernel finds", () => {
    expect(walk(place, "/bin/tool")).toMatchObject({ end: "found", at: "/usr/bin/tool" });
    expect(walk(place, "//bin/../bin/./up")).toMatchObject({ end: "found", at: "/usr/bin/tool" });
    expect(walk(place, "/..")).toMatchObject({ end: "found", at: "/" });
  });

  test("no link leads out of the root", () => {
    expect(walk(place, "/host/passwd")).toMatchObject({ end: "missing", at: "/etc" });
  });

  test("says which part is in the way", () => {
    expect(walk(place, "/bin/tool/x")).toMatchObject({ end: "not a directory", at: "/usr/bin/tool" });
    expect(walk(place, "/bin/tool/")).toMatchObject({ end: "not a directory", at: "/usr/bin/tool" });
    expect(walk(place, "/a/b/c")).toMatchObject({ end: "missing", at: "/a", early: true });
    expect(walk(place, "/bin/none")).toMatchObject({ end: "missing", at: "/usr/bin/none", early: false });
    expect(walk(place, `/${"n".repeat(256)}`).end).toBe("too long");
  });

  test("tells of the first directory that shuts the user out, and goes on", () => {
    const walked = walk({ ...place, who: someone }, "/locked/inner");
    expect(walked).toMatchObject({ end: "found", denied: { path: expect.any(String) } });
  });

  test("a bomb of links ends", () => {
    const started = performance.now();
    expect(walk(place, "/bomb/0").end).toBe("too many links");
    expect(performance.now() - started).toBeLessThan(20_000);
  });
});

describe("a budget", () => {
  const spendAll = (budget: Budget, bytes = 0): number => {
    for (let steps = 0; ; steps++)
      try {
        budget.spend(bytes);
      } catch (error) {
        expect(error).toBeInstanceOf(BudgetSpent);
        return steps;
      }
  };

  test("ends with the bytes, with the steps, and when nobody wants the answer any more", () => {
    expect(spendAll(new Budget(() => true), 1 << 20)).toBe(16);
    expect(spendAll(new Budget(() => true))).toBeLessThanOrEqual(50_000);
    expect(spendAll(new Budget(() => false))).toBe(0);
  });

  test("that is spent stays spent", () => {
    const spent = new Budget(() => false);
    spendAll(spent);
    expect(spendAll(spent)).toBe(0);
    expect(() => walk({ ...place, budget: spent }, "/bin/tool")).toThrow(BudgetSpent);
    expect(affordable(() => walk({ ...place, budget: spent }, "/bin/tool"))).toBeUndefined();
  });
});

describe("near names", () => {
  test("the same name elsewhere comes first", () => {
    expect(similarTo(place, "/opt/tool")).toBe("/usr/bin/tool");
    expect(similarTo(place, "/usr/bin/tol")).toBe("/usr/bin/tool");
    expect(similarTo(place, "/usr/bin/entirely")).toBeUndefined();
  });

  test("a crowded directory and a long name take no time", () => {
    mkdirSync(join(root, "crowd"));
    const end = "z".repeat(235);
    for (let i = 0; i < 3000; i++) writeFileSync(join(root, `crowd/${i}${end}`), "");
    const started = performance.now();
    const budget = new Budget(() => true);
    affordable(() => nearestIn({ ...place, budget }, `x${"z".repeat(238)}`, ["/crowd"]));
    expect(performance.now() - started).toBeLessThan(5_000);
  });
});

describe("PATH", () => {
  test("is read as execvp reads it", () => {
    expect(searchedFor(["PATH=/a", "PATH=/b::/c"])).toEqual(["/b", ".", "/c"]);
    expect(searchedFor(["PATH="])).toEqual(["."]);
    expect(searchedFor([])).toEqual(["/usr/local/bin", "/usr/bin", "/bin"]);
  });

  test("that is not set is told from one that is empty", () => {
    const without = { ...place, spec: { ...place.spec, process: { ...place.spec.process, env: [] } } };
    expect(notOnPath(without, "qqqq").what).toBe(
      "not found in /usr/local/bin:/usr/bin:/bin (PATH is not set)",
    );
  });
});

describe("mounts", () => {
  const mountinfo = [
    "20 19 0:5 / /proc rw,nosuid - proc proc rw",
    "21 19 8:1 /srv /with\\040blank\\134 rw,noexec shared:1 - ext4 /dev/sda1 rw",
  ].join("\n");

  test("a mount point is found by its number", () => {
    expect(mountPoint(mountinfo, "20")).toBe("/proc");
    expect(mountPoint(mountinfo, "21")).toBe("/with blank\\");
    expect(mountPoint(mountinfo, "2")).toBeUndefined();
    expect(mountPoint(mountinfo, undefined)).toBeUndefined();
  });

  test("the hint is the flag that allows it", () => {
    const mounts: Mount[] = [
      { destination: "/tmp/", type: "tmpfs", source: "tmpfs", options: ["noexec"] },
      { destination: "/data", type: "bind", source: "/srv/my data", options: ["rbind", "noexec", "ro"] },
    ];
    const spec = { ...place.spec, mounts };
    expect(noexecHint(spec, "/tmp")).toBe("mount it with exec: --tmpfs /tmp:exec");
    expect(noexecHint(spec, "/data")).toBe("mount it with exec: -v '/srv/my data:/data:ro,exec'");
    expect(noexecHint(spec, "/sys")).toBe("put the program elsewhere in the rootfs");
  });
});

describe("limits", () => {
  const process = { cwd: "/", args: ["/x", "a"], env: ["E=1"], user: { uid: 7, gid: 7 } };

  test("one word too long, whichever it is", () => {
    const long = "x".repeat(131_072);
    expect(tooBig("/x", { ...process, args: ["/x", long] }, 8n << 20n, 4096).what).toBe(
      "argument 1 is 131072 bytes long, 131071 is the limit for one",
    );
    expect(tooBig("/x", { ...process, env: ["A=b", `B=${long}`] }, 8n << 20n, 4096).what).toBe(
      "the variable B is 131074 bytes long, 131071 is the limit for one",
    );
  });

  test("all together, with the limit that the stack gives", () => {
    const limit = (stack: bigint) => /limit is (\d+)$/.exec(tooBig("/x", process, stack, 4096).what)?.[1];
    expect(limit(8n << 20n)).toBe(String(2 << 20));
    expect(limit(0xffffffffffffffffn)).toBe(String(6 << 20));
    expect(limit(4096n)).toBe("131072");
    // "/x" "a" "E=1" and the path, each with its NUL, and three pointers
    expect(tooBig("/x", process, 0n, 4096).what).toStartWith(
      "arguments and environment are 36 bytes together, with a pointer for each of 3 words;",
    );
  });

  test("no memory names the limits that were asked for", () => {
    const spec = { ...place.spec, linux: { resources: { memory: { limit: 1 } } } };
    spec.process = { ...process, rlimits: [{ type: "RLIMIT_AS", soft: 1, hard: 1 }] };
    expect(noMemory(spec)).toEqual({
      what: "there is not enough memory to start it",
      status: 126,
      hint: "is process.rlimits as or linux.resources.memory.limit too small?",
    });
    expect(noMemory(place.spec).hint).toBe("the host itself is short of memory");
    expect(tooManyProcesses(spec, false).what).toBe("user 7 has more processes than its limit allows");
    expect(tooManyProcesses(spec, true).what).toBe("user 7 has as many processes as its limit allows");
  });
});

describe("words", () => {
  test("a name stays on its line and of bounded length", () => {
    expect(shown("/bin/sh")).toBe("/bin/sh");
    expect(shown("a\nminibox: b")).toBe('"a\\nminibox: b"');
    expect(shown("\u009b31m")).toBe('"\\u009b31m"');
    expect(shown("x".repeat(5000)).length).toBeLessThan(210);
  });

  test("a word in a command is one word for a shell", () => {
    expect(quoted("/a/b-c.d")).toBe("/a/b-c.d");
    expect(quoted("/a b/$(c)'")).toBe("'/a b/$(c)'\\'''");
  });
});

describe("explainExec where the child cannot be looked at", () => {
  const failed = (errno: number) =>
    explainExec(
      { type: "error", step: "", call: "execve", args: ["/bin/x"], errno },
      -1,
      place.spec,
      () => true,
    );

  test("says what the kernel said, with POSIX's status", () => {
    for (const [errno, status, words] of [
      [2, 127, "/bin/x: ENOENT: no such file or directory"],
      [20, 127, "/bin/x: ENOTDIR: not a directory"],
      [13, 126, "/bin/x: EACCES: permission denied"],
      [8, 126, "/bin/x: ENOEXEC: exec format error"],
      [12, 126, "/bin/x: there is not enough memory to start it"],
    ] as const) {
      const error = failed(errno);
      expect(error).toBeInstanceOf(RunError);
      expect(error.message).toBe(words);
      expect((error as RunError).status).toBe(status);
    }
  });
});
