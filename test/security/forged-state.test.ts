// A container with the host's /tmp, or one that has the state root in another way, can write what it likes into the states
// of its user's containers. Whatever is there, the next run goes well, and no process, cgroup or file of others suffers.

import { afterEach, beforeEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { VERSION } from "../support/cgroups.ts";
import { SLOWNESS, start, tryText, uniqueName, until } from "../support/container.ts";
import { leavesNothing } from "../support/leftovers.ts";
import {
  execute,
  MINIBOX,
  type Result,
  ROOT,
  rootfs,
  run,
  scratchDirectory,
  skipReason,
} from "../support/minibox.ts";

setDefaultTimeout(60_000 * SLOWNESS);
leavesNothing();
const skip = skipReason();
const busybox = skip ? "" : rootfs("busybox");
const scratch = scratchDirectory();

const ok: Result = { status: 0, stdout: "", stderr: "" };
const minibox = (...words: string[]): Promise<Result> => execute([MINIBOX, "--root", ROOT, ...words]);
/** What a run under the same state root says; one that hangs is killed, and fails the test. */
const nextRun = (): Promise<Result> =>
  execute(["timeout", "--signal=KILL", "20", MINIBOX, "--root", ROOT, "run", busybox, "true"]);

type Json = Record<string, unknown>;

/** The state of a real container, as text. */
async function realState(): Promise<string> {
  const name = uniqueName();
  const container = start(["--name", name, busybox, "sh", "-c", "echo up; read x"]);
  await container.says("up");
  const text = readFileSync(join(ROOT, name, "state.json"), "utf8");
  container.closeInput();
  await container.ended;
  return text.replaceAll(name, "NAME");
}

let real: string | undefined;
/** A real state, of a container that ended, with another name, and changed. */
async function stateOf(name: string, change: (state: Json) => void): Promise<string> {
  real ??= await realState();
  const state = JSON.parse(real.replaceAll("NAME", name)) as Json;
  change(state);
  return JSON.stringify(state);
}

/** Makes the state directory of a container as minibox does; `fill` puts files into it. */
function plant(name: string, fill: (path: string) => void): string {
  const path = join(ROOT, name);
  mkdirSync(path);
  chmodSync(path, 0o1700); // by this mode minibox knows a directory as its own
  fill(path);
  return path;
}

const forge = async (change: (state: Json, name: string) => void): Promise<string> => {
  const name = uniqueName();
  const text = await stateOf(name, (state) => change(state, name));
  return plant(name, (path) => writeFileSync(join(path, "state.json"), text));
};

const planted = (): string[] => readdirSync(ROOT);
const clear = (): void => {
  for (const name of planted()) rmSync(join(ROOT, name), { recursive: true, force: true });
};

const startTimeOf = (pid: number): number =>
  Number(
    readFileSync(`/proc/${pid}/stat`, "utf8")
      .replace(/^.*\) /s, "")
      .split(" ")[19],
  );

/** A process of the test's that forged states name. Each test has a new one. */
let victim: ReturnType<typeof Bun.spawn>;
beforeEach(() => {
  victim = Bun.spawn(["sleep", "1000"], { env: {} });
});
afterEach(async () => {
  clear();
  victim.kill();
  await victim.exited;
});
const asVictim = () => ({ pid: victim.pid, startTime: startTimeOf(victim.pid) });
const victimLives = (): boolean => victim.exitCode === null && victim.signalCode === null;

