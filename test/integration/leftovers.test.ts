// After a run mounts, cgroups, processes and state are what they were before it, however the run ended.

import { describe, expect, setDefaultTimeout, test } from "bun:test";
import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { hasCgroup } from "../support/cgroups.ts";
import { momentsOf, SLOWNESS, start, uniqueName, until } from "../support/container.ts";
import { changedMounts, leavesNothing, mountTable } from "../support/leftovers.ts";
import {
  execute,
  ROOT,
  RUN,
  rootfs,
  rootfsToCopy,
  run,
  scratchDirectory,
  skipReason,
} from "../support/minibox.ts";

setDefaultTimeout(60_000 * SLOWNESS);
leavesNothing();
const skip = skipReason();
const busybox = skip ? "" : rootfs("busybox");
const directory = scratchDirectory();

const hasState = (name: string): boolean => existsSync(`${ROOT}/${name}`);
function environmentOf(pid: number | string): string {
  try {
    return readFileSync(`/proc/${pid}/environ`, "utf8");
  } catch {
    return ""; // it has just ended
  }
}
/** The processes that have a container's name in their environment, as minibox and all in that container do. */
const processesOf = (name: string): string[] =>
  readdirSync("/proc").filter((pid) => /^\d+$/.test(pid) && environmentOf(pid).includes(name));

/** Expects that no state, cgroup, process or mount of the container with this name is left. */
async function expectGone(name: string, before: string): Promise<void> {
  await until(
    `all of ${name} is gone`,
    () => !hasState(name) && !hasCgroup(name) && processesOf(name).length === 0,
  );
  expect(changedMounts(before, mountTable())).toEqual([]);
}

/** A copy of the busybox rootfs, changed by `spoil`. */
function spoiled(spoil: (root: string) => void): string {
  const root = join(directory, uniqueName());
  Bun.spawnSync(["cp", "-a", rootfsToCopy("busybox"), root]);
  spoil(root);
  return root;
}

describe.skipIf(skip !== "")("after a run nothing is left [vm]", () => {
  test.each([
    ["a plain run", []],
    ["an init", ["--init"]],
    ["a throw-away layer", ["--overlay"]],
    ["volumes and limits", ["-v", "/tmp:/mnt", "--tmpfs", "/opt", "-m", "64m", "--pids-limit", "50"]],
    ["a read-only root", ["--read-only"]],
    ["chroot", ["--chroot"]],
    ["a terminal", ["-t"]],
  ])("%s", async (_, flags) => {
    const [name, before] = [uniqueName(), mountTable()];
    const { status } = await run([
      "--name",
      name,
      "-e",
      `MARK=${name}`,
      ...flags,
      busybox,
      "sh",
      "-c",
      "exit 3",
    ]);
    expect(status).toBe(3);
    await expectGone(name, before);
  });
});

/** A rootfs with something else in the place of one of its directories. */
const replaced = (name: string, make: (path: string) => void): string =>
  spoiled((root) => {
    rmSync(join(root, name), { recursive: true });
    make(join(root, name));
  });

const FAILURES: [status: number, what: string, flags: string[], root: () => string, words: string[]][] = [
  [125, "a volume whose source is missing", ["-v", "/no/such:/mnt"], () => busybox, ["true"]],
  [125, "a volume on a file's place below a file", ["-v", "/tmp:/etc/passwd/x"], () => busybox, ["true"]],
  [125, "a directory on a file", ["-v", "/tmp:/etc/passwd"], () => busybox, ["true"]],
  [125, "a file on a directory", ["-v", "/etc/passwd:/etc"], () => busybox, ["true"]],
  [
    125,
    "a tmpfs with an option that the kernel does not know",
    ["--tmpfs", "/mnt:nonsense=1"],
    () => busybox,
    ["true"],
  ],
  [125, "a user that does not exist", ["-u", "nobody-of-that-name"], () => busybox, ["true"]],
  [125, "a working directory that is a file", ["-w", "/etc/passwd"], () => busybox, ["true"]],
  [125, "a limit that the kernel refuses [vm]", ["--cpuset-cpus", "1000"], () => busybox, ["true"]],
  [125, "a hard limit above what can be", ["--ulimit", "nofile=99999999999"], () => busybox, ["true"]],
  [127, "a command that is missing", [], () => busybox, ["/no/such"]],
  [127, "a command that is missing, under an init", ["--init"], () => busybox, ["/no/such"]],
  [127, "a command that is missing, on a terminal", ["-t"], () => busybox, ["/no/such"]],
  [126, "a command that is no program", [], () => busybox, ["/etc/passwd"]],
  [
    125,
    "/proc that is a file of no bytes",
    [],
    () => replaced("proc", (path) => writeFileSync(path, "")),
    ["true"],
  ],
  [125, "/dev that is a link", [], () => replaced("dev", (path) => symlinkSync("/tmp", path)), ["true"]],
  [
    125,
    "/sys that is a link that leads nowhere",
    [],
    () => replaced("sys", (path) => symlinkSync("/no/such", path)),
    ["true"],
  ],
  [125, "a rootfs that is empty", [], () => mkdtempSync(join(directory, "empty-")), ["true"]],
  [125, "a rootfs that is a file", [], () => "/etc/passwd", ["true"]],
];

