// --overlay: the container writes to a layer that is thrown away, and the rootfs stays as it was.

import { describe, expect, test } from "bun:test";
import { existsSync, renameSync } from "node:fs";
import { dirname, join } from "node:path";
import { leavesNothing } from "../support/leftovers.ts";
import { execute, rootfs, run, scratchRootfs } from "../support/minibox.ts";

leavesNothing();

/** Names, types, modes, times and contents of a whole tree, as one sum. */
const fingerprint = async (root: string): Promise<string> =>
  (
    await execute([
      "sh",
      "-c",
      'cd "$0" && { find . -printf "%P %y %m %T@ %s %l\\n" | sort; find . -type f | sort | xargs -d "\\n" cat; } | sha256sum',
      root,
    ])
  ).stdout;

const CHANGE_EVERYTHING =
  "rm -rf /usr /home; echo x >/etc/passwd; chmod 700 /tmp; mkdir -p /new/deep; touch /new/deep/f; ln -s /a /b; mv /srv /srv2; cat /etc/passwd; ls -d /new/deep/f /srv2";

describe.each(["busybox", "host"] as const)("--overlay on the %s rootfs", (kind) => {
  test("takes every write, and leaves the rootfs untouched", async () => {
    const root = rootfs(kind);
    const sum = await fingerprint(root);
    const { status, stdout } = await run(["--overlay", root, "bash", "-c", "true"]).then(() =>
      run([
        "--overlay",
        root,
        "sh",
        "-c",
        kind === "host" ? CHANGE_EVERYTHING.replace("/usr ", "") : CHANGE_EVERYTHING,
      ]),
    );
    expect([status, stdout]).toEqual([0, "x\n/new/deep/f\n/srv2\n"]);
    expect(await fingerprint(root)).toBe(sum);
    expect((await run(["--overlay", root, "ls", "/new"])).stdout).toBe("");
  });
});

describe("--overlay", () => {
  test("shows the rootfs as it is, mode and owner of / included", async () => {
    const root = scratchRootfs();
    await execute(["sh", "-c", 'chmod 751 "$0" && chown 12:34 "$0"', root]);
    const script = "stat -c '%a %u:%g' /; head -c 4 /etc/passwd";
    expect((await run(["--overlay", root, "sh", "-c", script])).stdout).toBe("751 12:34\nroot");
  });

  test("makes the mount points of volumes and --workdir in the layer only", async () => {
    const root = scratchRootfs();
    const sum = await fingerprint(root);
    const flags = ["--overlay", "-v", "/etc:/data/x", "-w", "/made/here", "--tmpfs", "/t"];
    expect((await run([...flags, root, "sh", "-c", "pwd; ls -d /data/x /t"])).stdout).toBe(
      "/made/here\n/data/x\n/t\n",
    );
    expect(await fingerprint(root)).toBe(sum);
  });

  test("with --read-only lets nothing be written at all", async () => {
    const { stdout } = await run([
      "--overlay",
      "--read-only",
      rootfs("busybox"),
      "sh",
      "-c",
      "touch /x 2>&1",
    ]);
    expect(stdout).toBe("touch: /x: Read-only file system\n");
  });

  test.each(["a:b", "a,b", "a b", "a\\b", "lowerdir=x", "a:b,c d\\:e", "é", "a\nb", '"quoted"', "-dash"])(
    "works on a rootfs called %p",
    async (name) => {
      const root = join(dirname(scratchRootfs()), name);
      renameSync(join(dirname(root), "rootfs"), root);
      expect(await run(["--overlay", root, "sh", "-c", "echo x >/x; cat /x"])).toEqual({
        status: 0,
        stdout: "x\n",
        stderr: "",
      });
      expect(existsSync(join(root, "x"))).toBe(false);
      expect((await run([root, "sh", "-c", "echo direct >/x; cat /x"])).stdout).toBe("direct\n");
      expect(existsSync(join(root, "x"))).toBe(true);
    },
  );

  test("works on a rootfs whose name is no UTF-8, as the plain root does", async () => {
    const parent = dirname(scratchRootfs());
    const { stdout, stderr } = await execute([
      ...[
        "bash",
        "-c",
        `cd "$1" && mv rootfs $'\\xff\\xe9' && $RUN --overlay $'\\xff\\xe9' echo overlay && $RUN $'\\xff\\xe9' echo plain; mv $'\\xff\\xe9' rootfs`,
      ],
      "sh",
      parent,
    ]);
    expect([stdout, stderr]).toEqual(["overlay\nplain\n", ""]);
  });

  test("works on a relative path, a path through a symlink, and one with a slash at its end", async () => {
    const root = scratchRootfs();
    const parent = dirname(root);
    await execute(["ln", "-s", "rootfs", join(parent, "link")]);
    for (const path of ["rootfs", "./rootfs/", "link", `../../tmp/..${root}`])
      expect(await run(["--overlay", path, "echo", "ok"], { cwd: parent })).toEqual({
        status: 0,
        stdout: "ok\n",
        stderr: "",
      });
  });
});