describe.skipIf(skip !== "")("a forged state", () => {
  test("that names a process of the host's kills it by no command", async () => {
    for (const owner of ["supervisor", "caller"])
      for (const status of ["creating", "created", "running"]) {
        const path = await forge((state) =>
          Object.assign(state, asVictim(), { owner, status, cgroup: undefined }),
        );
        const name = path.slice(ROOT.length + 1);
        expect(await nextRun()).toEqual(ok);
        if (owner === "caller") {
          expect((await minibox("state", name)).stdout).toContain('"stopped"');
          expect((await minibox("kill", name, "KILL")).stderr).toBe(
            `minibox: cannot kill ${name}: container not running\n`,
          );
          expect(await minibox("kill", "--all", name, "KILL")).toEqual(ok);
          expect(await minibox("delete", "--force", name)).toEqual(ok);
        }
        expect([owner, status, planted(), victimLives()]).toEqual([owner, status, [], true]);
      }
  });

  test("kills no process from a mount namespace of minibox's own either", async () => {
    await forge((state) => Object.assign(state, asVictim(), { cgroup: undefined }));
    const words = [MINIBOX, "--root", ROOT, "run", busybox, "true"];
    expect(await execute(["unshare", "--mount", ...words])).toEqual(ok);
    expect([planted(), victimLives()]).toEqual([[], true]);
  });

  test("that names a cgroup of the host's neither kills what lives there nor removes it [vm]", async () => {
    const mount = VERSION === "v1" ? "/sys/fs/cgroup/pids" : "/sys/fs/cgroup";
    const own = `${mount}/${uniqueName()}`;
    const empty = `${mount}/${uniqueName()}`;
    for (const path of [own, empty]) mkdirSync(path);
    writeFileSync(`${own}/cgroup.procs`, String(victim.pid));
    try {
      for (const directory of [own, empty, `${mount}/x/..${own.slice(mount.length)}`])
        for (const kept of [undefined, [], [directory]]) {
          const common = { directories: [directory], kept };
          const cgroup =
            VERSION === "v1"
              ? { version: 1, ...common, controllers: { pids: directory, freezer: directory }, required: 1 }
              : { version: 2, ...common, mount, top: mount, makesRoom: false };
          const path = await forge((state) => {
            Object.assign(state, { owner: "caller", status: "running", cgroup });
          });
          const name = path.slice(ROOT.length + 1);
          await minibox("kill", "--all", name, "KILL");
          expect((await minibox("delete", "--force", name)).status).toBe(0);
          await forge((state) => Object.assign(state, { cgroup }));
          expect(await nextRun()).toEqual(ok);
          expect([directory, kept, victimLives(), existsSync(own), existsSync(empty)]).toEqual([
            ...[directory, kept, true, true, true],
          ]);
          clear();
        }
    } finally {
      writeFileSync(`${mount}/cgroup.procs`, String(victim.pid));
      for (const path of [own, empty]) if (existsSync(path)) rmdirSync(path);
    }
  });

  test("whose cgroup is a directory of the user's leaves that and its files as they are", async () => {
    const tree = join(scratch, "tree");
    mkdirSync(join(tree, "top", "minibox"), { recursive: true });
    mkdirSync(join(tree, "top", "minibox-supervisor"));
    for (const file of ["cgroup.procs", "freezer.state", "cgroup.subtree_control", "cgroup.kill"])
      writeFileSync(join(tree, "top", file), file === "cgroup.procs" ? `${victim.pid}\n` : "mine");
    writeFileSync(join(tree, "top", "minibox-supervisor", "cgroup.procs"), "");
    const top = join(tree, "top");
    const before = (await execute(["sh", "-c", `find ${tree} -ls; cat ${top}/*`])).stdout;
    const common = { directories: [top], kept: [] };
    for (const cgroup of [
      { version: 1, ...common, controllers: { freezer: top, memory: top }, required: 1 },
      { version: 2, directories: [join(top, "x")], mount: tree, top, makesRoom: true },
    ]) {
      await forge((state) => Object.assign(state, { cgroup }));
      expect(await nextRun()).toEqual(ok);
    }
    expect((await execute(["sh", "-c", `find ${tree} -ls; cat ${top}/*`])).stdout).toBe(before);
    expect([victimLives(), planted()]).toEqual([true, []]);
  });

  const WRONG: unknown[] = [
    undefined,
    null,
    true,
    0,
    -1,
    1,
    1.5,
    2 ** 31,
    1e300,
    "",
    "x",
    "..",
    "/../../etc",
    "a\0b",
    [],
    [null],
    ["/"],
    {},
    { length: 3 },
  ];
  const FIELDS = [
    ["id", "status", "owner", "pid", "startTime", "created", "bundle", "cgroup", "spec"],
    ["version", "directories", "kept", "controllers", "required", "mount", "top", "makesRoom"].map(
      (name) => `cgroup.${name}`,
    ),
    ["ociVersion", "root", "root.path", "process", "linux", "annotations", "mounts"].map(
      (name) => `spec.${name}`,
    ),
  ].flat();

  test.each(FIELDS)("with anything as %s is no matter to the next run", async (field) => {
    for (const owner of ["supervisor", "caller"])
      for (const value of WRONG) {
        await forge((state) => {
          Object.assign(state, asVictim(), { owner });
          const way = field.split(".");
          const last = way.pop()!;
          const place = way.reduce((at, name) => at[name] as Json, state);
          place[last] = value;
        });
      }
    expect([await nextRun(), victimLives()]).toEqual([ok, true]);
  });
});

