// Owns a root that shows this machine's own programs: /usr is the host's, read-only, and the rest belongs to the root. A
// container can run whatever is installed here without a copy, and what it writes is gone when it ends.

import {
  chmodSync,
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readlinkSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { leavesNothing } from "./leftovers.ts";
import { type Result, run, scratchDirectory, skipReason } from "./minibox.ts";

/** Where a container looks for programs. */
const PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** A program's path in the view, if it is there. */
export const inside = (program: string): string | undefined => Bun.which(program, { PATH }) ?? undefined;

/** Why a test that runs these programs in the view is skipped, or "". @throws Error in CI, which must have them */
export const lacks = (...programs: string[]): string =>
  skipReason(...programs.map((program) => inside(program) ?? program));

export interface HostView {
  readonly path: string;
  /** writes a file into the root */
  put(path: string, text: string): void;
  /** the words that follow `minibox run` to execute a command in the view, in /tmp */
  words(command: readonly string[], flags?: readonly string[]): string[];
  /** runs a bash script, which ends at the first command that fails */
  run(script: string, flags?: readonly string[]): Promise<Result>;
}

/** Parts of /etc that programs below /usr need: alternatives(1)' links, certificates, users and groups. */
const SHARED = ["alternatives", "group", "ld.so.cache", "nsswitch.conf", "passwd", "ssl"];

/** Makes a view for one test file; leavesNothing, called in here, removes it when the file ends. */
export function hostView(): HostView {
  const path = scratchDirectory();
  leavesNothing();
  const own = "dev etc home proc root run sys tmp usr var/lib var/log var/tmp".split(" ");
  for (const name of own) mkdirSync(join(path, name), { recursive: true });
  chmodSync(path, 0o755);
  for (const name of ["tmp", "var/tmp"]) chmodSync(join(path, name), 0o1777);
  const volumes = ["/usr"];
  for (const name of ["bin", "sbin", "lib", "lib32", "lib64", "libx32"]) {
    if (!existsSync(`/${name}`)) continue;
    if (lstatSync(`/${name}`).isSymbolicLink()) symlinkSync(readlinkSync(`/${name}`), join(path, name));
    else volumes.push(`/${name}`);
  }
  const java = readdirSync("/etc").filter((name) => name.startsWith("java-"));
  for (const name of [...SHARED, ...java]) {
    if (!existsSync(`/etc/${name}`)) continue;
    cpSync(`/etc/${name}`, join(path, "etc", name), { recursive: true, verbatimSymlinks: true });
  }
  writeFileSync(join(path, "etc/hosts"), "127.0.0.1 localhost\n::1 localhost\n");
  const flags = ["--overlay", ...volumes.flatMap((volume) => ["-v", `${volume}:${volume}:ro`])];
  const words = (command: readonly string[], more: readonly string[] = []): string[] => [
    ...[...flags, ...more, "-w", "/tmp", path],
    ...command,
  ];
  return {
    path,
    put(name, text) {
      mkdirSync(dirname(join(path, name)), { recursive: true });
      writeFileSync(join(path, name), text);
    },
    words,
    run: (script, more) => run(words(["bash", "-euo", "pipefail", "-c", script], more)),
  };
}

/** The result of a run that printed this, exited with 0, and wrote nothing to stderr. */
export const said = (stdout: string): Result => ({ status: 0, stdout, stderr: "" });
