// A container outlives the process that made it: create, start, state, kill, pause, resume and delete are processes of
// their own, which know nothing but what the state directory says.

import { describe, expect, test } from "bun:test";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { momentsOf, signal, start, tryText, uniqueName, until } from "../support/container.ts";
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

leavesNothing();

const skip = skipReason();
const busybox = rootfs("busybox");
const output = join(scratchDirectory(), "output");

/** `minibox COMMAND…` on this file's containers. */
const minibox = (...words: string[]): Promise<Result> => execute([MINIBOX, "--root", ROOT, ...words]);

/** `minibox create`, whose stdin, stdout and stderr are the container's and so no pipes of the test's. */
async function create(name: string, words: string[], flags: string[] = []): Promise<Result> {
  const file = `${output}-${name}`;
  const child = Bun.spawn([MINIBOX, "--root", ROOT, "create", "--name", name, ...flags, busybox, ...words], {
    stdin: "ignore",
    stdout: Bun.file(file),
    stderr: Bun.file(`${file}.err`),
  });
  const status = await child.exited;
  return { status, stdout: tryText(file) ?? "", stderr: tryText(`${file}.err`) ?? "" };
}

const ok: Result = { status: 0, stdout: "", stderr: "" };

interface State {
  ociVersion: string;
  id: string;
  status: string;
  pid: number;
  bundle: string;
  annotations: Record<string, string>;
}

async function state(name: string): Promise<State> {
  const { stdout } = await minibox("state", name);
  return JSON.parse(stdout) as State;
}

const statusOf = async (name: string): Promise<string> => (await state(name)).status;

const refused = (what: string, why: string): Result => ({
  status: 125,
  stdout: "",
  stderr: `minibox: cannot ${what}: ${why}\n`,
});

describe.skipIf(skip !== "")("a created container", () => {
  test("waits with everything in force, owned by nobody of minibox, until another process starts it", async () => {
    const name = uniqueName();
    expect(await create(name, ["sh", "-c", "echo up; exec sleep 1000"])).toEqual(ok);
    const { pid, ...rest } = await state(name);
    expect(rest).toEqual({ ociVersion: "1.2.0", id: name, status: "created", bundle: "/", annotations: {} });
    const status = readFileSync(`/proc/${pid}/status`, "utf8");
    expect(status).toMatch(/^Seccomp:\t2$/m);
    expect(status).toMatch(/^NoNewPrivs:\t1$/m);
    expect(status).not.toMatch(/^CapEff:\t0000003fffffffff$/m);
    // its parent is whoever collects orphans here, and no minibox
    const parent = /^PPid:\t(\d+)$/m.exec(status)?.[1];
    expect(tryText(`/proc/${parent}/cmdline`) ?? "").not.toContain(MINIBOX);
    expect(tryText(`${output}-${name}`)).toBe("");

    expect(await minibox("start", name)).toEqual(ok);
    await until("the command runs", () => tryText(`${output}-${name}`) === "up\n");
    expect(await state(name)).toMatchObject({ status: "running", pid });
    expect(existsSync(join(ROOT, name, "start"))).toBe(false);
    expect(await minibox("delete", "--force", name)).toEqual(ok);
    expect(existsSync(join(ROOT, name))).toBe(false);
    await until("its process has ended", () => !existsSync(`/proc/${pid}`) || isZombie(pid));
  });

  test.each([[[]], [["--init"]]])("with %j ends by itself and stays to be looked at", async (flags) => {
    const name = uniqueName();
    expect(await create(name, ["true"], flags)).toEqual(ok);
    expect(await minibox("start", name)).toEqual(ok);
    await until("it has ended", async () => (await statusOf(name)) === "stopped");
    expect(await state(name)).toMatchObject({ status: "stopped", pid: 0 });
    expect(await minibox("delete", name)).toEqual(ok);
    expect(await minibox("state", name)).toEqual({
      status: 125,
      stdout: "",
      stderr: `minibox: the container ${name} does not exist\n`,
    });
  });

  test("that cannot run its command says so when it is started", async () => {
    const name = uniqueName();
    expect(await create(name, ["nosuch"])).toEqual(ok);
    const { status, stderr } = await minibox("start", name);
    expect([status, stderr]).toEqual([
      127,
      expect.stringMatching(/^minibox: nosuch: not found on the PATH /),
    ]);
    await until("it has ended", async () => (await statusOf(name)) === "stopped");
    expect(await minibox("delete", name)).toEqual(ok);
  });

  test("is left alone by every run that cleans up, and its name stays taken", async () => {
    const name = uniqueName();
    expect(await create(name, ["true"])).toEqual(ok);
    expect((await run([busybox, "true"])).status).toBe(0);
    expect(await statusOf(name)).toBe("created");
    expect((await run(["--name", name, busybox, "true"])).stderr).toBe(
      `minibox: the name ${name} is in use by another container\n`,
    );
    expect(await minibox("delete", name)).toEqual(ok);
  });

  test("is started by one of several who try at once", async () => {
    const name = uniqueName();
    expect(await create(name, ["sleep", "1000"])).toEqual(ok);
    const results = await Promise.all([1, 2, 3, 4].map(() => minibox("start", name)));
    const other = refused(`start ${name}`, "the container is running, and must be created");
    expect(results.filter(({ status }) => status === 0)).toEqual([ok]);
    expect(results.filter(({ status }) => status !== 0)).toEqual([other, other, other]);
    await minibox("delete", "--force", name);
  });

  test("needs a name, and takes no flag that only a supervisor could honour", async () => {
    const unnamed = await minibox("create", busybox, "true");
    expect(unnamed.stderr).toMatch(/^minibox: create needs --name: .*\n {2}see minibox create --help\n$/);
    for (const flag of ["--timeout=1s", "--attest=-", "-t"])
      expect((await minibox("create", "--name", "x", flag, busybox, "true")).stderr).toMatch(
        /^minibox: unknown flag /,
      );
  });
});

