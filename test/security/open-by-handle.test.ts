// Owns: the host's files opened by a file handle, past every path (open_by_handle_at(2), the "shocker" of 2014).

import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { attackRootfs, undefended } from "../support/attack.ts";
import { execute, run } from "../support/minibox.ts";

/** With a path: prints its handle. With a handle: opens it on the file system of the root, and prints what is in it. */
const HANDLE = `#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
int main(int n, char **v) {
  char space[sizeof(struct file_handle) + 128] = {0};
  struct file_handle *h = (void *)space;
  int mount, type, used;
  h->handle_bytes = 128;
  if (n == 2) {
    if (name_to_handle_at(AT_FDCWD, v[1], h, &mount, 0)) return printf("name: %s\\n", strerror(errno)), 0;
    printf("%d", h->handle_type);
    for (unsigned i = 0; i < h->handle_bytes; i++) printf(" %d", h->f_handle[i]);
    return 0;
  }
  h->handle_type = atoi(v[1]);
  h->handle_bytes = n - 2;
  for (int i = 2; i < n; i++) h->f_handle[i - 2] = atoi(v[i]);
  int fd = open_by_handle_at(open("/", O_RDONLY), h, O_RDONLY);
  if (fd < 0) return printf("%s\\n", strerror(errno)), 0;
  char text[64] = {0};
  read(fd, text, 63);
  printf("%s\\n", text);
  return 0;
}`;

let root: ReturnType<typeof attackRootfs>;
let host: string;
let handle: string[];
beforeAll(async () => {
  root = attackRootfs({ handle: HANDLE });
  host = mkdtempSync(join(tmpdir(), "minibox-host-"));
  writeFileSync(join(host, "secret"), "the host's");
  handle = (await execute([join(root.path, "handle"), join(host, "secret")])).stdout.split(" ");
});
afterAll(() => {
  root.remove();
  rmSync(host, { recursive: true });
});

test("root in a chroot opens any file of the same file system", async () => {
  expect((await undefended(root.path, ["/handle", ...handle])).stdout).toBe("the host's\n");
});

test("root in a container opens none", async () => {
  expect((await run([root.path, "/handle", ...handle])).stdout).toBe("Operation not permitted\n");
});

test("two things stand against it: the filter, and the capability that it takes", async () => {
  const free = ["--security-opt", "seccomp=unconfined"];
  expect((await run([...free, root.path, "/handle", ...handle])).stdout).toBe("Operation not permitted\n");
  const both = await run([...free, "--cap-add", "DAC_READ_SEARCH", root.path, "/handle", ...handle]);
  expect(both.stdout).toBe("the host's\n");
});