const KINDS: Record<string, (path: string) => unknown> = {
  "a FIFO": (path) => Bun.spawnSync(["mkfifo", path]),
  "a link to a file": (path) => symlinkSync("/etc/passwd", path),
  "a link to a FIFO": (path) => {
    Bun.spawnSync(["mkfifo", `${path}.fifo`]);
    symlinkSync(`${path}.fifo`, path);
  },
  "a link to itself": (path) => symlinkSync(path, path),
  "a directory": (path) => mkdirSync(path),
  "a file of gigabytes": (path) => {
    writeFileSync(path, "{");
    truncateSync(path, 2 ** 40);
  },
  "deep JSON": (path) => writeFileSync(path, "[".repeat(1 << 20)),
  "deep JSON that ends": (path) => writeFileSync(path, `{"id":${"[".repeat(50_000)}${"]".repeat(50_000)}}`),
  "a file that others may write": (path) => {
    writeFileSync(path, "{}");
    chmodSync(path, 0o666);
  },
  "no text": (path) => writeFileSync(path, new Uint8Array(100_000).fill(0xff)),
};

describe.skipIf(skip !== "")("the next run goes well, and delete does not hang,", () => {
  const files = ["state.json", "state.json.new", "made", "start"];

  test.each(Object.keys(KINDS))("where %s stands for a file of minibox's", async (kind) => {
    const name = uniqueName();
    const text = await stateOf(name, (state) => Object.assign(state, asVictim()));
    const ids = ["supervisor", "caller"].flatMap((owner) =>
      files.map((file) => {
        const id = `${name}-${owner}-${file}`;
        plant(id, (path) => {
          const own = text.replaceAll(name, id).replace('"owner":"supervisor"', `"owner":"${owner}"`);
          if (file !== "state.json") writeFileSync(join(path, "state.json"), own);
          KINDS[kind]!(join(path, file));
        });
        return id;
      }),
    );
    expect(await nextRun()).toEqual(ok);
    const script =
      'for id; do timeout --signal=KILL 20 "$0" --root "$ROOT" delete --force "$id"; echo $?; done';
    const { stdout } = await execute(["sh", "-c", script, MINIBOX, ...ids], {
      env: { ...process.env, ROOT },
    });
    expect(stdout).toMatch(/^(0\n|125\n){8}$/);
    expect(victimLives()).toBe(true);
  });

  test("where a file stands for a container, a link leads elsewhere, or another user owns it", async () => {
    writeFileSync(join(ROOT, "file"), "");
    symlinkSync(scratch, join(ROOT, "link"));
    const text = await stateOf("theirs", (state) => Object.assign(state, asVictim()));
    const path = plant("theirs", (at) => writeFileSync(join(at, "state.json"), text));
    Bun.spawnSync(["chown", "-R", "1:1", path]);
    expect(await nextRun()).toEqual(ok);
    expect(planted().sort()).toEqual(["file", "link", "theirs"]);
    expect((await minibox("delete", "--force", "theirs")).status).toBe(125);
    expect(planted().sort()).toEqual(["file", "link", "theirs"]);
  });

  test("where the heir of notes has a FIFO for its own", async () => {
    const root = join(scratch, "inherited");
    await execute(["cp", "-a", busybox, root]);
    for (const name of ["proc", "sys", "dev"]) rmSync(join(root, name), { recursive: true, force: true });
    const name = uniqueName();
    const heir = start(["--name", name, root, "sh", "-c", "echo up; read x"]);
    await heir.says("up");
    await until(
      "its own notes are there",
      () => tryText(join(ROOT, name, "made"))?.includes('"/sys"') ?? false,
    );
    rmSync(join(ROOT, name, "made"));
    Bun.spawnSync(["mkfifo", join(ROOT, name, "made")]);
    const words = [MINIBOX, "--root", ROOT, "run", "--tmpfs", "/more", root, "true"];
    expect(await execute(["timeout", "--signal=KILL", "20", ...words])).toEqual(ok);
    expect(existsSync(join(root, "more"))).toBe(false);
    heir.write("\n");
    expect((await heir.ended).status).toBe(0);
  });
});