describe.skipIf(skip !== "")("what a command may do depends on the status", () => {
  const commands: Record<string, string[]> = {
    start: ["start"],
    pause: ["pause"],
    resume: ["resume"],
    delete: ["delete"],
  };
  const cases = {
    created: { pause: "running", resume: "paused" },
    running: { start: "created", resume: "paused", delete: "created or stopped" },
    paused: { start: "created", pause: "running", delete: "created or stopped" },
  } as const;

  test.each(Object.entries(cases))("%s", async (status, wrong) => {
    const name = uniqueName();
    expect(await create(name, ["sleep", "1000"])).toEqual(ok);
    if (status !== "created") expect(await minibox("start", name)).toEqual(ok);
    if (status === "paused") expect(await minibox("pause", name)).toEqual(ok);
    expect(await statusOf(name)).toBe(status);
    for (const [command, needed] of Object.entries(wrong)) {
      const result = await minibox(...commands[command]!, name);
      expect(result).toEqual(
        refused(`${command} ${name}`, `the container is ${status}, and must be ${needed}`),
      );
      expect(await statusOf(name)).toBe(status);
    }
    expect(await minibox("delete", "--force", name)).toEqual(ok);
  });

  test("stopped", async () => {
    const name = uniqueName();
    expect(await create(name, ["true"])).toEqual(ok);
    expect(await minibox("kill", name, "KILL")).toEqual(ok);
    await until("it has ended", async () => (await statusOf(name)) === "stopped");
    for (const command of ["start", "kill", "pause", "resume"])
      expect(await minibox(command, name)).toEqual(refused(`${command} ${name}`, "container not running"));
    expect(await minibox("kill", "--all", name, "KILL")).toEqual(ok);
    expect(await minibox("delete", name)).toEqual(ok);
  });

  test("a container that is not there", async () => {
    for (const command of ["start", "kill", "pause", "resume", "delete", "state"])
      for (const name of ["nosuch", "..", "a/b", "."])
        expect(await minibox(command, name)).toEqual({
          status: 125,
          stdout: "",
          stderr: `minibox: the container ${name} does not exist\n`,
        });
    expect(await minibox("delete", "--force", "nosuch")).toEqual(ok);
  });
});

