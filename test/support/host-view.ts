// Owns a root that shows this machine's own programs: /usr is the host's, read-only; all else is the root's own, and
// what a container writes goes with it. So whatever is installed here can be run in a container, without a copy.

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

/** A reason to skip a test that runs these programs in the view, or "" for none; in CI a missing one is a failure. */
export const lacks = (...programs: string[]): string =>
  skipReason(...programs.map((program) => inside(program) ?? program));

export interface HostView {
  readonly path: string;
  /** writes a file of the root's own */
  put(path: string, text: string): void;
  /** what follows `minibox run` for these words in the view, starting in /tmp */
  words(command: readonly string[], flags?: readonly string[]): string[];
  /** runs a bash script, which ends at the first command that fails */
  run(script: string, flags?: readonly string[]): Promise<Result>;
}

/** Parts of /etc that programs below /usr cannot do without: links to the chosen ones, certificates, who is who. */
const SHARED = ["alternatives", "group", "ld.so.cache", "nsswitch.conf", "passwd", "ssl"];

/** A view of its own for a test file, removed at its end, when nothing else of the file may be left either. */
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

/** A run that did what it should and complained about nothing. */
export const said = (stdout: string): Result => ({ status: 0, stdout, stderr: "" });
