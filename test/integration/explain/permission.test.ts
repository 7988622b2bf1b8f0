// What minibox says, word for word, when the command cannot be executed: modes, mounts and attributes.

import { dlopen, FFIType, ptr } from "bun:ffi";
import { describe, expect, test } from "bun:test";
import { chmodSync, chownSync, closeSync, copyFileSync, mkdirSync, openSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { makeElf } from "../../support/elf.ts";
import { makeRoot, reason, says } from "../../support/explain.ts";

const { scratch, root, put, run } = makeRoot();

const libc = dlopen("libc.so.6", {
  setxattr: { args: [FFIType.ptr, FFIType.ptr, FFIType.ptr, FFIType.u64, FFIType.i32], returns: FFIType.i32 },
});

function setAttribute(file: string, name: string, value: Uint32Array): void {
  const text = (word: string) => ptr(Buffer.from(`${word}\0`));
  expect(libc.symbols.setxattr(text(file), text(name), ptr(value), value.byteLength, 0)).toBe(0);
}

describe.skipIf(reason !== "")(
  `a file that may not be executed ends with 126${reason && `: ${reason}`}`,
  () => {
    test("its mode shuts this user out", () => {
      const file = put("/p/owner-only", "#!/bin/sh\n", 0o744);
      expect(run(["/p/owner-only"], { flags: ["-u", "1000:1000"] })).toEqual(
        says(
          126,
          "/p/owner-only: user 1000 may not execute it (mode 0744, owner 0:0)",
          `chmod a+rx ${file}, or run as another user (-u)`,
        ),
      );
      chownSync(file, 0, 1000);
      chmodSync(file, 0o654);
      expect(run(["/p/owner-only"], { flags: ["-u", "1001:1000"] }).status).toBe(0);
    });

    test("a directory on its way shuts this user out", () => {
      put("/q/inner/run", "#!/bin/sh\n");
      chmodSync(join(root, "q"), 0o750);
      expect(run(["/q/inner/run"], { flags: ["-u", "1000:1000"] })).toEqual(
        says(
          126,
          "/q/inner/run: user 1000 may not enter /q (mode 0750, owner 0:0)",
          `chmod a+x ${root}/q, or run as another user (-u)`,
        ),
      );
    });

    test("a volume with noexec, and how to allow it", () => {
      const volume = join(scratch, "tools");
      put("run", "#!/bin/sh\n", 0o755, volume);
      expect(run(["/t/run"], { flags: ["-v", `${volume}:/t:ro,noexec`] })).toEqual(
        says(
          126,
          "/t/run: /t is mounted noexec: no file in there can be executed",
          `mount it with exec: -v ${volume}:/t:ro,exec`,
        ),
      );
    });

    test("the volume's own path is named where its mode is wrong", () => {
      const volume = join(scratch, "tools2");
      put("run", "#!/bin/sh\n", 0o644, volume);
      expect(run(["/t/run"], { flags: ["-v", `${volume}:/t`] })).toEqual(
        says(126, "/t/run: it has no x bit (mode 0644, owner 0:0)", `chmod +x ${volume}/run`),
      );
    });

    test("an interpreter on a mount with noexec", () => {
      const volume = join(scratch, "tools3");
      put("interp", "#!/bin/sh\n", 0o755, volume);
      put("/p/by-noexec", "#!/t/interp\n");
      expect(run(["/p/by-noexec"], { flags: ["-v", `${volume}:/t:noexec`] }).said).toStartWith(
        "/p/by-noexec: its #! interpreter /t/interp: /t is mounted noexec: no file in there can be executed\n",
      );
    });

    test("a file of /proc", () => {
      expect(run(["/proc/version"])).toEqual(
        says(
          126,
          "/proc/version: /proc is mounted noexec: no file in there can be executed",
          "put the program elsewhere in the rootfs",
        ),
      );
    });

    test("what only the process itself can see is not guessed at", () => {
      expect(run(["/proc/self/nope"])).toEqual(
        says(127, "/proc/self/nope: ENOENT: no such file or directory"),
      );
    });

    test("a rootfs on a file system with noexec", () => {
      const place = join(scratch, "noexec");
      mkdirSync(place);
      const mounted = Bun.spawnSync(["mount", "-t", "tmpfs", "-o", "noexec", "tmpfs", place]);
      expect(mounted.exitCode).toBe(0);
      try {
        put("/bin/run", "#!/bin/sh\n", 0o755, place);
        expect(run(["run"], { rootfs: place })).toEqual(
          says(
            126,
            "/bin/run: the rootfs is mounted noexec: no file in there can be executed",
            "the host has mounted the rootfs's file system noexec: mount -o remount,exec it, or put the rootfs elsewhere",
          ),
        );
      } finally {
        Bun.spawnSync(["umount", place]);
      }
    });

    test("symbolic links on a volume with nosymfollow", () => {
      const volume = join(scratch, "linked");
      mkdirSync(volume);
      symlinkSync("/bin/true", join(volume, "true"));
      expect(run(["/t/true"], { flags: ["-v", `${volume}:/t:nosymfollow`] })).toEqual(
        says(127, "/t/true: /t/true is a symbolic link on a mount with nosymfollow: it is not followed"),
      );
    });

    test("a file that is open for writing", () => {
      const file = put("/p/busy", makeElf());
      const fd = openSync(file, "r+");
      try {
        expect(run(["/p/busy"])).toEqual(
          says(
            126,
            "/p/busy: it is open for writing: a program cannot be executed while it is written",
            "wait until the copy or the download has ended; fuser -v FILE on the host names who writes it",
          ),
        );
      } finally {
        closeSync(fd);
      }
    });

    test("file capabilities", () => {
      put("/p/capable", "");
      const file = join(root, "p/capable");
      copyFileSync(join(root, "bin/busybox"), file);
      chmodSync(file, 0o755);
      // struct vfs_ns_cap_data, version 2, effective: CAP_WAKE_ALARM (35) permitted
      setAttribute(file, "security.capability", Uint32Array.of(0x02000001, 0, 0, 1 << 3, 0));
      const prefix = ["setpriv", "--bounding-set", "-wake_alarm", "--inh-caps", "-wake_alarm"];
      expect(run(["/p/capable"], { prefix })).toEqual(
        says(
          126,
          "/p/capable: it has file capabilities (setcap) that the container is not allowed",
          `getcap ${file} shows them, setcap -r ${file} removes them`,
        ),
      );
    });

    test("an access control list, which stands for whatever no mode and no mount shows", () => {
      const file = put("/p/listed", "#!/bin/sh\n", 0o755);
      // posix_acl_xattr.h, version 2: of all the world only user 1000 may nothing
      const [OWNER, USER, GROUP, MASK, OTHER, none] = [1, 2, 4, 16, 32, 0xffffffff];
      const entries = [
        [OWNER, 7, none],
        [USER, 0, 1000],
        [GROUP, 5, none],
        [MASK, 5, none],
        [OTHER, 5, none],
      ];
      const words = entries.flatMap(([tag, allowed, id]) => [tag! | (allowed! << 16), id!]);
      setAttribute(file, "system.posix_acl_access", Uint32Array.of(2, ...words));
      const { said, status } = run(["/p/listed"], { flags: ["-u", "1000:1000"] });
      expect(status).toBe(126);
      expect(said).toMatch(
        /^\/p\/listed: EACCES: permission denied, though its mode and its mount allow it\n {2}an access control list \(getfacl\) or a security module forbids it( \(active: .*\))?: see dmesg$/,
      );
      expect(run(["/p/listed"], { flags: ["-u", "1001:1001"] }).status).toBe(0);
    });
  },
);