describe.skipIf(skip !== "")("a running container", () => {
  test("stands still while it is paused", async () => {
    const name = uniqueName();
    expect(await create(name, ["sh", "-c", "while :; do echo; done"])).toEqual(ok);
    const size = (): number => tryText(`${output}-${name}`)?.length ?? 0;
    expect(await minibox("start", name)).toEqual(ok);
    await until("it writes", () => size() > 0);
    expect(await minibox("pause", name)).toEqual(ok);
    const paused = size();
    for (let i = 0; i < 5; i++) expect(await statusOf(name)).toBe("paused");
    expect(size()).toBe(paused);
    expect(await minibox("resume", name)).toEqual(ok);
    await until("it writes again", () => size() > paused);
    expect(await minibox("delete", "--force", name)).toEqual(ok);
  });

  test("hears signals by name and number", async () => {
    const name = uniqueName();
    const script = "trap 'echo hup' HUP; trap 'echo usr; exit' USR1; echo up; while :; do sleep 0.01; done";
    expect(await create(name, ["sh", "-c", script])).toEqual(ok);
    expect(await minibox("start", name)).toEqual(ok);
    await until("it is up", () => tryText(`${output}-${name}`) === "up\n");
    expect(await minibox("kill", name, "SIGHUP")).toEqual(ok);
    await until("it has heard", () => tryText(`${output}-${name}`) === "up\nhup\n");
    expect(await minibox("kill", name, "10")).toEqual(ok);
    await until("it has ended", async () => (await statusOf(name)) === "stopped");
    expect((await minibox("kill", name, "NOSUCH")).stderr).toMatch(/^minibox: kill: "NOSUCH" is no signal/);
    expect(await minibox("delete", name)).toEqual(ok);
  });

  test("of a supervisor is seen, and ends with all of its supervisor's work when it is deleted", async () => {
    const name = uniqueName();
    const supervised = start(["--name", name, busybox, "sh", "-c", "echo up; exec sleep 1000"]);
    await supervised.says("up");
    await until("it is recorded as running", async () => (await statusOf(name)) === "running");
    chmodSync(join(ROOT, name, "state.json"), 0o600); // as before its command has started
    expect(await statusOf(name)).toBe("creating");
    expect((await minibox("delete", name)).stderr).toMatch(/^minibox: cannot delete /);
    expect(await minibox("delete", "--force", name)).toEqual(ok);
    expect(existsSync(join(ROOT, name))).toBe(false);
    expect(await supervised.ended).toMatchObject({ status: 137 });
  });
});

describe.skipIf(skip !== "")("kill -9", () => {
  test("of create leaves a whole container or none, and a state that can always be read", async () => {
    const names = [uniqueName()];
    for (const moment of await momentsOf(() => create(names[0]!, ["true"]), 30)) {
      const name = uniqueName();
      names.push(name);
      const child = Bun.spawn([MINIBOX, "--root", ROOT, "create", "--name", name, busybox, "true"], {
        stdin: "ignore",
        stdout: "ignore",
        stderr: "ignore",
      });
      await Bun.sleep(moment);
      signal(child.pid, 9);
      await child.exited;
      const file = tryText(join(ROOT, name, "state.json"));
      if (file !== undefined) expect(JSON.parse(file)).toMatchObject({ id: name });
    }
    await run([busybox, "true"]); // cleans up after the dead
    for (const name of names.filter((name) => existsSync(join(ROOT, name)))) {
      expect(await statusOf(name)).toBe("created");
      expect(await minibox("start", name)).toEqual(ok);
      expect(await minibox("delete", "--force", name)).toEqual(ok);
    }
    expect(readdirSync(ROOT)).toEqual([]);
  });

  test("before the state is written, or after it is removed, leaves a directory that the next container removes", async () => {
    const [half, empty, foreign] = ["half", "empty", "foreign"].map((name) => join(ROOT, name));
    for (const path of [half!, empty!]) {
      mkdirSync(path);
      chmodSync(path, 0o1700);
    }
    writeFileSync(join(half!, "state.json.new"), '{"id":');
    mkdirSync(foreign!, { mode: 0o700 });
    expect(await run([busybox, "true"])).toEqual(ok);
    expect(readdirSync(ROOT)).toEqual(["foreign"]);
    rmdirSync(foreign!);
  });

  test("of start leaves a container that can be started, runs, or has ended", async () => {
    const whole = uniqueName();
    expect(await create(whole, ["sleep", "1000"])).toEqual(ok);
    const moments = await momentsOf(() => minibox("start", whole), 10);
    expect(await minibox("delete", "--force", whole)).toEqual(ok);
    for (const moment of moments) {
      const name = uniqueName();
      expect(await create(name, ["sleep", "1000"])).toEqual(ok);
      const child = Bun.spawn([MINIBOX, "--root", ROOT, "start", name], {
        stdout: "ignore",
        stderr: "ignore",
      });
      await Bun.sleep(moment);
      signal(child.pid, 9);
      await child.exited;
      expect(["created", "running", "stopped"]).toContain(await statusOf(name));
      expect(await minibox("delete", "--force", name)).toEqual(ok);
    }
  });
});

function isZombie(pid: number): boolean {
  return /^State:\tZ/m.test(tryText(`/proc/${pid}/status`) ?? "");
}
