// /etc/hosts and /etc/hostname of a container, which are its own and have its name.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { SLOWNESS, start } from "../support/container.ts";
import { leavesNothing } from "../support/leftovers.ts";
import {
  execute,
  RUN,
  rootfs,
  run,
  scratchDirectory,
  scratchRootfs,
  skipReason,
} from "../support/minibox.ts";
import { makePlace, type Place, runAsUser, runWithSubIds } from "../support/user.ts";

leavesNothing();

/** A busybox root with both files. */
function named(): string {
  const root = scratchRootfs();
  writeFileSync(join(root, "etc/hosts"), "127.0.0.1 localhost\n10.0.0.5 db\n");
  writeFileSync(join(root, "etc/hostname"), "image\n");
  return root;
}

const root = named();
const LOOK = "cat /etc/hosts /etc/hostname";
const FILES = (name: string) => `127.0.0.1 localhost\n10.0.0.5 db\n127.0.1.1\t${name}\n${name}\n`;

describe("a container's own name", () => {
  test("is found by the resolver, in full and for its address", async () => {
    const script = 'getent hosts "$(hostname)"; hostname -f; hostname -i; getent ahosts localhost | head -1';
    const { stdout, stderr } = await run([rootfs("host"), "sh", "-c", script]);
    expect(stderr).toBe("");
    const lines = stdout
      .trim()
      .split("\n")
      .map((line) => line.replace(/ +/g, " "));
    expect(lines.slice(0, 3)).toEqual(["127.0.1.1 container", "container", "127.0.1.1"]);
    expect(lines[3]).toMatch(/^(127\.0\.0\.1|::1) STREAM localhost/);
  });

  test("answers on that address", async () => {
    const script = "ping -c 1 -W 5 $(hostname) >/dev/null && echo alive";
    expect((await run([root, "sh", "-c", script])).stdout).toBe("alive\n");
  });

  test("is in both files, after the rows of the rootfs", async () => {
    expect((await run([root, "sh", "-c", LOOK])).stdout).toBe(FILES("container"));
    expect((await run(["--hostname", "web", root, "sh", "-c", LOOK])).stdout).toBe(FILES("web"));
    const full = (
      await run(["--hostname", "web.example.org", root, "sh", "-c", "cat /etc/hosts; hostname -f"])
    ).stdout;
    expect(full).toEndWith("127.0.1.1\tweb.example.org web\nweb.example.org\n");
  });

  test("has the host's rows beside it with the host's network", async () => {
    const { stdout } = await run(["--network", "host", root, "cat", "/etc/hosts"]);
    for (const line of readFileSync("/etc/hosts", "utf8").split("\n"))
      expect(stdout.split("\n")).toContain(line);
    expect(stdout).toContain("\n10.0.0.5 db\n");
    expect(stdout).toContain("127.0.1.1\tcontainer\n");
  });
});

describe("the files", () => {
  test("takes no longer than its length, be it one row of names that are almost the right one", async () => {
    const crowded = named();
    // with a look back to the row's beginning at each name, this would take half a minute
    writeFileSync(join(crowded, "etc/hosts"), "localhostx ".repeat(120_000));
    const started = performance.now();
    const { status, stdout } = await run(["--hostname", "box", crowded, "tail", "-n", "1", "/etc/hosts"]);
    expect([status, stdout]).toEqual([0, "127.0.1.1\tbox\n"]);
    expect(performance.now() - started).toBeLessThan(10_000 * SLOWNESS);
  });

  test("can be read by everybody, also where the caller's umask is strict", async () => {
    const words = ['umask 077; exec "$@"', "sh", ...RUN, "-u", "1000", root];
    const { stdout } = await execute(["sh", "-c", ...words, "sh", "-c", `stat -c %a:%u /etc/hosts; ${LOOK}`]);
    expect(stdout).toBe(`644:0\n${FILES("container")}`);
  });

  test("can be written, for this container alone", async () => {
    const script =
      "echo 192.0.2.9 mine >>/etc/hosts; echo other >/etc/hostname; echo up; read -r _; cat /etc/hosts";
    const one = start([root, "sh", "-c", script]);
    await one.says("up");
    const other = await run([root, "sh", "-c", LOOK]);
    one.write("go\n");
    expect((await one.ended).stdout).toContain("192.0.2.9 mine");
    expect(other.stdout).toBe(FILES("container"));
    expect(readFileSync(join(root, "etc/hosts"), "utf8")).toBe("127.0.0.1 localhost\n10.0.0.5 db\n");
    expect(readFileSync(join(root, "etc/hostname"), "utf8")).toBe("image\n");
  });

  test("cannot be written with --read-only", async () => {
    const { stdout, stderr } = await run(["--read-only", root, "sh", "-c", `echo x >>/etc/hosts; ${LOOK}`]);
    expect(stderr).toContain("Read-only file system");
    expect(stdout).toBe(FILES("container"));
  });

  test("are the user's where the user mounts some", async () => {
    const mine = join(scratchDirectory(), "mine");
    mkdirSync(mine);
    writeFileSync(join(mine, "hosts"), "127.0.0.1 mine\n");
    expect((await run(["-v", `${mine}/hosts:/etc/hosts`, root, "cat", "/etc/hosts"])).stdout).toBe(
      "127.0.0.1 mine\n",
    );
    expect((await run(["-v", `${mine}:/etc`, root, "cat", "/etc/hosts"])).stdout).toBe("127.0.0.1 mine\n");
    expect((await run(["-v", `${mine}/hosts:/etc/hosts`, root, "cat", "/etc/hostname"])).stdout).toBe(
      "container\n",
    );
    const { stdout } = await run([
      "-v",
      `${mine}/hosts:/etc/hosts`,
      root,
      "sh",
      "-c",
      "echo written >/etc/hosts",
    ]);
    expect(stdout + readFileSync(join(mine, "hosts"), "utf8")).toBe("written\n");
  });

  test("are there with masks off, with --chroot, and in a user namespace", async () => {
    for (const flags of [
      ["--security-opt", "systempaths=unconfined"],
      ["--chroot"],
      ["--userns=12000000:12100000:65536"],
    ]) {
      const script = `${LOOK}; echo x >/etc/hostname && cat /etc/hostname; stat -c %u:%g /etc/hosts`;
      expect(await run([...flags, root, "sh", "-c", script])).toEqual({
        status: 0,
        stdout: `${FILES("container")}x\n0:0\n`,
        stderr: "",
      });
    }
  });
});

