// Containers of an ordinary user, with and without subordinate ids.

import { afterAll, afterEach, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import {
  chownSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { VERSION } from "../support/cgroups.ts";
import { momentsOf, until } from "../support/container.ts";
import { leavesNothing } from "../support/leftovers.ts";
import { execute, skipReason } from "../support/minibox.ts";
import {
  leftBehind,
  makePlace,
  type Place,
  processesOf,
  runAsUser,
  runWithSubIds,
  SUB_IDS,
  UID,
  userWords,
} from "../support/user.ts";

setDefaultTimeout(60_000);
leavesNothing();
const reason = skipReason("setpriv", "unshare", "newuidmap", "newgidmap");
let place: Place;
beforeAll(() => {
  if (!reason) place = makePlace();
});
afterAll(() => place?.remove());
afterEach(async () => {
  if (reason) return;
  await until("its processes have ended", () => leftBehind(place).processes.length === 0);
  expect(leftBehind(place)).toEqual({ processes: [], states: [] });
});

/** The lines of a map in /proc, columns by single blanks. */
const table = (text: string): string[] =>
  text
    .trim()
    .split("\n")
    .map((line) => line.trim().replace(/ +/g, " "));

describe.skipIf(reason !== "")("an ordinary user", () => {
  test("is root inside, and alone there without subordinate ids", async () => {
    const result = await runAsUser(place, [
      place.rootfs,
      "sh",
      "-c",
      "id -u; cat /proc/self/uid_map /proc/self/gid_map /proc/self/setgroups; ls /proc | grep -c '^[0-9][0-9]'; hostname",
    ]);
    expect(result.stderr).toBe("");
    expect(table(result.stdout)).toEqual(["0", `0 ${UID} 1`, `0 ${UID} 1`, "deny", "0", "container"]);
  });

  test("has its subordinate ids above 0", async () => {
    const result = await runWithSubIds(place, [
      place.rootfs,
      "sh",
      "-c",
      "cat /proc/self/uid_map /proc/self/gid_map /proc/self/setgroups; grep Groups: /proc/self/status",
    ]);
    expect(result.stderr).toBe("");
    const subIds = `1 ${SUB_IDS.start} ${SUB_IDS.size}`;
    expect(table(result.stdout)).toEqual([`0 ${UID} 1`, subIds, `0 ${UID} 1`, subIds, "allow", "Groups:"]);
  });

  test("owns what its container's root makes, and subordinate ids own the rest", async () => {
    const shared = join(place.path, "shared");
    mkdirSync(shared);
    chownSync(shared, UID, UID);
    const command = "touch /mnt/root /mnt/other && chown 5:6 /mnt/other && cat /mnt/other";
    const result = await runWithSubIds(place, ["-v", `${shared}:/mnt`, place.rootfs, "sh", "-c", command]);
    expect(result).toEqual({ status: 0, stdout: "", stderr: "" });
    const owners = ["root", "other"].map((name) => {
      const { uid, gid } = statSync(join(shared, name));
      return [uid, gid];
    });
    expect(owners).toEqual([
      [UID, UID],
      [SUB_IDS.start + 4, SUB_IDS.start + 5],
    ]);
    rmSync(shared, { recursive: true });
  });

  test("runs as another user of the container", async () => {
    const result = await runWithSubIds(place, ["-u", "1000:100", place.rootfs, "id"]);
    expect(result.stdout).toBe("uid=1000 gid=100\n");
    const refused = await runAsUser(place, ["-u", "1000", place.rootfs, "id"]);
    expect(refused.status).toBe(125);
    expect(refused.stderr).toContain(
      "the user id 1000 is not mapped in the container's user namespace, which has 0",
    );
    expect(refused.stderr).toContain("/etc/subuid");
  });

  test("gets one id and a note where newuidmap fails", async () => {
    const broken = join(place.path, "etc/subuid");
    const before = readFileSync(broken, "utf8");
    // newuidmap refuses what overlaps, the ranges look well to everybody else
    writeFileSync(broken, `${before}${before}`);
    const result = await runWithSubIds(place, [place.rootfs, "cat", "/proc/self/uid_map"]);
    writeFileSync(broken, before);
    expect(table(result.stdout)).toEqual([`0 ${UID} 1`]);
    expect(result.stderr).toContain("minibox: further ids could not be mapped");
    expect(result.status).toBe(0);
  });

  test("has a file system of its own kind under every standard mount", async () => {
    const result = await runAsUser(place, [
      place.rootfs,
      "sh",
      "-c",
      "cut -d ' ' -f 2,3 /proc/mounts; echo x >/dev/null && head -c 1 /dev/zero | wc -c; ls /sys/class/net",
    ]);
    expect(result.stderr).toBe("");
    const mounts = result.stdout.split("\n");
    for (const mount of [
      "/proc proc",
      "/dev tmpfs",
      "/dev/pts devpts",
      "/dev/shm tmpfs",
      "/dev/mqueue mqueue",
      "/sys sysfs",
    ])
      expect(mounts).toContain(mount);
    expect(mounts).toContain("/dev/null devtmpfs");
    expect(mounts.slice(-3)).toEqual(["1", "lo", ""]);
  });

  test("writes into a rootfs of its own, and not into root's", async () => {
    expect((await runAsUser(place, [place.ownRootfs, "touch", "/made"])).status).toBe(0);
    expect(statSync(join(place.ownRootfs, "made")).uid).toBe(UID);
    rmSync(join(place.ownRootfs, "made"));
    expect((await runAsUser(place, [place.rootfs, "touch", "/etc/made"])).status).toBe(1);
    expect((await runAsUser(place, ["--read-only", place.ownRootfs, "touch", "/made"])).stderr).toContain(
      "Read-only file system",
    );
  });

  test("throws an overlay away", async () => {
    const command =
      "rm -r /usr/bin && mkdir /usr/bin && ls /usr/bin | wc -l && echo new >/etc/passwd && cat /etc/passwd";
    const result = await runAsUser(place, ["--overlay", place.ownRootfs, "sh", "-c", command]);
    expect(result).toEqual({ status: 0, stdout: "0\nnew\n", stderr: "" });
    expect(existsSync(join(place.ownRootfs, "usr/bin/env"))).toBe(true);
    expect(readFileSync(join(place.ownRootfs, "etc/passwd"), "utf8")).not.toContain("new");
  });

  test("has tmpfs, read-only volumes, and mount flags that stay", async () => {
    const shared = join(place.path, "flags");
    mkdirSync(shared);
    const words = ["--tmpfs", "/srv", "-v", `${shared}:/mnt:ro`, "-v", "/dev/shm:/opt:rw", place.rootfs];
    const command = "touch /srv/x; touch /mnt/x 2>&1; grep -E ' /(srv|mnt|opt) ' /proc/mounts";
    const { stdout, stderr } = await runAsUser(place, [...words, "sh", "-c", command]);
    rmSync(shared, { recursive: true });
    expect(stderr).toBe("");
    expect(stdout).toContain("touch: /mnt/x: Read-only file system");
    expect(stdout).toMatch(/ \/srv tmpfs rw,nosuid,nodev,noexec/);
    expect(stdout).toMatch(/ \/mnt \w+ ro/);
  });

  test("sees the host's network where asked to, and its /sys read-only", async () => {
    const { stdout, stderr } = await runAsUser(place, [
      "--network",
      "host",
      place.rootfs,
      "sh",
      "-c",
      "readlink /proc/self/ns/net; touch /sys/x 2>&1",
    ]);
    expect(stderr).toBe("");
    const net = (await execute(["readlink", "/proc/self/ns/net"])).stdout.trim();
    expect(stdout.split("\n").slice(0, 2)).toEqual([net, "touch: /sys/x: Read-only file system"]);
  });

  test("gets a terminal", async () => {
    const { stdout, stderr } = await runAsUser(place, [
      "-t",
      place.rootfs,
      "sh",
      "-c",
      "tty; test -c /dev/console && echo console",
    ]);
    expect({ stdout, stderr }).toEqual({ stdout: "/dev/pts/0\r\nconsole\r\n", stderr: "" });
  });

  test("gets an init", async () => {
    const { stdout } = await runAsUser(place, [
      "--init",
      place.rootfs,
      "sh",
      "-c",
      "echo $$; cat /proc/1/comm",
    ]);
    expect(stdout).toMatch(/^([2-9]|\d{2,})\n(?!sh\n)/);
  });

  test("is told the status, also of a signal, and that the time is up", async () => {
    expect((await runAsUser(place, [place.rootfs, "sh", "-c", "exit 7"])).status).toBe(7);
    expect((await runAsUser(place, [place.rootfs, "nothing-of-this-name"])).status).toBe(127);
    const late = await runAsUser(place, ["--timeout", "300ms", place.rootfs, "sleep", "60"]);
    expect(late.status).toBe(124);
  });

  test("sends signals to a command that runs as another user", async () => {
    const child = Bun.spawn(
      userWords([
        place.minibox,
        "run",
        place.rootfs,
        "sh",
        "-c",
        "trap 'echo got; exit 3' TERM; echo up; while :; do sleep 0.05; done",
      ]),
      { stdout: "pipe", cwd: "/" },
    );
    const reader = child.stdout.getReader();
    expect(new TextDecoder().decode((await reader.read()).value)).toBe("up\n");
    child.kill("SIGTERM");
    expect(new TextDecoder().decode((await reader.read()).value)).toBe("got\n");
    expect(await child.exited).toBe(3);
  });

  test("is refused limits where no cgroup is delegated", async () => {
    const { status, stderr } = await runAsUser(place, ["-m", "64m", place.rootfs, "true"]);
    expect(status).toBe(125);
    expect(stderr).toStartWith("minibox: --memory cannot be enforced: ");
    // where there is nothing to delegate, advice about systemd would be of no use
    if (VERSION === "v1") expect(stderr).toMatch(/no cgroup v2, .*\n {2}run it as root/);
  });

  test("is refused mappings that are not its own to choose", async () => {
    for (const words of [
      ["--userns", "host"],
      ["--userns", "0:0:10"],
      ["--uidmap", "0:0:1"],
    ]) {
      const { status, stderr } = await runAsUser(place, [...words, place.rootfs, "true"]);
      expect(status).toBe(125);
      expect(stderr).toContain("an ordinary user's container has one mapping");
    }
  });

  test("keeps a supplementary group that shuts it out, without subordinate ids", async () => {
    const words = ["setpriv", "--reuid", String(UID), "--regid", String(UID), "--groups", "4242"];
    const { stdout } = await execute(
      [...words, place.minibox, "run", place.rootfs, "grep", "Groups:", "/proc/self/status"],
      { cwd: "/" },
    );
    expect(stdout.trim().split(/\s+/)).toEqual(["Groups:", "65534"]);
  });

  test("prunes what a killed supervisor left, and kill -9 at any moment ends the container", async () => {
    for (const moment of await momentsOf(() => runAsUser(place, [place.rootfs, "true"]), 12)) {
      const child = Bun.spawn(userWords([place.minibox, "run", place.rootfs, "sleep", "60"]), { cwd: "/" });
      await Bun.sleep(moment);
      child.kill("SIGKILL");
      await child.exited;
    }
    await until("all have ended", async () => (await processesOf(UID)).length === 0);
    await runAsUser(place, [place.rootfs, "true"]);
  });

  test("starts fifty times, four at a time", async () => {
    const once = async (): Promise<number> => (await runAsUser(place, [place.rootfs, "true"])).status;
    const statuses: number[] = [];
    for (let i = 0; i < 50; i += 4) statuses.push(...(await Promise.all([once(), once(), once(), once()])));
    expect(statuses.filter((status) => status !== 0)).toEqual([]);
  });

  test("cannot write the executable from inside, though it is its own", async () => {
    const own = join(place.path, "own-minibox");
    await execute(["install", "-o", String(UID), "-m", "755", place.minibox, own]);
    const child = Bun.spawn(userWords([own, "run", "--init", place.rootfs, "sleep", "60"]), { cwd: "/" });
    let pid = "";
    await until("the command sleeps", async () => {
      const sleeping = (await execute(["pgrep", "-r", "S", "-u", String(UID), "-x", "sleep"])).stdout.trim();
      if (sleeping) pid = (await execute(["ps", "-o", "ppid=", "-p", sleeping])).stdout.trim();
      return pid !== "";
    });
    // PID 1 of the container is the executable still; what even the host's root may not, nobody inside may
    const words = [`/proc/${pid}/exe`, own].map((path) => `test -w ${path} && echo yes || echo no`);
    const { stdout } = await execute(["sh", "-c", words.join(";")]);
    child.kill("SIGKILL");
    await child.exited;
    rmSync(own);
    expect(stdout).toBe("no\nyes\n");
    await runAsUser(place, [place.rootfs, "true"]); // prunes
  });

  test("has what is masked masked", async () => {
    const { stdout, stderr } = await runAsUser(place, [
      place.rootfs,
      "sh",
      "-c",
      "head -c 1 /proc/kcore | wc -c; ls /proc/scsi /sys/firmware 2>/dev/null | wc -l; echo 1 >/proc/sys/kernel/panic",
    ]);
    expect(stdout.trim().split("\n")[0]).toBe("0");
    expect(stderr).toContain("Read-only file system");
  });

  test("reads a traced run through to the execve", async () => {
    const { stderr, status } = await runAsUser(place, ["--trace", place.rootfs, "true"]);
    expect(status).toBe(0);
    for (const call of [
      "unshare(CLONE_NEWUSER) = 0",
      `"0 ${UID} 1\\n"`,
      "clone(CLONE_VM|CLONE_VFORK|CLONE_NEWPID|CLONE_PIDFD|SIGCHLD, NULL) = 2",
      'execve("',
    ])
      expect(stderr).toContain(call);
  });

  test("is told the sysctl that forbids user namespaces", async () => {
    // the sysctl counts for the user namespace that it is written in, so that only this test sees it
    const script = `read -r _; exec setpriv --reuid 0 --regid 0 --clear-groups sh -c '
      echo 0 >/proc/sys/user/max_user_namespaces; exec "$@"' sh "$@"`;
    const words = userWords([place.minibox, "run", place.rootfs, "true"]);
    const child = Bun.spawn(["unshare", "--user", "sh", "-c", script, "sh", ...words], {
      stdin: "pipe",
      stderr: "pipe",
      cwd: "/",
    });
    const own = readlinkSync("/proc/self/ns/user");
    await until("it has its namespace", () => readlinkSync(`/proc/${child.pid}/ns/user`) !== own);
    for (const kind of ["uid", "gid"]) writeFileSync(`/proc/${child.pid}/${kind}_map`, "0 0 65536");
    child.stdin.write("go\n");
    child.stdin.end();
    expect(await child.exited).toBe(125);
    expect(await child.stderr.text()).toContain("the sysctl user.max_user_namespaces is 0");
  });
});

describe.skipIf(reason !== "")("root of a user namespace that somebody else made", () => {
  test("runs containers too", async () => {
    const words = [place.minibox, "run", place.rootfs, "cat", "/proc/self/uid_map"];
    for (const caller of [
      ["unshare", "-Ur"],
      userWords(["unshare", "-Ur"]),
      ["unshare", "-Urpf", "--mount-proc"],
    ]) {
      const { status, stdout, stderr } = await execute([...caller, ...words], {
        cwd: "/",
        env: { PATH: "/usr/bin:/bin" },
      });
      expect({ status, stdout: table(stdout), stderr }).toEqual({
        status: 0,
        stdout: [expect.stringMatching(/^0 \d+ 1$/)],
        stderr: "",
      });
    }
  });
});
