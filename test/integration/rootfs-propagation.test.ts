// linux.rootfsPropagation of a bundle: whether what the host mounts in the rootfs later appears in the container, and how
// the container's root is tied to the mount namespaces that are made from its own (mount_namespaces(7)).

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { create, minibox, refusal } from "../support/bundle.ts";
import { tryText } from "../support/container.ts";
import { leavesNothing } from "../support/leftovers.ts";
import { execute, scratchDirectory, skipReason } from "../support/minibox.ts";

const skip = skipReason("unshare", "nsenter");

/** A mount namespace of the test's own stands for the host: in it the rootfs is a shared mount with another one below. */
const root = scratchDirectory();
const MAKE =
  'mount -t tmpfs -o mode=755 t "$0" && mount --make-shared "$0" && mkdir "$0/proc" "$0/dev" "$0/a" "$0/sub" && mount -t tmpfs -o mode=755 u "$0/sub" && mkdir "$0/sub/b" && echo ready; read x';
const host = Bun.spawn(["unshare", "-m", "sh", "-c", MAKE, root], { stdin: "pipe", stdout: "pipe" });
const ENTER = ["nsenter", "-t", String(host.pid), "-m"];
beforeAll(async () => {
  await host.stdout.getReader().read();
});
afterAll(async () => {
  host.stdin.end();
  await host.exited;
});
leavesNothing();

/** A held container with this rootfsPropagation: what appears in it of the host's later mounts, and the tie of its root. */
async function tied(rootfsPropagation: string | undefined): Promise<{ appears: string[]; tie: string }> {
  const { name, status, output } = await create(
    (config) => ({ ...config, root: { path: root }, linux: { ...config.linux, rootfsPropagation } }),
    ENTER,
  );
  expect([status, tryText(output)]).toEqual([0, ""]);
  const { pid } = JSON.parse((await minibox("state", name)).stdout) as { pid: number };
  const change = (script: string) => execute([...ENTER, "sh", "-ec", script, root]);
  const mount = 'for d in a sub/b; do mount -t tmpfs n "$0/$d"; touch "$0/$d/new"; done';
  expect(await change(mount)).toMatchObject({ status: 0, stderr: "" });
  const appears = ["a", "sub/b"].filter((path) => existsSync(join(`/proc/${pid}/root`, path, "new")));
  expect((await change('umount "$0/a" "$0/sub/b"')).status).toBe(0);
  // ID PARENT DEVICE ROOT PLACE OPTIONS [TIE…] - TYPE SOURCE OPTIONS (proc_pid_mountinfo(5))
  const lines = readFileSync(`/proc/${pid}/mountinfo`, "utf8").split("\n");
  const fields = lines.find((line) => line.split(" ")[4] === "/")!.split(" ");
  expect(await minibox("delete", "--force", name)).toEqual({ status: 0, stdout: "", stderr: "" });
  return { appears, tie: fields.slice(6, fields.indexOf("-")).join(" ").replace(/\d+/, "N") };
}

describe.skipIf(skip !== "")("linux.rootfsPropagation", () => {
  test.each([
    ["absent", [], ""],
    ["private", [], ""],
    ["rprivate", [], ""],
    ["slave", ["a", "sub/b"], "master:N"],
    ["rslave", ["a", "sub/b"], "master:N"],
    ["shared", [], "shared:N"],
    ["rshared", [], "shared:N"],
    ["unbindable", [], "unbindable"],
    ["runbindable", [], "unbindable"],
  ] as const)("%s", async (propagation, appears, tie) => {
    expect(await tied(propagation === "absent" ? undefined : propagation)).toEqual({
      appears: [...appears],
      tie,
    });
  });

  test("another word is refused by the field's name", async () => {
    const said = await refusal((config) => ({
      ...config,
      linux: { ...config.linux, rootfsPropagation: "rw" },
    }));
    expect(said).toStartWith("linux.rootfsPropagation: must be one of private, rprivate");
  });
});
