// The executable of minibox, which a container must not overwrite through /proc/PID/exe (CVE-2019-5736).

import { beforeAll, expect, test } from "bun:test";
import { chmodSync, copyFileSync, cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { compile } from "../support/attack.ts";
import { leavesNothing } from "../support/leftovers.ts";
import { execute, MINIBOX, RUN, rootfsToCopy, scratchDirectory } from "../support/minibox.ts";
import { EVIL, EVIL_FLAGS, OVERWRITE, RUNTIME, RUNTIME_FLAGS } from "../support/programs.ts";

leavesNothing();

let directory: string;
let root: string;
beforeAll(() => {
  directory = scratchDirectory();
  root = join(directory, "root");
  cpSync(rootfsToCopy("host"), root, { recursive: true, verbatimSymlinks: true });
  // the libraries that minibox is linked with, so that it can start inside
  for (const [, library] of Bun.spawnSync(["ldd", MINIBOX])
    .stdout.toString()
    .matchAll(/(\/\S+\.so\S*) \(/g)) {
    const place = join(root, library!);
    if (existsSync(place)) continue;
    mkdirSync(dirname(place), { recursive: true });
    copyFileSync(library!, place);
  }
  copyFileSync(compile(OVERWRITE), join(root, "overwrite"));
  copyFileSync(compile(EVIL, EVIL_FLAGS), join(root, "evil.so"));
  writeFileSync(join(root, "again"), "#!/proc/self/exe\n", { mode: 0o755 });
});

test("a runtime that takes no care loses its executable to the image", async () => {
  const runtime = join(directory, "runtime");
  copyFileSync(compile(RUNTIME, RUNTIME_FLAGS), runtime);
  chmodSync(runtime, 0o755);
  const script = 'mount -t proc proc "$1/proc" && exec "$0" "$@"';
  const result = await execute(["unshare", "-m", "sh", "-c", script, runtime, root, "/again"], {
    env: { LD_PRELOAD: "/evil.so", PATH: process.env.PATH! },
  });
  expect(result.stdout).toBe("written\nwritten\n");
  expect(readFileSync(runtime, "utf8")).toBe("hacked");
});

test("minibox started again by the image cannot be written through /proc/self/exe [vm]", async () => {
  const copy = join(directory, "minibox");
  cpSync(MINIBOX, copy);
  const result = await execute([copy, ...RUN.slice(1), "-e", "LD_PRELOAD=/evil.so", root, "/again"]);
  // The kernel answers a truncating open with the mount's EROFS, and a plain one with ETXTBSY, as the file is running.
  expect(result.stdout).toBe("Read-only file system\nText file busy\n");
  expect(Bun.hash(readFileSync(copy))).toBe(Bun.hash(readFileSync(MINIBOX)));
});

/** Executes a program from memory (memfd_create(2)): no path leads to its file. */
const FROM_MEMORY = `import os, sys
memory = os.memfd_create("program")
with open(sys.argv[1], "rb") as file:
  while os.sendfile(memory, file.fileno(), None, 1 << 30): pass
os.execve(memory, ["minibox"] + sys.argv[2:], os.environ)`;

test("started from memory, it starts its child from a sealed copy [vm]", async () => {
  const words = [...RUN.slice(1), "-e", "LD_PRELOAD=/evil.so", root, "/again"];
  const result = await execute(["python3", "-c", FROM_MEMORY, MINIBOX, ...words]);
  expect(result).toEqual({
    status: 0,
    stdout: "Operation not permitted\nOperation not permitted\n",
    stderr: "",
  });
});

test("nobody inside can write the executable of a minibox that stays as PID 1", async () => {
  const before = Bun.hash(readFileSync(MINIBOX));
  const result = await execute([...RUN, "--init", root, "/overwrite", "/proc/1/exe"]);
  expect(result.stdout).toBe("Read-only file system\nText file busy\n");
  expect(Bun.hash(readFileSync(MINIBOX))).toBe(before);
});
