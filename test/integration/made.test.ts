// What minibox makes in a rootfs for a run, such as mount points, is removed after the run, unless it is used by then.

import { afterAll, beforeEach, describe, expect, test } from "bun:test";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { SIGNALS } from "../../src/sys/constants.ts";
import { signal, start, tryText, uniqueName, until } from "../support/container.ts";
import { leavesNothing } from "../support/leftovers.ts";
import { execute, MINIBOX, ROOT, RUN, run, scratchDirectory, scratchRootfs } from "../support/minibox.ts";
import { makePlace, runAsUser } from "../support/user.ts";

const root = scratchRootfs();
const outside = scratchDirectory();
writeFileSync(join(outside, "file"), "from the host\n");
const place = makePlace();
afterAll(() => place.remove());
leavesNothing();

/** Every name below a directory. */
const names = (path: string): string[] => readdirSync(path, { recursive: true, encoding: "utf8" }).sort();

const bare = (path: string): void => {
  for (const name of ["proc", "sys", "dev"]) rmSync(join(path, name), { recursive: true, force: true });
};
beforeEach(() => bare(root));

const FLAGS = ["--tmpfs", "/a/b/c", "-v", `${outside}/file:/a/b/f`, "-v", `${outside}:/x`, "-w", "/w/d"];
const SEE = "cat /a/b/f; grep -c ' /a/b/c ' /proc/mounts; pwd";
const SEEN = "from the host\n1\n/w/d\n";

test("mount points, their parents and the working directory are removed", async () => {
  symlinkSync("/var/nothing/here", join(root, "etc/dangling"));
  const before = names(root);
  for (const flags of [
    [],
    ["--read-only"],
    ["--init"],
    ["--chroot"],
    ["--userns", "300000:300000:65536"],
    ["--overlay"],
  ]) {
    const words = [...flags, ...FLAGS, "--tmpfs", "/etc/dangling", root, "sh", "-c", SEE];
    expect([flags, await run(words)]).toEqual([flags, { status: 0, stdout: SEEN, stderr: "" }]);
    expect([flags, names(root)]).toEqual([flags, before]);
  }
});

test("also those of an ordinary user", async () => {
  bare(place.ownRootfs);
  chmodSync(outside, 0o755);
  const before = names(place.ownRootfs);
  expect(await runAsUser(place, [...FLAGS, place.ownRootfs, "sh", "-c", SEE])).toEqual({
    status: 0,
    stdout: SEEN,
    stderr: "",
  });
  expect(names(place.ownRootfs)).toEqual(before);
});

test("nothing is removed where the path leads to another directory by now", async () => {
  const own = scratchRootfs();
  const other = scratchDirectory();
  const name = uniqueName();
  // not execute(): the container keeps stdout and stderr open
  const minibox = (...words: string[]) => Bun.spawn([MINIBOX, "--root", ROOT, ...words]).exited;
  expect(await minibox("create", "--name", name, "-v", `${outside}:/made`, own, "true")).toBe(0);
  renameSync(join(own, "made"), join(other, "made"));
  renameSync(own, `${own}.moved`);
  symlinkSync(other, own);
  expect(await minibox("delete", "--force", name)).toBe(0);
  expect(names(other)).toEqual(["made"]);
});

test("a directory that is no rootfs stays as it was", async () => {
  const tree = scratchDirectory();
  mkdirSync(join(tree, "src"));
  writeFileSync(join(tree, "src/main.ts"), "");
  const { status } = await run([".", "true"], { cwd: tree });
  expect([status, names(tree)]).toEqual([127, ["src", "src/main.ts"]]);
});

test("so it is when the start fails on the way", async () => {
  const before = names(root);
  const { status } = await run([...FLAGS, "--tmpfs", "/etc/passwd", root, "true"]);
  expect([status, names(root)]).toEqual([125, before]);
});

test("what was there before, or is used by now, stays", async () => {
  mkdirSync(join(root, "a/b"), { recursive: true });
  writeFileSync(join(root, "empty"), "");
  const script = "echo mine >/w/d/file; mkdir /kept";
  await run([...FLAGS, "-v", `${outside}/file:/empty`, root, "sh", "-c", script]);
  expect(names(join(root, "a"))).toEqual(["b"]);
  expect(names(join(root, "w"))).toEqual(["d", "d/file"]);
  expect([
    existsSync(join(root, "empty")),
    existsSync(join(root, "kept")),
    existsSync(join(root, "x")),
  ]).toEqual([true, true, false]);
  for (const name of ["a", "w", "empty", "kept"]) rmSync(join(root, name), { recursive: true });
});

test("what lies in a volume is the volume's", async () => {
  const volume = scratchDirectory();
  await run(["-v", `${volume}:/x`, "--tmpfs", "/x/inner", root, "true"]);
  expect(names(volume)).toEqual(["inner"]);
});

