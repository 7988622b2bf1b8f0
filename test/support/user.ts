// Owns an ordinary user for tests, whose id no host has, and a directory with what the user needs to run minibox.

import { chmodSync, cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { execute, MINIBOX, type Options, type Result, rootfsToCopy, scratchDirectory } from "./minibox.ts";

// Each test file has another id, since several run at once and a test looks at all processes of the user.
export const UID = 54_000 + (process.pid % 10_000);
/** The range that /etc/subuid and /etc/subgid give to the user, in tests with sub-ids. */
export const SUB_IDS = { start: 700_000, size: 65_536 };

/** A directory that every user may enter, with a copy of the binary and two busybox root file systems. */
export interface Place {
  path: string;
  minibox: string;
  /** a rootfs that belongs to root, as one made by an administrator does */
  rootfs: string;
  /** a rootfs that belongs to the ordinary user */
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
  for (const copy of [place.rootfs, place.ownRootfs])
    Bun.spawnSync(["cp", "-a", rootfsToCopy("busybox"), copy]);
  Bun.spawnSync(["chown", "-R", "-h", `${UID}:${UID}`, place.ownRootfs]);
  // copies of the host's tables, which tests bind over the host's in a mount namespace of their own
  mkdirSync(join(path, "etc"));
  const passwd = readFileSync("/etc/passwd", "utf8");
  const row = `minitest:${SUB_IDS.start}:${SUB_IDS.size}\n`;
  Bun.write(join(path, "etc/passwd"), `${passwd}minitest:x:${UID}:${UID}::/:/bin/sh\n`);
  Bun.write(join(path, "etc/subuid"), row);
  Bun.write(join(path, "etc/subgid"), row);
  return place;
}

const IDENTITY = ["setpriv", "--reuid", String(UID), "--regid", String(UID), "--clear-groups"];

/** The words that execute others as the ordinary user. */
export const userWords = (words: string[]): string[] => [...IDENTITY, ...words];

/** The words that execute others as the ordinary user with sub-ids, in a mount namespace of its own. */
export const subIdWords = (place: Place, words: string[]): string[] => [
  ...["unshare", "--mount", "sh", "-c"],
  'for table in passwd subuid subgid; do mount --bind "$0/$table" "/etc/$table" || exit 99; done; exec "$@"',
  join(place.path, "etc"),
  ...userWords(words),
];

/** What each run by this user says, since no table has a name for the user. */
export const ALONE = `minibox: the container has one user id and one group id, the caller's: no user has the id ${UID} (getent passwd ${UID}), and newuidmap maps more only for those with a name\n`;

const ENVIRONMENT = { PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin" };

/** Runs `minibox run WORDS…` as the ordinary user; the line ALONE is taken out of what it says. */
export const runAsUser = async (place: Place, words: string[], options: Options = {}): Promise<Result> => {
  const result = await execute(userWords([place.minibox, "run", ...words]), {
    env: ENVIRONMENT,
    cwd: "/",
    ...options,
  });
  return { ...result, stderr: result.stderr.replace(ALONE, "") };
};

/** Runs `minibox run WORDS…` as the ordinary user with sub-ids. */
export const runWithSubIds = (place: Place, words: string[], options: Options = {}): Promise<Result> =>
  execute(subIdWords(place, [place.minibox, "run", ...words]), { env: ENVIRONMENT, cwd: "/", ...options });

/** The state and words of a user's processes (ps(1)), without zombies, which only wait for the host's init. */
export async function processesOf(uid: number): Promise<string[]> {
  const { stdout } = await execute(["ps", "-o", "stat=,args=", "-u", String(uid)]);
  return stdout.split("\n").filter((line) => line !== "" && !line.startsWith("Z"));
}

/** What runs of the place's binary have left: processes, and states of the user's. */
export function leftBehind(place: Place): { processes: string[]; states: string[] } {
  const processes: string[] = [];
  for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
    try {
      const maps = readFileSync(`/proc/${pid}/maps`, "utf8");
      if (maps.includes(place.minibox) || readFileSync(`/proc/${pid}/cgroup`, "utf8").includes(place.path))
        processes.push(readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " "));
    } catch {
      // the process has ended meanwhile
    }
  }
  const states = `/tmp/minibox-${UID}`;
  return { processes, states: existsSync(states) ? readdirSync(states) : [] };
}
