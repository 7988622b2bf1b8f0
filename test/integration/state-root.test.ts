// Where a user's states lie without --root. All commands find the same place again, and nobody else can take it away.

import { afterAll, beforeEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
} from "node:fs";
import { join } from "node:path";
import { SLOWNESS } from "../support/container.ts";
import { execute, type Result, scratchDirectory, skipReason } from "../support/minibox.ts";
import { makePlace, UID, userWords } from "../support/user.ts";

setDefaultTimeout(60_000 * SLOWNESS);
const skip = skipReason("setpriv", "unshare");
const place = makePlace();
const scratch = scratchDirectory();
chmodSync(scratch, 0o755);
const USUAL = `/tmp/minibox-${UID}`;

const inTmp = (): string[] =>
  readdirSync("/tmp")
    .filter((name) => name === `minibox-${UID}` || name.startsWith(`minibox-${UID}.`))
    .map((name) => `/tmp/${name}`)
    .sort();
const cleanTmp = (): void => {
  for (const path of inTmp()) rmSync(path, { recursive: true, force: true });
};
beforeEach(cleanTmp);
afterAll(() => {
  cleanTmp();
  place.remove();
  rmSync(scratch, { recursive: true, force: true });
});

/** Makes, looks at, starts and deletes a container as the user, and prints the directories that are searched for states. */
const LIFE = `
  m=$0 root=$1; shift
  $m create -q --name life $root true </dev/null >/dev/null 2>&1 || { $m run -q $root true; exit; }
  for place; do [ -e "$place/life/state.json" ] && echo "$place"; done
  $m state life | grep -o created && $m run -q $root true && $m start life && $m delete --force life; echo $?`;

interface How {
  /** $XDG_RUNTIME_DIR */
  runtime?: string;
  /** run by root in a mount namespace of its own before the user's commands */
  before?: string;
  user?: string[];
  places?: string[];
}

const live = ({ runtime, before = "true", user = userWords([]), places = [] }: How = {}): Promise<Result> => {
  const env = {
    PATH: process.env.PATH ?? "",
    ...(runtime === undefined ? {} : { XDG_RUNTIME_DIR: runtime }),
  };
  const script = `${before} && exec "$@"`;
  const words = ["sh", "-c", LIFE, place.minibox, place.ownRootfs, ...places];
  return execute(["unshare", "--mount", "sh", "-c", script, "sh", ...user, ...words], { env, cwd: "/" });
};

const lived = (path: string): Result => ({ status: 0, stdout: `${path}\ncreated\n0\n`, stderr: "" });

/** A directory of the user's with this mode. */
let count = 0;
function directory(mode: number, owner = UID): string {
  const path = join(scratch, `runtime-${++count}`);
  mkdirSync(path);
  chownSync(path, owner, owner);
  chmodSync(path, mode);
  return path;
}