describe("where several containers have one rootfs", () => {
  test("the last one removes it, and none loses its mounts", async () => {
    const before = names(root);
    const first = start([...FLAGS, root, "sh", "-c", "echo up; read x"]);
    await first.says("up");
    const second = start([
      ...FLAGS,
      root,
      "sh",
      "-c",
      `echo up; read x; ${SEE}; ls /proc/self/status /dev/null`,
    ]);
    await second.says("up");
    first.closeInput();
    await first.ended;
    expect(existsSync(join(root, "proc"))).toBe(true);
    second.write("\n");
    expect((await second.ended).stdout).toBe(`up\n${SEEN}/dev/null\n/proc/self/status\n`);
    expect(names(root)).toEqual(before);
  });

  test("another user's keeps its mounts as well", async () => {
    bare(place.ownRootfs);
    const first = start([place.ownRootfs, "sh", "-c", "echo up; read x"]);
    await first.says("up");
    const words = [
      place.minibox,
      "run",
      "-q",
      place.ownRootfs,
      "sh",
      "-c",
      "echo up; read x; ls /proc/self/status",
    ];
    const { userWords } = await import("../support/user.ts");
    const second = Bun.spawn(userWords(words), {
      stdin: "pipe",
      stdout: "pipe",
      cwd: "/",
      env: { PATH: process.env.PATH },
    });
    const reader = second.stdout.getReader();
    expect(new TextDecoder().decode((await reader.read()).value)).toBe("up\n");
    first.closeInput();
    await first.ended;
    second.stdin.write("\n");
    second.stdin.end();
    expect(new TextDecoder().decode((await reader.read()).value)).toBe("/proc/self/status\n");
    await second.exited;
  });

  test("many at once, starting and ending, all have what they need", async () => {
    const before = names(root);
    const runs = Array.from({ length: 24 }, async (_, i) => {
      await Bun.sleep(i * 7); // so that ends meet starts
      return run([...FLAGS, root, "sh", "-c", SEE]);
    });
    for (const result of await Promise.all(runs))
      expect(result).toEqual({ status: 0, stdout: SEEN, stderr: "" });
    expect(names(root)).toEqual(before);
  });
});

test("after a kill of the supervisor the next container cleans up", async () => {
  const before = names(root);
  const name = uniqueName();
  const killed = start(["--name", name, ...FLAGS, root, "sh", "-c", "echo up; read x"]);
  await killed.says("up");
  await until("all is noted", () => tryText(`${ROOT}/${name}/made`)?.includes('"/w/d"') ?? false);
  signal(killed.pid, 9);
  await killed.ended;
  const other = scratchRootfs();
  await until("the note is gone", async () => {
    await run([other, "true"]);
    return !existsSync(`${ROOT}/${name}`);
  });
  expect(names(root)).toEqual(before);
});

test("names exchanged in the meantime lead nobody out of the rootfs", async () => {
  const victim = scratchDirectory();
  mkdirSync(join(victim, "d"));
  const swapped = start(["-w", "/w/d", root, "sh", "-c", "echo up; read x"]);
  await swapped.says("up");
  await execute(["sh", "-c", 'mv "$0/w" "$0/moved" && ln -s "$1" "$0/w"', root, victim]);
  swapped.closeInput();
  await swapped.ended;
  expect(names(victim)).toEqual(["d"]);
  for (const name of ["w", "moved"]) rmSync(join(root, name), { recursive: true });
});

test("a run that has to make nothing makes no call for it", async () => {
  for (const name of ["proc", "sys", "dev"]) mkdirSync(join(root, name));
  const { stderr } = await execute([...RUN, "--trace", root, "true"]);
  expect(stderr).toContain("mount proc on /proc");
  expect(stderr).not.toMatch(/child .*readlinkat|child .*mkdirat\(5|\/made"/);
});

test("of two containers with states in different places each removes its own, and leaves the other's mounts", async () => {
  const shared = scratchRootfs();
  const before = names(shared);
  const other = start([
    "--tmpfs",
    "/both",
    "--tmpfs",
    "/other",
    shared,
    "sh",
    "-c",
    "echo up; read line; grep -c both /proc/mounts",
  ]);
  await other.says("up");
  const stateRoot = join(scratchDirectory(), "states");
  const words = ["run", "--tmpfs", "/both", "--tmpfs", "/mine", "-w", "/work", shared, "true"];
  expect((await execute([RUN[0], "--root", stateRoot, ...words])).status).toBe(0);
  expect(names(shared).filter((name) => !before.includes(name))).toEqual(["both", "other"]);
  other.write("\n");
  expect(await other.ended).toMatchObject({ status: 0, stdout: "up\n1\n" });
  expect(names(shared)).toEqual(before);
});

test("a container that mounts without end costs nobody else's run its end", async () => {
  const crowded = scratchRootfs();
  bare(crowded);
  const deep = `/dev/shm${`/${"n".repeat(200)}`.repeat(19)}`;
  const points = [..."abcdefghijklmno"];
  // each rbind doubles the mounts: in the end the table has a hundred megabytes
  const script = [
    `mkdir -p ${deep} && mount -t tmpfs t ${deep} && cd ${deep} && mkdir ${points.join(" ")}`,
    ...points.map((point) => `mount --rbind ${deep} ${deep}/${point}`),
    "echo crowded",
    "exec sleep 600",
  ].join(" && ");
  const other = start(["--cap-add", "SYS_ADMIN", crowded, "sh", "-c", script]);
  await other.says("crowded");
  const stateRoot = join(scratchDirectory(), "states");
  const ran = await execute([RUN[0], "--root", stateRoot, "run", "-w", "/w/d", crowded, "pwd"]);
  expect(ran).toEqual({ status: 0, stdout: "/w/d\n", stderr: "" });
  expect(readdirSync(stateRoot)).toEqual([]);
  // whether that container uses it cannot be told, so it stays
  expect(existsSync(join(crowded, "w/d"))).toBe(true);
  other.signal(SIGNALS.TERM);
  expect((await other.ended).status).toBe(128 + SIGNALS.TERM);
});