describe.skipIf(skip !== "")("a forged note", () => {
  test("of another tree than the container's rootfs, or one that minibox would not write, removes nothing", async () => {
    const tree = join(scratch, "others");
    mkdirSync(join(tree, "empty"), { recursive: true });
    writeFileSync(join(tree, "file"), "");
    const inode = (name: string): number => statSync(join(tree, name)).ino;
    const notes = [
      { root: tree, path: "/file", inode: inode("file") },
      { root: tree, path: "/empty", inode: inode("empty") },
      { root: busybox, path: `/../../../../../../..${tree}/file`, inode: inode("file") },
      { root: busybox, path: 7, inode: inode("file") },
      { root: 7, path: "/file", inode: inode("file") },
      { root: tree, path: "/file" },
      null,
      [],
    ];
    const text = notes.map((note) => `${JSON.stringify(note)}\n`).join("");
    const path = await forge((state) => Object.assign(state, { cgroup: undefined }));
    writeFileSync(join(path, "made"), text);
    expect(await nextRun()).toEqual(ok);
    expect([planted(), readdirSync(tree).sort()]).toEqual([[], ["empty", "file"]]);
  });
});

describe.skipIf(skip !== "")("a container", () => {
  test("whose state cannot be read is removed by delete, and its name is free again", async () => {
    for (const words of [["delete"], ["delete", "--force"]]) {
      const name = uniqueName();
      plant(name, (path) => writeFileSync(join(path, "state.json"), '{"id":'));
      expect(await nextRun()).toEqual(ok);
      expect(planted()).toEqual([name]);
      expect(await minibox(...words, name)).toEqual(ok);
      expect(planted()).toEqual([]);
      expect((await run(["--name", name, busybox, "true"])).status).toBe(0);
    }
  });

  test("is not started over a link to another's socket", async () => {
    const name = uniqueName();
    const making = Bun.spawn([MINIBOX, "--root", ROOT, "create", "--name", name, busybox, "true"], {
      stdin: "ignore",
      stdout: "ignore",
      stderr: "ignore",
    });
    expect(await making.exited).toBe(0);
    let told = false;
    const socket = join(scratch, "socket");
    const listener = Bun.listen({
      unix: socket,
      socket: {
        data: () => {
          told = true;
        },
        open: (connection) => {
          told = true;
          connection.end();
        },
      },
    });
    rmSync(join(ROOT, name, "start"));
    symlinkSync(socket, join(ROOT, name, "start"));
    expect((await minibox("start", name)).status).toBe(125);
    listener.stop(true);
    expect(told).toBe(false);
    expect(await minibox("delete", "--force", name)).toEqual(ok);
  });
});
