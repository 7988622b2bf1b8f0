// Owns an ordinary user for tests: one that no host has, with the binary and root file systems where it may read them.

import { chmodSync, cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { execute, MINIBOX, type Options, type Result, rootfs, scratchDirectory } from "./minibox.ts";

// another one for each run of the tests: several at once must not meet
export const UID = 54_000 + (process.pid % 10_000);
/** What /etc/subuid and /etc/subgid give the user where a test asks for sub-ids. */
export const SUB_IDS = { start: 700_000, size: 65_536 };

/** A directory of the test's own that everybody may enter, with a copy of the binary and of a busybox root. */
export interface Place {
  path: string;
  minibox: string;
  /** root's, as a rootfs is that an administrator made */
  rootfs: string;
  /** the ordinary user's own */
  ownRootfs: string;
  remove(): void;
}

export function makePlace(): Place {
  const path = scratchDirectory();
  chmodSync(path, 0o755);
  const place = {
    path,
    minibox: join(path, "minibox"),
    rootfs: join(path, "rootfs"),
    ownRootfs: join(path, "own"),
    remove: () => {
      rmSync(path, { recursive: true, force: true });
      rmSync(`/tmp/minibox-${UID}`, { recursive: true, force: true });
    },
  };
  cpSync(MINIBOX, place.minibox);
  for (const copy of [place.rootfs, place.ownRootfs]) Bun.spawnSync(["cp", "-a", rootfs("busybox"), copy]);
  Bun.spawnSync(["chown", "-R", "-h", `${UID}:${UID}`, place.ownRootfs]);
  // writes of the host's tables, to be bound over them where nobody else sees it
  mkdirSync(join(path, "etc"));
  const passwd = readFileSync("/etc/passwd", "utf8");
  const row = `minitest:${SUB_IDS.start}:${SUB_IDS.size}\n`;
  Bun.write(join(path, "etc/passwd"), `${passwd}minitest:x:${UID}:${UID}::/:/bin/sh\n`);
  Bun.write(join(path, "etc/subuid"), row);
  Bun.write(join(path, "etc/subgid"), row);
  return place;
}

const IDENTITY = ["setpriv", "--reuid", String(UID), "--regid", String(UID), "--clear-groups"];

/** The words that run a command as the ordinary user. */
export const userWords = (words: string[]): string[] => [...IDENTITY, ...words];

/** The same with sub-ids, in a mount namespace of its own. */
export const subIdWords = (place: Place, words: string[]): string[] => [
  ...["unshare", "--mount", "sh", "-c"],
  'for table in passwd subuid subgid; do mount --bind "$0/$table" "/etc/$table" || exit 99; done; exec "$@"',
  join(place.path, "etc"),
  ...userWords(words),
];

/** What each run of this user says, whom no table knows. */
export const ALONE = `minibox: the container has one user id and one group id, the caller's: no user has the id ${UID} (getent passwd ${UID}), and newuidmap maps more only for those with a name\n`;

const ENVIRONMENT = { PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin" };

/** `minibox run WORDS…` as the ordinary user; that it has one id alone is not repeated. */
export const runAsUser = async (place: Place, words: string[], options: Options = {}): Promise<Result> => {
  const result = await execute(userWords([place.minibox, "run", ...words]), {
    env: ENVIRONMENT,
    cwd: "/",
    ...options,
  });
  return { ...result, stderr: result.stderr.replace(ALONE, "") };
};

/** The same with sub-ids. */
export const runWithSubIds = (place: Place, words: string[], options: Options = {}): Promise<Result> =>
  execute(subIdWords(place, [place.minibox, "run", ...words]), { env: ENVIRONMENT, cwd: "/", ...options });

/** What a user's processes do, as ps(1) shows it. One that is dead and waits for the host's init to take notice is none. */
export async function processesOf(uid: number): Promise<string[]> {
  const { stdout } = await execute(["ps", "-o", "stat=,args=", "-u", String(uid)]);
  return stdout.split("\n").filter((line) => line !== "" && !line.startsWith("Z"));
}

/** What the place's binary has left: its processes, and states of the user's. */
export function leftBehind(place: Place): { processes: string[]; states: string[] } {
  const processes: string[] = [];
  for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
    try {
      const maps = readFileSync(`/proc/${pid}/maps`, "utf8");
      if (maps.includes(place.minibox) || readFileSync(`/proc/${pid}/cgroup`, "utf8").includes(place.path))
        processes.push(readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " "));
    } catch {
      // it ended while we looked
    }
  }
  const states = `/tmp/minibox-${UID}`;
  return { processes, states: existsSync(states) ? readdirSync(states) : [] };
}
