// Keys of the host's, which a process could reach through the session keyring that it inherits (keyrings(7)).

import { beforeAll, expect, test } from "bun:test";
import { join } from "node:path";
import { attackRootfs } from "../support/attack.ts";
import { leavesNothing } from "../support/leftovers.ts";
import { execute, RUN } from "../support/minibox.ts";

leavesNothing();

/** "add COMMAND…" puts a key into a new session keyring and goes on as the command; "find" looks for it. */
const KEYS = `#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>
int main(int n, char **v) {
  if (!strcmp(v[1], "add")) {
    syscall(SYS_keyctl, 1, 0);
    syscall(SYS_add_key, "user", "minibox-secret", "the host's", 10, -3);
    return execv(v[2], v + 2);
  }
  char text[64] = {0};
  long key = syscall(SYS_keyctl, 10, -3, "user", "minibox-secret", 0);
  if (key < 0 || syscall(SYS_keyctl, 11, key, text, 63) < 0) return printf("%s\\n", strerror(errno)), 0;
  printf("%s\\n", text);
  return 0;
}`;

let root: ReturnType<typeof attackRootfs>;
beforeAll(() => {
  root = attackRootfs({ keys: KEYS });
});

const withKey = (...words: string[]) => execute([join(root.path, "keys"), "add", ...words]);

test("a key in the caller's session keyring is there for all that it starts", async () => {
  const { stdout } = await withKey("/usr/sbin/chroot", root.path, "/keys", "find");
  expect(stdout).toBe("the host's\n");
});

test("a container has a session keyring of its own", async () => {
  const free = ["--security-opt", "seccomp=unconfined"];
  for (const flags of [[], ["--init"], ["-u", "1000"]]) {
    const { stdout } = await withKey(...RUN, ...flags, ...free, root.path, "/keys", "find");
    expect([flags, stdout]).toEqual([flags, "Required key not available\n"]);
  }
});

test("and by default no call for keys", async () => {
  const { stdout } = await withKey(...RUN, root.path, "/keys", "find");
  expect(stdout).toBe("Operation not permitted\n");
});
