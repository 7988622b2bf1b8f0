// Owns asking the host's name services (nsswitch.conf(5): LDAP, SSSD, extrausers…) for users and subordinate ids that
// its files in /etc do not list, through the host's programs getent(1) and getsubids(1). Loaded only with a user
// namespace.

import { decode } from "../sys/bytes.ts";
import { step } from "../sys/libc.ts";
import { tryStat } from "../sys/stat.ts";

/** In milliseconds: a directory server that does not answer must not keep a container from starting. */
const PATIENCE = 5000;

/** Returns the path of an executable file in /usr/bin or on a PATH; undefined where there is none. */
export function findProgram(name: string, path: string | undefined): string | undefined {
  for (const directory of ["/usr/bin", ...(path ?? "").split(":")]) {
    const file = `${directory}/${name}`;
    if (directory.startsWith("/") && (tryStat(file)?.mode ?? 0) & 0o111) return file;
  }
  return undefined;
}

/** Runs a program with an empty environment; returns what it prints, undefined where it is missing or fails. */
function ask(name: string, words: readonly string[], path: string | undefined): string | undefined {
  const program = findProgram(name, path);
  if (program === undefined) return undefined;
  step(`ask ${name} ${words.join(" ")}`, "the host's files in /etc have no such entry");
  try {
    const { exitCode, stdout } = Bun.spawnSync({
      cmd: [program, ...words],
      cwd: "/",
      env: {},
      stdin: "ignore",
      stdout: "pipe",
      stderr: "ignore",
      timeout: PATIENCE,
      killSignal: "SIGKILL",
      maxBuffer: 64 << 20,
    });
    return exitCode === 0 ? decode(stdout) : undefined;
  } catch {
    return undefined;
  }
}

/** Returns the row of passwd(5) for this user id, as text; "" where there is none. */
export const askPasswd = (uid: number, path: string | undefined): string =>
  ask("getent", ["passwd", String(uid)], path) ?? "";

/**
 * Returns the rows of subuid(5) or subgid(5) for this user, as text. getsubids(1) prints `NUMBER: OWNER START COUNT`.
 */
export function askSubordinateIds(owner: string, kind: "uid" | "gid", path: string | undefined): string {
  const answer = ask("getsubids", kind === "gid" ? ["-g", owner] : [owner], path) ?? "";
  return answer.replace(/^\d+: \S+ (\d+) (\d+)$/gm, `${owner}:$1:$2`);
}
