// Kernel calls are printed as strace(1) prints them.

import { describe, expect, test } from "bun:test";
import { CLONE, MS, O } from "../../../src/sys/constants.ts";
import type { Arg } from "../../../src/sys/errno.ts";
import { formatCall } from "../../../src/sys/trace.ts";

describe("a call is printed as strace prints it:", () => {
  const cases: [string, Arg[], number, string][] = [
    [
      "mount",
      ["proc", "/proc", "proc", MS.MS_NOSUID | MS.MS_NODEV | MS.MS_NOEXEC, null],
      0,
      'mount("proc", "/proc", "proc", MS_NOSUID|MS_NODEV|MS_NOEXEC, NULL) = 0',
    ],
    ["unshare", [CLONE.CLONE_NEWNS | CLONE.CLONE_NEWUTS], 0, "unshare(CLONE_NEWNS|CLONE_NEWUTS) = 0"],
    ["mount", [null, "/", null, 0, null], 0, 'mount(NULL, "/", NULL, 0, NULL) = 0'],
    ["openat", [-100, "/x", O.O_CLOEXEC, 0], 5, 'openat(AT_FDCWD, "/x", O_RDONLY|O_CLOEXEC, 0) = 5'],
    ["mkdirat", [7, "a", 0o755], -17, 'mkdirat(7, "a", 0755) = -1 EEXIST: file exists'],
    [
      "openat2",
      [5, "/proc", new Uint8Array(new BigUint64Array([0x280000n, 0n, 18n]).buffer), 24],
      6,
      'openat2(5, "/proc", {flags=O_CLOEXEC|O_PATH, mode=0, resolve=RESOLVE_NO_MAGICLINKS|RESOLVE_IN_ROOT}, 24) = 6',
    ],
    [
      "prlimit64",
      [0, 7, new Uint8Array(new BigUint64Array([512n, 2n ** 64n - 1n]).buffer), null],
      0,
      "prlimit64(0, RLIMIT_NOFILE, {rlim_cur=512, rlim_max=RLIM64_INFINITY}, NULL) = 0",
    ],
    ["mknodat", [6, "null", 0o20666, 259], 0, 'mknodat(6, "null", S_IFCHR|0666, makedev(1, 3)) = 0'],
    ["mknodat", [6, "sda", 0o60600, 0x800], 0, 'mknodat(6, "sda", S_IFBLK|0600, makedev(8, 0)) = 0'],
    ["mknodat", [6, "p", 0o10600, 0], 0, 'mknodat(6, "p", S_IFIFO|0600, makedev(0, 0)) = 0'],
    ["umount2", [".", 2], 0, 'umount2(".", MNT_DETACH) = 0'],
    ["umount2", [".", 0x42], 0, 'umount2(".", MNT_DETACH|0x40) = 0'],
    ["close", [3], -9, "close(3) = -1 EBADF: bad file descriptor"],
    ["read", [3, new Uint8Array(8), 8], 8, "read(3, <8 bytes>, 8) = 8"],
    ["chdir", ['a"b\n'], -999, 'chdir("a\\"b\\n") = -1 errno 999'],
  ];
  test.each(cases)("%s %p", (name, args, result, expected) => {
    expect(formatCall(name, args, result)).toBe(expected);
  });
});

test("a mask of more than 31 bits stays a positive number", () => {
  expect(formatCall("mount", [null, "/", null, 0x80000000, null], 0)).toContain("0x80000000");
});
