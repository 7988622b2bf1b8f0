// --userns, given by root: the container's ids are mapped to other ids of the host's.

import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { chmodSync, existsSync, mkdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { childrenOf, start } from "../support/container.ts";
import { leavesNothing } from "../support/leftovers.ts";
import { execute, run, skipReason } from "../support/minibox.ts";
import { makePlace, type Place, processesOf } from "../support/user.ts";

setDefaultTimeout(60_000);
leavesNothing();
const reason = skipReason("unshare");
// other ids for each run of the tests: several at once must not meet
const FIRST_UID = 10_000_000 + (process.pid % 1000) * 100_000;
const FIRST_GID = FIRST_UID + 10_000;
const RANGE = `--userns=${FIRST_UID}:${FIRST_GID}:65536`;
let place: Place;
beforeAll(() => {
  if (!reason) place = makePlace();
});
afterAll(() => place?.remove());

const table = (text: string): string[] =>
  text
    .trim()
    .split("\n")
    .map((line) => line.trim().replace(/ +/g, " "));

const shell = (words: string[], command: string) => run([...words, place.rootfs, "sh", "-c", command]);

const owner = (path: string): [number, number] => {
  const { uid, gid } = statSync(path);
  return [uid, gid];
};

describe.skipIf(reason !== "")("--userns UID:GID:SIZE", () => {
  test("maps 0 and up to the host's ids", async () => {
    const { stdout, stderr } = await shell(
      [RANGE],
      "id -u; cat /proc/self/uid_map /proc/self/gid_map /proc/self/setgroups; grep Groups: /proc/self/status",
    );
    expect(stderr).toBe("");
    expect(table(stdout)).toEqual(["0", `0 ${FIRST_UID} 65536`, `0 ${FIRST_GID} 65536`, "allow", "Groups:"]);
  });

  test("shows the host an ordinary user", async () => {
    const container = start([RANGE, place.rootfs, "sh", "-c", "echo up; read x"]);
    await container.says("up");
    const status = await Bun.file(`/proc/${childrenOf(container.pid)[0]}/status`).text();
    const four = (id: number): string => `${Array(4).fill(id).join("\t")}\n`;
    expect(status).toContain(`\nUid:\t${four(FIRST_UID)}`);
    expect(status).toContain(`\nGid:\t${four(FIRST_GID)}`);
    container.closeInput();
    await container.ended;
  });

  test("owns every namespace it is in", async () => {
    const { stdout } = await run(["--trace", RANGE, place.rootfs, "true"]).then(({ stderr }) => ({
      stdout: stderr,
    }));
    const user = stdout.indexOf("unshare(CLONE_NEWUSER)");
    const others = stdout
      .split("\n")
      .filter((line) => /\b(unshare|clone)\(.*CLONE_NEW/.test(line) && !line.includes("NEWUSER"));
    expect(user).toBeGreaterThan(0);
    for (const line of others) expect(stdout.indexOf(line)).toBeGreaterThan(user);
    expect(others.join(" ")).toContain("CLONE_NEWPID");
    expect(others.join(" ")).toContain("CLONE_NEWNET");
  });

  test("root's rootfs is the container's own inside, and root's still on disk", async () => {
    const { stdout, stderr } = await shell(
      [RANGE],
      "stat -c '%u:%g' / /bin; echo new >/etc/made; stat -c %u:%g /etc/made",
    );
    expect({ stdout, stderr }).toEqual({ stdout: "0:0\n0:0\n0:0\n", stderr: "" });
    expect(owner(join(place.rootfs, "etc/made"))).toEqual([0, 0]);
    rmSync(join(place.rootfs, "etc/made"));
  });

  test("a rootfs that has the mapped owner is taken as it is", async () => {
    const mine = join(place.path, "mapped");
    await execute(["cp", "-a", place.rootfs, mine]);
    await execute(["chown", "-R", "-h", `${FIRST_UID}:${FIRST_GID}`, mine]);
    const { stdout } = await run([RANGE, mine, "sh", "-c", "touch /made; stat -c %u:%g /made"]);
    expect(stdout).toBe("0:0\n");
    expect(owner(join(mine, "made"))).toEqual([FIRST_UID, FIRST_GID]);
    rmSync(mine, { recursive: true });
  });

  test("a rootfs, a volume and a state directory that others may not enter", async () => {
    const closed = join(place.path, "closed");
    mkdirSync(join(closed, "volume"), { recursive: true });
    chmodSync(join(closed, "volume"), 0o777);
    chmodSync(closed, 0o700);
    await execute(["cp", "-a", place.rootfs, join(closed, "rootfs")]);
    const { stdout, stderr } = await run([
      ...[RANGE, "-v", `${join(closed, "volume")}:/mnt`, join(closed, "rootfs")],
      ...["sh", "-c", "touch /mnt/made /made && stat -c %u /mnt/made /made"],
    ]);
    expect({ stdout, stderr }).toEqual({ stdout: "0\n0\n", stderr: "" });
    expect(owner(join(closed, "volume/made"))).toEqual([FIRST_UID, FIRST_GID]);
    rmSync(closed, { recursive: true });
  });

  test("limits hold", async () => {
    const { stdout, stderr, status } = await shell(
      [RANGE, "--pids-limit", "5"],
      "for i in 1 2 3 4 5 6 7 8; do sleep 1 & done; wait",
    );
    expect(`${status} ${stdout}${stderr}`).toContain("can't fork");
    const killed = await shell(
      [RANGE, "-m", "16m"],
      "head -c 64m /dev/zero | tail >/dev/null; tail /dev/zero",
    );
    expect(killed.stderr).toContain("reached the limit of 16777216 bytes");
  });

  test("an overlay, and nothing of the host's mounts beside it", async () => {
    const { stdout, stderr } = await shell(
      [RANGE, "--overlay"],
      "rm -r /usr/bin && mkdir /usr/bin && touch /made && stat -c %u /made && cut -d ' ' -f 2 /proc/mounts",
    );
    expect(stderr).toBe("");
    const [owned, ...mounts] = stdout.trim().split("\n");
    expect(owned).toBe("0");
    expect(mounts.filter((path) => path === "/")).toHaveLength(1);
    expect(mounts.filter((path) => !/^\/($|dev|proc|sys)/.test(path))).toEqual([
      "/etc/hosts",
      "/etc/hostname",
    ]);
    expect(existsSync(join(place.rootfs, "made"))).toBe(false);
  });

  test("what is masked is masked, and leaves no mount of its own", async () => {
    const { stdout, stderr } = await shell(
      [RANGE],
      "head -c 1 /proc/kcore | wc -c; cut -d ' ' -f 2 /proc/mounts; echo 1 >/proc/sys/kernel/panic",
    );
    const [bytes, ...mounts] = stdout.trim().split("\n");
    expect(bytes).toBe("0");
    expect(mounts.filter((path) => path === "/")).toHaveLength(1);
    expect(stderr).toContain("Read-only file system");
  });

  test("a terminal, an init, a user, a read-only root, the host's network", async () => {
    expect((await shell([RANGE, "-t"], "tty; stat -c %u /dev/pts/0")).stdout).toBe("/dev/pts/0\r\n0\r\n");
    expect((await shell([RANGE, "--init"], "echo $$")).stdout).not.toBe("1\n");
    expect((await run([RANGE, "-u", "1000:5", place.rootfs, "id"])).stdout).toBe(
      "uid=1000 gid=5(tty)\n".replace(
        "(tty)",
        (await run([place.rootfs, "grep", "^tty:", "/etc/group"])).status === 0 ? "(tty)" : "",
      ),
    );
    expect((await shell([RANGE, "--read-only"], "touch /made")).stderr).toContain("Read-only file system");
    const net = (await execute(["readlink", "/proc/self/ns/net"])).stdout;
    expect((await shell([RANGE, "--network", "host"], "readlink /proc/self/ns/net")).stdout).toBe(net);
  });

  test("what is mounted inside does not appear on the host, also where everything is shared", async () => {
    const watch = `mount --make-rshared / && $RUN ${RANGE} -v /etc:/mnt --tmpfs /srv "$1" true && $RUN ${RANGE} --overlay "$1" true
      cat /proc/self/mountinfo`;
    const { stdout } = await execute(["unshare", "--mount", "sh", "-c", watch, place.minibox, place.rootfs]);
    expect(stdout).toContain(" / ");
    expect(stdout).not.toContain(place.path);
  });

  test("is refused in words where it makes no sense", async () => {
    const refused = async (words: string[]): Promise<string> => {
      const { status, stderr } = await run([...words, place.rootfs, "true"]);
      expect(status).toBe(125);
      return stderr;
    };
    expect(await refused(["--userns", "keep-id"])).toContain(
      '--userns: "keep-id" must be host, auto or UID:GID:SIZE',
    );
    expect(await refused(["--userns", "1:1:0"])).toContain("the size is 0");
    expect(await refused(["--userns", "4294967290:1:100"])).toContain("beyond the last id");
    expect(await refused(["--userns", "auto", "--uidmap", "0:1:1"])).toContain("contradict each other");
    expect(await refused(["--uidmap", "1:1:1"])).toContain("nothing is mapped to id 0");
    expect(await refused(["--uidmap", "0:1:10", "--uidmap", "5:100:10"])).toContain("overlaps");
    expect(await refused([RANGE, "-u", "65536"])).toContain("the user id 65536 is not mapped");
  });
});

describe.skipIf(reason !== "")("mappings", () => {
  test("--uidmap and --gidmap, several of each", async () => {
    const { stdout } = await shell(
      ["--uidmap", "0:730000:10", "--uidmap", "1000:740000:5", "--gidmap", "0:750000:2000"],
      "cat /proc/self/uid_map /proc/self/gid_map",
    );
    expect(table(stdout)).toEqual(["0 730000 10", "1000 740000 5", "0 750000 2000"]);
  });

  test("that hold the host's root are told, in one line", async () => {
    const said = async (...flags: string[]) => {
      const { status, stderr } = await run([...flags, place.rootfs, "true"]);
      expect(status).toBe(0);
      return stderr;
    };
    const both =
      /^minibox: the container's user 0 and group 0 are root on the host too \(0\): [^\n]*ids that nobody has\)\n$/;
    expect(await said("--userns", "0:0:65536")).toMatch(both);
    expect(await said("--uidmap", "0:0:1")).toMatch(both);
    expect(await said("--userns", `0:${FIRST_GID}:65536`)).toStartWith(
      "minibox: the container's user 0 is root",
    );
    expect(await said("--userns", `${FIRST_UID}:0:65536`)).toStartWith(
      "minibox: the container's group 0 is root",
    );
    expect(await said("--uidmap", `0:${FIRST_UID}:5`, "--uidmap", "5:0:1", "--gidmap", "0:1:1")).toStartWith(
      "minibox: the container's user 5 is root",
    );
    expect(await said("--quiet", "--userns", "0:0:65536")).toBe("");
    // what is root there is the caller
    const words = [place.minibox, "run", "--uidmap", "0:0:1", place.rootfs, "true"];
    expect((await execute(["unshare", "-Ur", ...words])).stderr).toBe("");
  });

  test("--userns host is none", async () => {
    const user = (await execute(["readlink", "/proc/self/ns/user"])).stdout;
    expect((await shell(["--userns", "host"], "readlink /proc/self/ns/user")).stdout).toBe(user);
  });

  test("--userns auto takes a range of /etc/subuid, and says how to add one", async () => {
    const tables = join(place.path, "tables");
    mkdirSync(tables);
    const withTables = (rows: string) => {
      for (const name of ["subuid", "subgid"]) writeFileSync(join(tables, name), rows);
      const bind = 'for table in subuid subgid; do mount --bind "$0/$table" "/etc/$table"; done; exec "$@"';
      const words = [place.minibox, "run", "--userns", "auto", place.rootfs, "cat", "/proc/self/uid_map"];
      return execute(["unshare", "--mount", "sh", "-c", bind, tables, ...words]);
    };
    const size = 16 * 65_536;
    expect(table((await withTables(`other:1:2\nminibox:800000:${size}\n`)).stdout)).toEqual([
      "0 800000 65536",
    ]);
    expect(table((await withTables(`root:900000:100\nminibox:800000:${size}\n`)).stdout)).toEqual([
      "0 900000 99",
      "65534 900099 1",
    ]);
    // a range that somebody gave without a thought
    expect((await withTables("root:0:65536\n")).stderr).toStartWith(
      "minibox: the container's user 0 and group 0 are root",
    );
    const none = await withTables("other:1:2\n");
    expect(none.status).toBe(125);
    expect(none.stderr).toStartWith(
      "minibox: --userns: /etc/subuid has no range for root, containers or minibox",
    );
    expect(none.stderr).toContain('echo "minibox:');
    expect(none.stderr).toContain("or choose the ids with --userns\n");
  });

  test("a minibox that the container's root may not execute is told as such", async () => {
    chmodSync(place.minibox, 0o700);
    const { status, stderr } = await execute([place.minibox, "run", RANGE, place.rootfs, "true"]);
    chmodSync(place.minibox, 0o755);
    expect(status).toBe(125);
    expect(stderr).toContain("EACCES");
    expect(stderr).toContain("chmod a+rx");
  });

  test("starts forty times, four at a time, and leaves nothing", async () => {
    const once = () => run([RANGE, place.rootfs, "true"]);
    const good = { status: 0, stdout: "", stderr: "" };
    for (let i = 0; i < 40; i += 4)
      expect(await Promise.all([once(), once(), once(), once()])).toEqual([good, good, good, good]);
    expect(await processesOf(FIRST_UID)).toEqual([]);
  });
});
