// Owns a rootfs for commands that cannot be executed, and runs of them that return what minibox says.

import { chmodSync, copyFileSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { leavesNothing } from "./leftovers.ts";
import { RUN, scratchDirectory, skipReason } from "./minibox.ts";

export const SEARCHED = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
export const ON_HOST = "it exists on the host, but a container sees only its rootfs";
export const isX64 = process.arch === "x64";
/** The name of a test that runs on x86-64 and is skipped elsewhere. */
export const onX64 = (name: string): string => (isX64 ? name : `${name}: on x86-64 only`);
/** Why these tests are skipped here, or "". */
export const reason = skipReason("busybox", "setpriv");

export type Content = string | Uint8Array;

export interface Told {
  said: string;
  status: number;
}

/** What minibox says: a line, and the hint below it where one is given. */
export const says = (status: number, line: string, hint?: string): Told => ({
  said: hint === undefined ? line : `${line}\n  ${hint}`,
  status,
});

/** Makes a small rootfs with busybox for one test file; leavesNothing, called in here, removes it when the file ends. */
export function makeRoot() {
  process.umask(0o022);
  const scratch = scratchDirectory();
  leavesNothing();
  const root = join(scratch, "root");

  /** Writes a file into the rootfs, with its directories. */
  function put(path: string, content: Content, mode = 0o755, into = root): string {
    const file = join(into, path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, content);
    chmodSync(file, mode);
    return file;
  }

  const link = (path: string, target: string): void => symlinkSync(target, join(root, path));

  /** Runs minibox and returns what it said, without the "minibox: " in front. */
  function run(
    words: string[],
    { flags = [] as string[], rootfs = root, prefix = [] as string[] } = {},
  ): Told {
    const ran = Bun.spawnSync([...prefix, ...RUN, ...flags, rootfs, ...words], {
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe",
      timeout: 20_000,
    });
    return {
      said: ran.stderr
        .toString()
        .trimEnd()
        .replace(/^minibox: /, ""),
      status: ran.exitCode,
    };
  }

  if (!reason) {
    put("/bin/busybox", "");
    copyFileSync(Bun.which("busybox")!, join(root, "bin/busybox"));
    chmodSync(join(root, "bin/busybox"), 0o755);
    for (const name of ["sh", "ls", "cat", "true", "env"]) link(`bin/${name}`, "busybox");
    put("/etc/passwd", "root:x:0:0:root:/root:/bin/sh\n", 0o644);
  }
  return { scratch, root, put, link, run };
}
