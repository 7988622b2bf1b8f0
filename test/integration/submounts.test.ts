// Other file systems that the host has mounted inside the rootfs, and what a container sees of them.

import { afterAll, describe, expect, test } from "bun:test";
import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { leavesNothing } from "../support/leftovers.ts";
import { execute, RUN, scratchDirectory, scratchRootfs } from "../support/minibox.ts";
import { makePlace, UID, userWords } from "../support/user.ts";

const root = scratchRootfs();
const outside = scratchDirectory();
chmodSync(outside, 0o755);
writeFileSync(join(outside, "file"), "bound\n");
const place = makePlace();
afterAll(() => place.remove());
leavesNothing();
for (const path of [root, place.ownRootfs]) {
  mkdirSync(join(path, "srv/a b"), { recursive: true });
  writeFileSync(join(path, "etc/bound"), "");
}

/** In a mount namespace of its own: the host's table is left alone. What is there afterwards is told as well. */
const MOUNTS = `root=$1 owner=$2; shift 2; set -e
mount -t tmpfs -o mode=755 t "$root/srv/a b"; echo here >"$root/srv/a b/f"; mkdir "$root/srv/a b/deep"; chown $owner:$owner "$root/srv/a b" "$root/srv/a b/f"
mount -t tmpfs -o nosuid,noexec,mode=1777 u "$root/srv/a b/deep"; echo deep >"$root/srv/a b/deep/g"; chown $owner:$owner "$root/srv/a b/deep/g"
mount --bind "$0/file" "$root/etc/bound"; mount -t proc p "$root/proc"; mount --bind /dev "$root/dev"; set +e
"$@"; echo "status $?"
find "$root/srv" -type f | sort; cat "$root/etc/bound"; cat "$root/srv/a b/f"`;
const AFTERWARDS = (path: string): string =>
  `status 0\n${path}/srv/a b/deep/g\n${path}/srv/a b/f\nbound\nhere\n`;

const inside = async (path: string, words: string[], owner = "0"): Promise<string> => {
  const { stdout, stderr } = await execute([
    "unshare",
    "-m",
    "sh",
    "-c",
    MOUNTS,
    outside,
    path,
    owner,
    ...words,
  ]);
  return stderr + stdout;
};

const WAYS: [string, string, string[], string][] = [
  ["root", root, [...RUN], "0"],
  ["root in a user namespace", root, [...RUN, "--userns", "300000:300000:65536"], "300000"],
  ["an ordinary user", place.ownRootfs, userWords([place.minibox, "run", "-q"]), String(UID)],
];

describe.each(WAYS)("as %s", (who, path, run, owner) => {
  const script = (more: string): string[] => [
    path,
    "sh",
    "-c",
    `cd "/srv/a b"; cat f deep/g /etc/bound; ${more}; exit 0`,
  ];

  test("they are seen", async () => {
    expect(await inside(path, [...run, ...script("true")], owner)).toBe(
      `here\ndeep\nbound\n${AFTERWARDS(path)}`,
    );
  });

  test("--read-only holds for them, and for them alone", async () => {
    const attempts =
      "for f in x f deep/x deep/g /etc/bound; do (echo new >$f) 2>&1 | grep -o 'Read-only.*'; done; touch /dev/shm/x /t/x /v/x && echo writable";
    const volume = scratchDirectory();
    chmodSync(volume, 0o777);
    const flags = ["--read-only", "--tmpfs", "/t", "-v", `${volume}:/v`];
    expect(await inside(path, [...run, ...flags, ...script(attempts)], owner)).toBe(
      `here\ndeep\nbound\n${"Read-only file system\n".repeat(5)}writable\n${AFTERWARDS(path)}`,
    );
  });

  if (who === "an ordinary user") {
    test("--overlay is refused: the kernel lets nobody look below what was mounted for him", async () => {
      const { stderr, status } = await execute(
        [
          "unshare",
          "-m",
          "sh",
          "-c",
          `${MOUNTS.slice(0, MOUNTS.indexOf('"$@"'))} exec "$@"`,
          outside,
          path,
          owner,
        ].concat([...run, "--overlay", ...script("true")]),
      );
      expect([status, stderr]).toEqual([
        125,
        expect.stringMatching(
          /^minibox: no overlay can be made: something is mounted on \/[a-z]+.* in the rootfs, and the kernel does not let an ordinary user look below it\n$/,
        ),
      ]);
    });
    return;
  }

  test("--overlay shows them, and keeps every write to itself", async () => {
    const attempts =
      'echo new >f; echo new >x; echo new >deep/x; rm deep/g; cat f x deep/x; ls deep; (echo new >/etc/bound) 2>&1 | grep -o "Read-only.*"';
    expect(await inside(path, [...run, "-q", "--overlay", ...script(attempts)], owner)).toBe(
      `here\ndeep\nbound\nnew\nnew\nnew\nx\nRead-only file system\n${AFTERWARDS(path)}`,
    );
  });

  test("--overlay --read-only lets nothing be written", async () => {
    const attempts =
      "for f in x f deep/x /etc/bound /y; do (echo new >$f) 2>&1 | grep -o 'Read-only.*'; done";
    expect(await inside(path, [...run, "-q", "--overlay", "--read-only", ...script(attempts)], owner)).toBe(
      `here\ndeep\nbound\n${"Read-only file system\n".repeat(5)}${AFTERWARDS(path)}`,
    );
  });
});

test("--overlay keeps the restrictions of such a mount, and says what can only be read", async () => {
  const script = "grep ' /srv/a.040b' /proc/mounts | cut -d' ' -f2-4 | cut -d, -f1-4";
  const said = await inside(root, [...RUN, "--overlay", root, "sh", "-c", script]);
  expect(said).toStartWith(
    "minibox: the overlay leaves out /etc/bound in the rootfs, a mount of its own: the container can only read it\n",
  );
  expect(said).toContain("/srv/a\\040b overlay rw,");
  expect(said).toContain("/srv/a\\040b/deep overlay rw,nosuid,noexec,");
});

test("a volume that lies upon one is the volume's", async () => {
  const flags = ["--overlay", "--read-only", "-v", `${outside}:/srv`];
  expect(
    await inside(root, [...RUN, "-q", ...flags, root, "sh", "-c", "ls /srv; touch /srv/x && rm /srv/x"]),
  ).toBe(`file\n${AFTERWARDS(root)}`);
});
