// A rootfs that is made to keep minibox explaining for minutes: the explanation ends by itself, by a signal, and by
// --timeout. The bounds on time leave room for a busy machine; without a budget each takes a minute or more.

import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { mkdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { SLOWNESS } from "../../support/container.ts";
import { makeElf } from "../../support/elf.ts";
import { isX64, makeRoot, onX64, reason } from "../../support/explain.ts";
import { execute, MINIBOX, minibox, ROOT, RUN, skipReason } from "../../support/minibox.ts";

setDefaultTimeout(120_000 * SLOWNESS);
const { root, put } = makeRoot();
const QUICK = 8 * SLOWNESS;

async function timed(words: string[]) {
  const started = performance.now();
  const { status, stderr } = await execute(words);
  return { status, stderr, seconds: (performance.now() - started) / 1000 };
}

/**
 * Sixty-four directories to search, each of them a way of thousands of steps through sixteen links. (The kernel follows
 * forty, and counts some of them twice where it has to begin anew.)
 */
function plantMaze(): void {
  mkdirSync(join(root, "d"));
  const around = "d/../".repeat(800);
  for (let i = 0; i < 15; i++) symlinkSync(`/${around}c${i + 1}`, join(root, `c${i}`));
  symlinkSync(`/${around}d`, join(root, "c15"));
  const directories = Array.from({ length: 64 }, (_, i) => `/l${i}`);
  for (const directory of directories) symlinkSync("c0", join(root, directory));
  const needed = Array.from({ length: 30 }, (_, i) => `n${i}.so`);
  put("/maze/elf", makeElf({ loader: "/missing/ld.so", needed, runpath: directories.join(":") }));
  put("/maze/script", "#!/maze/elf\n");
  put("/maze/chain", "#!/maze/script\n");
}

describe.skipIf(reason !== "" || !isX64)(
  onX64(`an explanation without an end${reason && `: ${reason}`}`),
  () => {
    if (!reason) plantMaze();

    test.each(["elf", "script", "chain"])("of a hostile %s becomes the plain errno", async (name) => {
      const { status, stderr, seconds } = await timed([...RUN, root, `/maze/${name}`]);
      expect([status, stderr]).toEqual([126, `minibox: /maze/${name}: ENOENT: no such file or directory\n`]);
      expect(seconds).toBeLessThan(QUICK);
    });

    test("of a name that leads into the maze, or is searched in it, too", async () => {
      const maze = `PATH=${Array.from({ length: 2000 }, (_, i) => `/l${i % 64}/${i}`).join(":")}`;
      const { status, stderr, seconds } = await timed([...RUN, "-e", maze, root, "nothing"]);
      expect([status, stderr]).toEqual([127, "minibox: nothing: ENOENT: no such file or directory\n"]);
      expect(seconds).toBeLessThan(QUICK);
    });

    test("of a created container ends as well, when it is started", async () => {
      // without pipes: the container would hold them open
      const made = Bun.spawnSync([MINIBOX, "--root", ROOT, "create", "--name", "maze", root, "/maze/elf"], {
        stdio: ["ignore", "ignore", "ignore"],
      });
      expect(made.exitCode).toBe(0);
      const { status, stderr, seconds } = await timed([MINIBOX, "--root", ROOT, "start", "maze"]);
      expect([status, stderr]).toEqual([126, "minibox: /maze/elf: ENOENT: no such file or directory\n"]);
      expect(seconds).toBeLessThan(QUICK);
      expect((await minibox(["--root", ROOT, "delete", "--force", "maze"])).status).toBe(0);
    });
  },
);

describe.skipIf(reason !== "")(`among thousands of long names${reason && `: ${reason}`}`, () => {
  const end = "z".repeat(235);
  const crowd = join(root, "crowd");
  if (!reason)
    for (let i = 10_000; i < 16_000; i++) mkdirSync(join(crowd, `${i}${end}`), { recursive: true });

  test("a rootfs's name is looked for in vain", async () => {
    const { status, stderr, seconds } = await timed([...RUN, join(crowd, `x${end}x`), "true"]);
    expect([status, stderr]).toEqual([125, expect.stringContaining("does not exist\n")]);
    expect(seconds).toBeLessThan(QUICK);
  });
});

const tracing = reason || skipReason("strace");

/** Runs minibox, where at the first statfs(2) something happens; only an explanation makes that call. */
const disturbed = (what: string, ...words: string[]) =>
  timed([
    ...["strace", "-o", "/dev/null", "-e", "trace=statfs", "-e", `inject=statfs:${what}:when=1`],
    ...RUN,
    ...words,
    root,
    "/d/not-executable",
  ]);

describe.skipIf(tracing !== "").each([[[]], [["--init"]]])(
  `during an explanation (%p)${tracing && `: ${tracing}`}`,
  (flags) => {
    if (!tracing) put("/d/not-executable", "x", 0o644);

    test("nothing is asked for: it is given", async () => {
      const { status, stderr } = await disturbed("delay_enter=1", ...flags);
      expect([status, stderr]).toEqual([126, expect.stringContaining("it has no x bit")]);
    });

    test.each([
      ["TERM", 143],
      ["INT", 130],
      ["HUP", 129],
    ])("SIG%s ends minibox as before the command's start", async (signal, code) => {
      const { status, stderr } = await disturbed(`signal=SIG${signal}`, ...flags);
      expect([status, stderr]).toEqual([code, ""]);
    });

    test("a signal that ends nothing changes nothing", async () => {
      const { status, stderr } = await disturbed("signal=SIGWINCH", ...flags);
      expect([status, stderr]).toEqual([126, expect.stringContaining("it has no x bit")]);
    });

    test("--timeout ends it", async () => {
      const { status, stderr } = await disturbed(
        `delay_enter=${2_000_000 * SLOWNESS}`,
        ...flags,
        "--timeout",
        `${1000 * SLOWNESS}ms`,
      );
      expect([status, stderr]).toEqual([124, expect.stringContaining("the time limit of")]);
    });
  },
);