describe.skipIf(skip !== "")("after a failure nothing is left", () => {
  test.each(FAILURES)("%d for %s", async (expected, _, flags, root, words) => {
    const [name, before] = [uniqueName(), mountTable()];
    const { status, stderr } = await run(["--name", name, "-e", `MARK=${name}`, ...flags, root(), ...words]);
    expect(status).toBe(expected);
    expect(stderr).toMatch(/^minibox: /);
    expect(stderr).not.toMatch(/fault of minibox itself|internal error/);
    await expectGone(name, before);
  });

  test("mount points that cannot be made in a read-only rootfs", async () => {
    const name = uniqueName();
    const root = spoiled((root) => rmSync(join(root, "proc"), { recursive: true }));
    const script = `mount --bind ${root} ${root} && mount -o remount,bind,ro ${root} && exec "$@"`;
    const words = [...RUN, "--name", name, root, "true"];
    const { status, stderr } = await execute(["unshare", "-m", "sh", "-c", script, "sh", ...words]);
    expect(status).toBe(125);
    expect(stderr).toMatch(/EROFS: read-only file system/);
    expect([hasState(name), hasCgroup(name)]).toEqual([false, false]);
  });
});

describe.skipIf(skip !== "")("kill -9 of the parent", () => {
  test("at any moment ends the container, and the next command removes what is left [vm]", async () => {
    const before = mountTable();
    const names: string[] = [];
    const running: Promise<unknown>[] = [];
    const moments = await momentsOf(() => run([busybox, "true"]), 40);
    for (const [i, moment] of moments.entries()) {
      const name = uniqueName();
      names.push(name);
      const flags = i % 4 === 0 ? ["--init"] : i % 4 === 1 ? ["-t"] : [];
      const container = start([
        "--name",
        name,
        "-e",
        `MARK=${name}`,
        "-m",
        "64m",
        ...flags,
        busybox,
        "sleep",
        "600",
      ]);
      await Bun.sleep(moment);
      process.kill(container.pid, "SIGKILL");
      running.push(container.ended);
    }
    await Promise.all(running);
    for (const name of names)
      await until(`the processes of ${name} end`, () => processesOf(name).length === 0);
    expect((await run([busybox, "true"])).status).toBe(0);
    expect(names.filter(hasState)).toEqual([]);
    expect(names.filter(hasCgroup)).toEqual([]);
    expect(changedMounts(before, mountTable())).toEqual([]);
  });

  test("a running one: its descendants end with it", async () => {
    const name = uniqueName();
    const script = "for i in 1 2 3; do (trap '' HUP TERM; sleep 600) & done; echo ready; wait";
    const container = start(["--name", name, "-e", `MARK=${name}`, busybox, "sh", "-c", script]);
    await container.says("ready");
    // a process shows no environment during its execve
    await until("all are there", () => processesOf(name).length >= 4);
    process.kill(container.pid, "SIGKILL");
    await until("all end", () => processesOf(name).length === 0);
    await run([busybox, "true"]);
    expect([hasState(name), hasCgroup(name)]).toEqual([false, false]);
  });

  test("a command that has cleared its parent-death signal ends with it all the same, and the next command removes the rest [vm]", async () => {
    const name = uniqueName();
    const python = "/usr/bin/python3";
    if (!existsSync(python)) throw new Error(`this test needs ${python}`);
    const clear =
      "import ctypes, time; ctypes.CDLL(None).prctl(1, 0, 0, 0, 0); print('ready', flush=True); time.sleep(600)";
    const volumes = ["/usr", "/lib", "/lib64"]
      .filter((path) => existsSync(path))
      .map((path) => `-v ${path}:${path}:ro`);
    const script = `
      coproc $RUN --name ${name} ${volumes.join(" ")} ${busybox} ${python} -c "${clear}"
      read -r line <&\${COPROC[0]}
      echo "it is $line"
      keeper=$(cat /proc/$COPROC_PID/task/$COPROC_PID/children)
      command=$(cat /proc/$((keeper))/task/$((keeper))/children)
      supervisor=$COPROC_PID
      kill -KILL $supervisor
      wait $supervisor
      for i in $(seq 600); do grep -qs '^State:.[^ZX]' /proc/$((command))/status || break; sleep 0.05; done
      grep -s '^State:.[^ZX]' /proc/$((command))/status || echo gone
      ls ${ROOT}
      $RUN ${busybox} echo next
      ls ${ROOT}`;
    const { stdout } = await execute(["bash", "-c", script]);
    expect(stdout.split("\n")).toEqual(["it is ready", "gone", name, "next", ""]);
    expect(hasCgroup(name)).toBe(false);
  });

  test("the name of a dead one can be used again at once", async () => {
    const name = uniqueName();
    const container = start(["--name", name, busybox, "sh", "-c", "echo ready; sleep 600"]);
    await container.says("ready");
    const taken = await run(["--name", name, busybox, "true"]);
    expect(taken.status).toBe(125);
    expect(taken.stderr).toContain(`the name ${name} is in use`);
    process.kill(container.pid, "SIGKILL");
    await container.ended.catch(() => {});
    expect((await run(["--name", name, busybox, "true"])).status).toBe(0);
    expect([hasState(name), hasCgroup(name)]).toEqual([false, false]);
  });
});