describe("a rootfs that has no such file", () => {
  const bare = scratchRootfs();
  const clear = () => {
    for (const name of ["hosts", "hostname", "real"])
      rmSync(join(bare, "etc", name), { force: true, recursive: true });
  };

  test("has the one that names need, for as long as the container runs", async () => {
    clear();
    const there = readdirSync(join(bare, "etc"));
    const script = "hostname -f; echo x >>/etc/hosts; ls /etc; echo up; read -r _; tail -n 1 /etc/hosts";
    const one = start([bare, "sh", "-c", script]);
    await one.says("up");
    // another that ends meanwhile takes nothing away from the first
    expect((await run([bare, "hostname", "-f"])).stdout).toBe("container\n");
    one.write("go\n");
    const names = [...there, "hosts"].sort().join("\n");
    expect((await one.ended).stdout).toBe(`container\n${names}\nup\nx\n`);
    expect(readdirSync(join(bare, "etc"))).toEqual(there);
  });

  test("that nobody may write to has none, and starts", async () => {
    clear();
    const words = ['mount --bind -o ro $0 $0 && exec "$@"', bare, ...RUN, bare, "echo", "ran"];
    const result = await execute(["unshare", "-m", "sh", "-c", ...words]);
    expect(result).toEqual({ status: 0, stdout: "ran\n", stderr: "" });
  });

  test("has them in a throw-away layer", async () => {
    clear();
    const { stdout } = await run(["--overlay", bare, "sh", "-c", "hostname -f; cat /etc/hostname"]);
    expect(stdout).toBe("container\ncontainer\n");
    expect(existsSync(join(bare, "etc/hosts"))).toBe(false);
  });

  test("nor an /etc, is none the worse for it", async () => {
    const empty = scratchRootfs();
    rmSync(join(empty, "etc"), { recursive: true });
    for (const flags of [[], ["--overlay"]])
      expect(await run([...flags, empty, "ls", "-d", "/bin"])).toEqual({
        status: 0,
        stdout: "/bin\n",
        stderr: "",
      });
    expect(existsSync(join(empty, "etc"))).toBe(false);
  });

  test.each([
    ["a directory", (path: string) => mkdirSync(path)],
    ["a FIFO", (path: string) => void Bun.spawnSync(["mkfifo", path])],
    ["a device", (path: string) => void Bun.spawnSync(["mknod", path, "c", "1", "5"])],
    ["a link to nothing", (path: string) => symlinkSync("/nowhere", path)],
    ["a link to the host's", (path: string) => symlinkSync("/proc/1/root/etc/hosts", path)],
    ["a link to itself", (path: string) => symlinkSync("hosts", path)],
  ])("but %s is left as it is", async (_, make) => {
    clear();
    make(join(bare, "etc/hosts"));
    const { status, stdout, stderr } = await run([bare, "grep", "-c", "/etc/hosts", "/proc/mounts"]);
    expect({ status, stdout, stderr }).toEqual({ status: 1, stdout: "0\n", stderr: "" });
  });

  test("but a link to one inside has it there", async () => {
    clear();
    writeFileSync(join(bare, "etc/real"), "127.0.0.1 localhost\n");
    symlinkSync("/etc/real", join(bare, "etc/hosts"));
    const { stdout } = await run([bare, "sh", "-c", "cat /etc/hosts"]);
    expect(stdout).toBe("127.0.0.1 localhost\n127.0.1.1\tcontainer\n");
    expect(readFileSync(join(bare, "etc/real"), "utf8")).toBe("127.0.0.1 localhost\n");
  });
});

const reason = skipReason("setpriv", "unshare", "newuidmap", "newgidmap");
describe.skipIf(reason !== "")("an ordinary user's container", () => {
  let place: Place;
  beforeAll(() => {
    place = makePlace();
  });
  afterAll(() => place?.remove());

  test("finds its name too, in a rootfs of its own and in root's", async () => {
    const script = "hostname -f; echo x >>/etc/hosts && tail -1 /etc/hosts";
    for (const path of [place.rootfs, place.ownRootfs]) {
      const result = { status: 0, stdout: "container\nx\n", stderr: "" };
      expect(await runAsUser(place, [path, "sh", "-c", script])).toEqual(result);
      expect(await runWithSubIds(place, [path, "sh", "-c", script])).toEqual(result);
      expect(readFileSync(join(path, "etc/hosts"), "utf8")).not.toContain("x\n");
    }
  });
});
