// Opening a namespace by its path: the kernel says of which kind it is.

import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { CLONE } from "../../../src/sys/constants.ts";
import { readlink } from "../../../src/sys/directory.ts";
import { close } from "../../../src/sys/file.ts";
import { fdPath } from "../../../src/sys/mount.ts";
import { isInitialUserNamespace, NAMESPACE_FLAGS, openNamespace } from "../../../src/sys/namespace.ts";

const directory = mkdtempSync("/tmp/minibox-test-");
afterAll(() => rmSync(directory, { recursive: true }));

const PATHS = {
  pid: "pid",
  network: "net",
  mount: "mnt",
  ipc: "ipc",
  uts: "uts",
  user: "user",
  cgroup: "cgroup",
  time: "time",
} as const;
const types = Object.keys(PATHS) as (keyof typeof PATHS)[];

test.each(types)("a namespace of the type %s is opened as that, and as nothing else", (type) => {
  const path = `/proc/self/ns/${PATHS[type]}`;
  const fd = openNamespace(path, NAMESPACE_FLAGS[type]);
  expect(readlink(fdPath(fd!))).toBe(readlink(path));
  close(fd!);
  for (const other of types)
    if (other !== type) expect(openNamespace(path, NAMESPACE_FLAGS[other])).toBeUndefined();
});

test("a file, a directory and a FIFO that nobody writes are no namespaces", () => {
  const fifo = join(directory, "fifo");
  expect(Bun.spawnSync(["mkfifo", fifo]).exitCode).toBe(0);
  for (const path of ["/etc/passwd", directory, fifo])
    expect(openNamespace(path, CLONE.CLONE_NEWNET)).toBeUndefined();
});

test("a path that leads nowhere is the kernel's to tell", () => {
  expect(() => openNamespace(join(directory, "missing"), CLONE.CLONE_NEWNET)).toThrow("ENOENT");
});

test("another user namespace is told from the initial one", async () => {
  const script = `import { isInitialUserNamespace as is } from "${import.meta.dir}/../../../src/sys/namespace.ts"; console.log(is())`;
  const says = (words: string[]) =>
    Bun.spawnSync([...words, process.execPath, "-e", script])
      .stdout.toString()
      .trim();
  expect(says(["unshare", "--user", "--map-root-user"])).toBe("false");
  expect(says([])).toBe(String(isInitialUserNamespace()));
});
