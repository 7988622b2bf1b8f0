// Mount propagation (mount_namespaces(7)): a volume neither gets nor gives later mounts unless that is asked for.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { chmodSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { start } from "../support/container.ts";
import { leavesNothing } from "../support/leftovers.ts";
import { execute, RUN, scratchDirectory, scratchRootfs } from "../support/minibox.ts";
import { makePlace, userWords } from "../support/user.ts";

const root = scratchRootfs();
const place = makePlace();
/** A mount namespace of the test's own stands for the host: in it `shared` and what is mounted in it are shared. */
const directory = scratchDirectory();
chmodSync(directory, 0o755);
const shared = join(directory, "shared");
const host = Bun.spawn(
  [
    ...["unshare", "-m", "sh", "-c"],
    'mkdir "$0" && mount -t tmpfs -o mode=755 t "$0" && mount --make-shared "$0" && mkdir "$0/a" "$0/b" "$0/sub" && mount -t tmpfs -o mode=755 u "$0/sub" && mkdir "$0/sub/c" && echo ready; read x',
    shared,
  ],
  { stdin: "pipe", stdout: "pipe" },
);
beforeAll(async () => {
  await host.stdout.getReader().read();
});
afterAll(async () => {
  host.stdin.end();
  await host.exited;
  place.remove();
});
leavesNothing();

const ENTER = ["nsenter", "-t", String(host.pid), "-m"];
const onHost = async (script: string): Promise<string> =>
  (await execute([...ENTER, "sh", "-c", script, shared])).stdout;

/** What the container sees of a mount made on the host later, and the host of one made in the container. */
async function seen(flags: string[], wrapper: string[] = ENTER, rootfs = root): Promise<string> {
  const script =
    "echo up; read x; ls -d /v/a/new /v/sub/c/new 2>/dev/null; mount -t tmpfs t /v/b 2>/dev/null && touch /v/b/inside; echo mounted; read x";
  const words = ["-q", "--cap-add", "SYS_ADMIN", "--security-opt", "seccomp=unconfined", ...flags];
  const container = start([...words, rootfs, "sh", "-c", script], wrapper);
  await container.says("up");
  await onHost('for d in a sub/c; do mount -t tmpfs -o mode=755 n "$0/$d" && touch "$0/$d/new"; done');
  container.write("\n");
  await container.says("mounted");
  const inside = await onHost('ls "$0/b"');
  container.write("\n");
  const { stdout } = await container.ended;
  await onHost('umount "$0/a" "$0/sub/c"; umount "$0/b" 2>/dev/null');
  return stdout.replaceAll("\n", " ") + inside.trim();
}

describe.each([
  ["none", "", "up mounted "],
  ["private", ":private", "up mounted "],
  ["rprivate", ":rprivate", "up mounted "],
  ["unbindable", ":unbindable", "up mounted "],
  ["slave", ":slave", "up /v/a/new /v/sub/c/new mounted "],
  ["rslave", ":rslave", "up /v/a/new /v/sub/c/new mounted "],
  ["rslave, read-only", ":ro,rslave", "up /v/a/new /v/sub/c/new mounted "],
  ["shared", ":shared", "up /v/a/new /v/sub/c/new mounted inside"],
  ["rshared", ":rshared", "up /v/a/new /v/sub/c/new mounted inside"],
] as const)("with %s", (_, option, expected) => {
  test("--volume has it", async () => {
    expect(await seen(["-v", `${shared}:/v${option}`])).toBe(expected);
  });
});

test("--mount's bind-propagation is the same, also without what is mounted below", async () => {
  expect(await seen(["--mount", `src=${shared},dst=/v,bind-propagation=rslave`])).toBe(
    "up /v/a/new /v/sub/c/new mounted ",
  );
  expect(await seen(["--mount", `src=${shared},dst=/v,bind-propagation=rslave,bind-nonrecursive`])).toBe(
    "up /v/a/new mounted ",
  );
  expect(await seen(["--mount", `src=${shared},dst=/v,bind-propagation=rshared`])).toBe(
    "up /v/a/new /v/sub/c/new mounted inside",
  );
});

test("a slave works in a user namespace; to be shared is refused there", async () => {
  const userns = ["--userns", "300000:300000:65536"];
  expect(await seen([...userns, "-v", `${shared}:/v:rslave`])).toBe("up /v/a/new /v/sub/c/new mounted ");
  const user = [...ENTER, ...userWords([])];
  const child = await execute([
    ...user,
    ...[place.minibox, "run", "-q", "-v", `${shared}:/v:rslave`, place.ownRootfs, "ls", "/v"],
  ]);
  expect([child.stdout, child.stderr]).toEqual(["a\nb\nsub\n", ""]);
  for (const words of [
    [...ENTER, ...RUN, ...userns, "-v", `${shared}:/v:rshared`, root, "true"],
    [...user, place.minibox, "run", "-q", "-v", `${shared}:/v:rshared`, place.ownRootfs, "true"],
  ])
    expect(await execute(words)).toEqual({
      status: 125,
      stdout: "",
      stderr: `minibox: ${shared} cannot be shared with a user namespace: rslave shows what the host mounts there, the other way there is none\n`,
    });
});

test("a source that has nothing to share is refused, with what to do", async () => {
  const words = (tie: string): string[] => ["-v", `${directory}:/v:r${tie}`, root, "true"];
  for (const tie of ["slave", "shared"]) {
    const { status, stderr } = await execute([
      ...["unshare", "-m", "--propagation", "private", ...RUN],
      ...words(tie),
    ]);
    expect([status, stderr]).toEqual([
      125,
      expect.stringMatching(
        new RegExp(
          `^minibox: ${directory} is on the mount (/\\S*), which is private, so it cannot be ${tie}: mount --make-shared \\1 on the host\\n$`,
        ),
      ),
    ]);
  }
});

test("nothing that minibox mounts can come to lie on the host", async () => {
  const before = await onHost("cat /proc/self/mountinfo");
  const refused = async (flags: string[], path: string, below: string) => {
    const { status, stderr } = await execute([...ENTER, ...RUN, ...flags, root, "true"]);
    expect([status, stderr]).toEqual([
      125,
      `minibox: ${path} cannot be shared with the host: what the container mounts on ${below} would appear there too\n`,
    ]);
  };
  await refused(["-v", `${shared}:/v:rshared`, "--tmpfs", "/v/a"], "/v", "/v/a");
  await refused(["-v", `${directory}:/v/a/x`, "-v", `${shared}:/v:rshared`], "/v", "/v/a/x");
  await refused(["-v", `${shared}:/sys:rshared`], "/sys", "/sys/devices/virtual/powercap");
  // a link of the rootfs must not do it either
  await execute(["ln", "-sfn", "/v/a", join(root, "link")]);
  mkdirSync(join(root, "v/a"), { recursive: true });
  for (const flags of [
    ["--tmpfs", "/link/t"],
    ["-v", `${shared}/sub:/link:rshared`],
    ["-v", `${directory}:/link`],
    ["-t"],
  ]) {
    const { stdout } = await execute([
      ...ENTER,
      ...RUN,
      "-v",
      `${shared}:/v:rshared`,
      ...flags,
      root,
      "ls",
      "/v",
    ]);
    expect(stdout.trim().split(/\s+/)).toEqual(["a", "b", "sub"]);
  }
  await execute([...ENTER, ...RUN, "-v", `${shared}:/v:rshared`, "-w", "/v/b/w", root, "true"]);
  expect(await onHost("cat /proc/self/mountinfo")).toBe(before);
});
