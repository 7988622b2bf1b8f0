// Nothing that stands in the way of a created container makes a command hang, end another container, or leave something:
// a stopped process, a full disk, a seccomp profile, a damaged state, another container of the same name.

import { describe, expect, test } from "bun:test";
import { chmodSync, existsSync, mkdirSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { signal, tryText, uniqueName, until } from "../support/container.ts";
import { leavesNothing } from "../support/leftovers.ts";
import {
  execute,
  MINIBOX,
  type Result,
  ROOT,
  rootfs,
  scratchDirectory,
  skipReason,
} from "../support/minibox.ts";

leavesNothing();

const skip = skipReason("unshare", "mkfifo", "flock");
const skipAgent = skipReason("python3");
const busybox = rootfs("busybox");
const directory = scratchDirectory();

/** `minibox COMMAND…` on containers of a state directory. */
const at =
  (root: string) =>
  (...words: string[]): Promise<Result> =>
    execute([MINIBOX, "--root", root, ...words]);
const minibox = at(ROOT);

let created = 0;

/** `minibox create`, whose stdout is the container's and so no pipe of the test's; returns its status and stderr. */
async function create(name: string, words: string[], flags: string[] = [], root = ROOT): Promise<Result> {
  const errors = join(directory, `errors-${++created}`);
  const child = Bun.spawn([MINIBOX, "--root", root, "create", "--name", name, ...flags, busybox, ...words], {
    stdin: "ignore",
    stdout: "ignore",
    stderr: Bun.file(errors),
  });
  return { status: await child.exited, stdout: "", stderr: tryText(errors) ?? "" };
}

const ok: Result = { status: 0, stdout: "", stderr: "" };

async function stateOf(name: string, root = ROOT): Promise<{ status: string; pid: number }> {
  return JSON.parse((await at(root)("state", name)).stdout) as { status: string; pid: number };
}

const isStopped =
  (name: string, root = ROOT) =>
  async (): Promise<boolean> =>
    (await stateOf(name, root)).status === "stopped";

/** A seccomp profile that allows everything but one call. */
function profile(call: string, action: string, more: object = {}): string {
  const path = join(directory, `${call}-${action}.json`);
  const syscalls = [{ names: [call], action }];
  writeFileSync(path, JSON.stringify({ defaultAction: "SCMP_ACT_ALLOW", syscalls, ...more }));
  return `seccomp=${path}`;
}

describe.skipIf(skip !== "")("a created container", () => {
  test("that is stopped is not waited for, and starts once it goes on", async () => {
    const name = uniqueName();
    expect(await create(name, ["sleep", "1000"])).toEqual(ok);
    const { pid } = await stateOf(name);
    signal(pid, 19); // SIGSTOP
    expect(await minibox("start", name)).toEqual({
      status: 125,
      stdout: "",
      stderr: `minibox: cannot start ${name}: its first process ${pid} is stopped (SIGSTOP, or a debugger)\n`,
    });
    expect((await stateOf(name)).status).toBe("created");
    signal(pid, 18); // SIGCONT
    expect(await minibox("start", name)).toEqual(ok);
    expect((await stateOf(name)).status).toBe("running");
    expect(await minibox("delete", "--force", name)).toEqual(ok);
  });

  test("of which a starter was killed before it said anything can still be started", async () => {
    const name = uniqueName();
    expect(await create(name, ["sleep", "1000"])).toEqual(ok);
    const connected = await Bun.connect({
      unix: join(ROOT, name, "start"),
      socket: { data() {} },
    });
    connected.terminate();
    expect(await minibox("start", name)).toEqual(ok);
    expect(await minibox("delete", "--force", name)).toEqual(ok);
  });

  test("is looked at and signalled while somebody else acts on it", async () => {
    const name = uniqueName();
    expect(await create(name, ["sleep", "1000"])).toEqual(ok);
    const other = Bun.spawn(
      ["flock", "--no-fork", join(ROOT, name), "sh", "-c", "echo locked; exec sleep 1000"],
      {
        stdout: "pipe",
      },
    );
    await other.stdout.getReader().read();
    expect((await stateOf(name)).status).toBe("created");
    expect(await minibox("kill", name, "KILL")).toEqual(ok);
    await until("it has ended", isStopped(name));
    other.kill("SIGKILL");
    await other.exited;
    expect(await minibox("delete", name)).toEqual(ok);
  });

  test.each(["accept4", "read", "write"])("needs %s under its filter, which create says", async (call) => {
    const hint =
      "  a created container waits under its own seccomp profile, which must allow accept4, close, read and write\n";
    for (const action of ["SCMP_ACT_ERRNO", "SCMP_ACT_KILL_PROCESS"]) {
      const name = uniqueName();
      const { status, stderr } = await create(name, ["true"], ["--security-opt", profile(call, action)]);
      expect([status, stderr]).toEqual([125, expect.stringMatching(/^minibox: .*\n/)]);
      expect(stderr).toEndWith(hint);
      expect(existsSync(join(ROOT, name))).toBe(false);
    }
  });

  test("is started on a full disk", async () => {
    const root = join(directory, "full");
    mkdirSync(root);
    const script = `mount -t tmpfs -o mode=700,size=64k tmpfs ${root}
      m="$0 --root ${root}"
      $m create --name full ${busybox} sleep 1000 <&- >/dev/null 2>&1 || exit
      cat /dev/zero >${root}/fill 2>/dev/null
      $m start full && $m state full | grep status && $m delete --force full && ls ${root}`;
    expect(await execute(["unshare", "-m", "sh", "-c", script, MINIBOX])).toEqual({
      status: 0,
      stdout: '  "status": "running",\nfill\n',
      stderr: "",
    });
  });
});

describe.skipIf(skip !== "" || skipAgent !== "")("create", () => {
  test("is ended by a signal while an agent of seccomp notices does not answer", async () => {
    const socket = join(directory, "agent");
    const agent = Bun.spawn(
      [
        "python3",
        "-c",
        `import socket, sys, time
s = socket.socket(socket.AF_UNIX); s.bind(sys.argv[1]); s.listen(); print("ready", flush=True)
c, _ = s.accept(); data = c.recvmsg(65536, socket.CMSG_SPACE(4)); print("connected", flush=True)
time.sleep(1000)`,
        socket,
      ],
      { stdout: "pipe" },
    );
    const reader = agent.stdout.getReader();
    let said = "";
    const says = async (word: string): Promise<void> => {
      while (!said.includes(word)) said += new TextDecoder().decode((await reader.read()).value);
    };
    await says("ready");
    const name = uniqueName();
    const option = profile("accept4", "SCMP_ACT_NOTIFY", { listenerPath: socket });
    const words = ["create", "--name", name, "--security-opt", option, busybox, "true"];
    const making = Bun.spawn([MINIBOX, "--root", ROOT, ...words], { stderr: "pipe" });
    await says("connected");
    making.kill("SIGTERM");
    expect(await making.exited).toBe(143);
    expect(await making.stderr.text()).toBe("minibox: ended by signal 15 before the container was made\n");
    expect(existsSync(join(ROOT, name))).toBe(false);
    agent.kill("SIGKILL");
    await agent.exited;
  });
});

describe.skipIf(skip !== "")("a container", () => {
  test("that is paused ends by SIGKILL", async () => {
    const name = uniqueName();
    expect(await create(name, ["sleep", "1000"])).toEqual(ok);
    expect(await minibox("start", name)).toEqual(ok);
    expect(await minibox("pause", name)).toEqual(ok);
    expect(await minibox("kill", name, "KILL")).toEqual(ok);
    await until("it has ended", isStopped(name));
    expect(await minibox("delete", name)).toEqual(ok);
  });

  test("lives on when one of its name is refused, or deleted, in another state directory", async () => {
    const other = join(directory, "other");
    const name = uniqueName();
    expect(await create(name, ["sleep", "1000"])).toEqual(ok);
    expect(await minibox("start", name)).toEqual(ok);
    const refused = await create(name, ["true"], ["-m", "100m"], other);
    expect([refused.status, refused.stderr]).toEqual([
      125,
      expect.stringMatching(/^minibox: the cgroup \S+ is in use: process \d+ is in it\n$/),
    ]);
    expect((await create(name, ["sleep", "1000"], [], other)).status).toBe(0);
    // without a cgroup, all are the first process and those below it
    expect(await at(other)("start", name)).toEqual(ok);
    expect(await at(other)("kill", "--all", name, "KILL")).toEqual(ok);
    await until("that one has ended", isStopped(name, other));
    expect(await at(other)("delete", "--force", name)).toEqual(ok);
    expect((await stateOf(name)).status).toBe("running");
    expect(await minibox("delete", "--force", name)).toEqual(ok);
  });
});

describe.skipIf(skip !== "")("a state directory", () => {
  const damage: Record<string, (path: string) => unknown> = {
    "empty file": (path) => writeFileSync(path, ""),
    "truncated file": (path) => writeFileSync(path, '{"id":"x","own'),
    "file of another program": (path) => writeFileSync(path, '{"id":"x","status":"running","pid":1}'),
    FIFO: (path) => Bun.spawnSync(["mkfifo", path]),
    link: (path) => symlinkSync("/etc/passwd", path),
    directory: (path) => mkdirSync(path),
  };

  test.each(Object.entries(damage))("with a %s for a state is told, and left alone", async (_, make) => {
    const name = uniqueName();
    const path = join(ROOT, name);
    mkdirSync(path, { recursive: true, mode: 0o700 });
    make(join(path, "state.json"));
    const refusal: Result = {
      status: 125,
      stdout: "",
      stderr: `minibox: the state of the container ${name} cannot be read: ${path}/state.json is damaged, or another version's
  where nothing runs in it any more, remove it by hand: rm -r ${path}\n`,
    };
    for (const words of [["state"], ["start"], ["kill"], ["pause"], ["delete"], ["delete", "--force"]])
      expect(await minibox(...words, name)).toEqual(refusal);
    expect(readdirSync(path)).toEqual(["state.json"]);
    expect((await create(name, ["true"])).stderr).toBe(
      `minibox: the name ${name} is in use by another container\n`,
    );
    rmSync(path, { recursive: true });
  });

  test.each([[[]], [["state.json.new"]]])(
    "of a maker that was killed with %j in it goes by force",
    async (files) => {
      const name = uniqueName();
      const path = join(ROOT, name);
      mkdirSync(path, { recursive: true, mode: 0o700 });
      for (const file of files) writeFileSync(join(path, file), "{");
      expect(await minibox("delete", "--force", name)).toEqual(ok);
      expect(existsSync(path)).toBe(false);
    },
  );

  test("of a maker that was killed before its state was whole is cleaned up by the next run", async () => {
    const path = join(ROOT, uniqueName());
    mkdirSync(path, { recursive: true });
    chmodSync(path, 0o1700); // by this mode minibox knows a directory as its own
    writeFileSync(join(path, "state.json.new"), "{");
    expect((await minibox("run", busybox, "true")).status).toBe(0);
    expect(existsSync(path)).toBe(false);
  });

  test("is found through a link that the caller names", async () => {
    const link = join(directory, "link");
    mkdirSync(join(directory, "real"), { mode: 0o700 });
    symlinkSync("real", link);
    const name = uniqueName();
    expect(await create(name, ["true"], [], link)).toEqual(ok);
    expect((await stateOf(name, link)).status).toBe("created");
    expect(await at(link)("delete", name)).toEqual(ok);
  });

  test("has no container of a name that could not be one, and the message stays a line", async () => {
    for (const name of ["a\nb", "", "x".repeat(300)])
      expect((await minibox("state", name)).stderr).toBe(
        `minibox: the container ${name.length === 300 ? name : JSON.stringify(name)} does not exist\n`,
      );
  });
});
