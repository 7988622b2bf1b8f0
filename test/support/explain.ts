// Owns a rootfs in which commands cannot be executed, and what a person is then told.

import { chmodSync, copyFileSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { leavesNothing } from "./leftovers.ts";
import { RUN, scratchDirectory, skipReason } from "./minibox.ts";

export const SEARCHED = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
export const ON_HOST = "it exists on the host, but a container sees only its rootfs";
export const isX64 = process.arch === "x64";
/** the name of a test that is skipped elsewhere */
export const onX64 = (name: string): string => (isX64 ? name : `${name}: on x86-64 only`);
/** why nothing of this can be tried here, or "" */
export const reason = skipReason("busybox", "setpriv");

export type Content = string | Uint8Array;

export interface Told {
  said: string;
  status: number;
}

/** The line and, where there is one, the hint below it. */
export const says = (status: number, line: string, hint?: string): Told => ({
  said: hint === undefined ? line : `${line}\n  ${hint}`,
  status,
});

/** A small rootfs with busybox, for one test file; removed at its end, when nothing else of the file may be left either. */
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

  /** Runs minibox; what it said comes without the "minibox: " before it. */
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
