// --chroot, which works without pivot_root(2), and the cases in which minibox falls back to it or reports an error.

import { describe, expect, test } from "bun:test";
import { denying } from "../support/deny.ts";
import { leavesNothing } from "../support/leftovers.ts";
import { execute, MINIBOX, RUN, rootfs, run, scratchDirectory } from "../support/minibox.ts";

const busybox = rootfs("busybox");
leavesNothing();

describe("--chroot", () => {
  test("gives the same root, mounts and devices as pivot_root", async () => {
    const look = [
      "sh",
      "-c",
      "ls /; ls /dev; cut -d' ' -f2,3 /proc/mounts | grep -v -e '^/ ' ; hostname; echo $$",
    ];
    const pivoted = await run([busybox, ...look]);
    const chrooted = await run(["--chroot", busybox, ...look]);
    expect(chrooted).toEqual(pivoted);
    expect(chrooted.stdout).toEndWith("container\n1\n");
  });

  test("works with --overlay, --read-only and volumes", async () => {
    const flags = ["--chroot", "--overlay", "-v", "/etc:/mnt/x:ro"];
    expect(
      (await run([...flags, busybox, "sh", "-c", "echo w >/w; cat /w; touch /mnt/x/y 2>&1"])).stdout,
    ).toBe("w\ntouch: /mnt/x/y: Read-only file system\n");
    expect((await run(["--chroot", "--read-only", busybox, "sh", "-c", "touch /x 2>&1"])).stdout).toBe(
      "touch: /x: Read-only file system\n",
    );
  });

  test("works with a user namespace", async () => {
    const look = [
      "sh",
      "-c",
      "ls /; cut -d' ' -f2,3 /proc/mounts; cat /proc/self/uid_map; touch /new && rm /new",
    ];
    const userns = ["--userns", "300000:300000:65536"];
    const pivoted = await run([...userns, busybox, ...look]);
    expect(pivoted.status).toBe(0);
    expect(await run(["--chroot", ...userns, busybox, ...look])).toEqual(pivoted);
    expect((await run(["--chroot", "--overlay", ...userns, busybox, "ls", "/../.."])).stdout).toBe(
      (await run([busybox, "ls", "/"])).stdout,
    );
  });

  test("leaves no way up: .. of / is /", async () => {
    const [plain, chrooted] = [
      await run([busybox, "ls", "/../.."]),
      await run(["--chroot", busybox, "ls", "/../.."]),
    ];
    expect(chrooted.stdout).toBe(plain.stdout);
  });
});

describe("where pivot_root cannot work", () => {
  const EINVAL = 22; // the kernel's answer on an initramfs, whose root has no parent mount
  const refused = (...flags: string[]) =>
    execute(denying("pivot_root", EINVAL, [...RUN, ...flags, busybox, "ls", "/.."]));

  test("chroot is used instead, with a note, which --quiet and --chroot spare", async () => {
    const { stdout } = await run([busybox, "ls", "/"]);
    const stderr = "minibox: pivot_root cannot work on this root (an initramfs?): using chroot instead\n";
    expect(await refused()).toEqual({ status: 0, stdout, stderr });
    expect(await refused("--quiet")).toEqual({ status: 0, stdout, stderr: "" });
    expect(await refused("--chroot")).toEqual({ status: 0, stdout, stderr: "" });
  });

  test("for another reason, it is an error", async () => {
    const { status, stderr } = await execute(denying("pivot_root", 1, [...RUN, busybox, "true"]));
    expect([status, stderr]).toEqual([
      125,
      expect.stringContaining("minibox: pivot_root: EPERM: operation not permitted\n"),
    ]);
  });
});

test("in a chroot whose / is no mount point the reason is told", async () => {
  const directory = scratchDirectory();
  const script = `cd ${directory} && mkdir bin lib lib64 usr proc r && for d in bin lib lib64 usr; do mount --rbind /$d $d; done
    mount -t proc p proc; touch minibox; mount --bind "$0" minibox; mount --bind "$1" r; mkdir run; chroot . /minibox run /r true`;
  const { stderr } = await execute(["unshare", "-m", "sh", "-c", script, MINIBOX, busybox]);
  // a note about the host may stand before it
  expect(stderr).toEndWith(
    "minibox: make every mount private: EINVAL: invalid argument\n  the / that minibox sees is not a mount point, as in a plain chroot: bind the directory onto itself (mount --bind DIR DIR) before the chroot\n",
  );
});