describe.skipIf(skip !== "")("a user's states are in", () => {
  test("$XDG_RUNTIME_DIR, where nobody else may write that", async () => {
    for (const mode of [0o700, 0o755]) {
      const runtime = directory(mode);
      expect(await live({ runtime, places: [`${runtime}/minibox`, USUAL] })).toEqual(
        lived(`${runtime}/minibox`),
      );
      expect(statSync(`${runtime}/minibox`).mode & 0o777).toBe(0o700);
      expect(inTmp()).toEqual([]);
    }
  });

  test("no $XDG_RUNTIME_DIR that is another's, writable to others, missing, relative or a file", async () => {
    for (const runtime of [
      directory(0o777, 0),
      directory(0o777),
      directory(0o770),
      directory(0o1777),
      join(scratch, "missing"),
      "relative",
      "",
      join(place.path, "minibox"),
    ])
      expect([runtime, await live({ runtime, places: [USUAL, `${runtime}/minibox`] })]).toEqual([
        runtime,
        lived(USUAL),
      ]);
  });

  test("/run/user/UID, where the variable is not set and that is theirs", async () => {
    const own = `/run/user/${UID}`;
    const make = (mode: string, owner: number): string =>
      `mount -t tmpfs -o mode=755 t /run && mkdir -p ${own} && chown ${owner} ${own} && chmod ${mode} ${own}`;
    const places = [`${own}/minibox`, USUAL];
    expect(await live({ before: make("700", UID), places })).toEqual(lived(`${own}/minibox`));
    expect(inTmp()).toEqual([]);
    expect(await live({ before: make("777", UID), places })).toEqual(lived(USUAL));
    expect(await live({ before: make("777", 0), places })).toEqual(lived(USUAL));
  });

  test("a directory of another name, where somebody has taken the usual one", async () => {
    const take: ((path: string) => void)[] = [
      (path) => mkdirSync(path, { mode: 0o700 }),
      (path) => {
        mkdirSync(path);
        chmodSync(path, 0o777);
      },
      (path) => Bun.write(path, ""),
      (path) => symlinkSync(scratch, path),
      (path) => Bun.spawnSync(["mkfifo", path]),
    ];
    for (const [i, taken] of take.entries()) {
      cleanTmp();
      taken(USUAL);
      await Bun.sleep(0);
      const places = [USUAL, `${USUAL}.1`];
      expect([i, await live({ places })]).toEqual([i, lived(`${USUAL}.1`)]);
      expect(statSync(`${USUAL}.1`)).toMatchObject({ uid: UID, mode: 0o40700 });
      // and it is found again, whatever becomes of the usual one
      rmSync(USUAL, { recursive: true });
      expect([i, await live({ places })]).toEqual([i, lived(`${USUAL}.1`)]);
      expect(existsSync(USUAL)).toBe(false);
    }
  });

  test("a directory of a name that nobody foresees, where somebody has taken many", async () => {
    for (let i = 0; i < 200; i++) mkdirSync(i === 0 ? USUAL : `${USUAL}.${i}`, { mode: 0o700 });
    const theirs = inTmp();
    expect((await live({ places: [] })).stdout).toBe("created\n0\n");
    const [own, ...more] = inTmp().filter((path) => !theirs.includes(path));
    expect(more).toEqual([]);
    expect(await live({ places: [own!] })).toEqual(lived(own!));
  });

  test("no directory in a /tmp without a sticky bit, where others could exchange it", async () => {
    const inside = `/mnt${place.path.replace(/^\/tmp/, "")}`;
    const mounts = [
      `mount -t tmpfs -o mode=777 t /mnt && mkdir -p ${inside} && mount --bind ${place.path} ${inside}`,
      "mount --move /mnt /tmp",
    ].join(" && ");
    const { status, stdout, stderr } = await live({ before: mounts });
    expect([status, stdout]).toEqual([125, ""]);
    expect(stderr).toStartWith(`minibox: ${USUAL} would not be safe: everybody may rename what is in /tmp`);
  });
});

describe.skipIf(skip !== "")("root's states are in /run/minibox", () => {
  const own = "mount -t tmpfs -o mode=755 t /run";

  test("also where sudo has kept $XDG_RUNTIME_DIR", async () => {
    for (const runtime of [directory(0o700, 0), directory(0o700)]) {
      expect(
        await live({ runtime, before: own, user: [], places: ["/run/minibox", `${runtime}/minibox`] }),
      ).toEqual(lived("/run/minibox"));
      expect(readdirSync(runtime)).toEqual([]);
    }
  });

  test.each(["700", "755"])(
    "but root of a user namespace has its own beside those of mode %s",
    async (mode) => {
      const before = `${own} && mkdir -m ${mode} /run/minibox`;
      const user = userWords(["unshare", "--user", "--map-root-user"]);
      expect(await live({ before, user, places: ["/run/minibox", USUAL] })).toEqual(lived(USUAL));
      const runtime = directory(0o700);
      expect(await live({ before, user, runtime, places: [USUAL, `${runtime}/minibox`] })).toEqual(
        lived(`${runtime}/minibox`),
      );
    },
  );
});
