// The build's proof: an executable that lacks one of its patches, whichever, is found out.

import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { alignSegments } from "../../scripts/elf/align.ts";
import { Executable } from "../../scripts/elf/executable.ts";
import { guard } from "../../scripts/elf/guard.ts";
import { ignoreEnvironment } from "../../scripts/elf/ignore-environment.ts";
import { keepNofile } from "../../scripts/elf/keep-nofile.ts";
import { largePages } from "../../scripts/elf/large-pages.ts";
import { noWarmUp } from "../../scripts/elf/no-warm-up.ts";
import { PATCHES, patch } from "../../scripts/elf/patch.ts";
import { prove } from "../../scripts/elf/prove.ts";
import { reserveLess } from "../../scripts/elf/reserve-less.ts";
import { SLOWNESS } from "../support/container.ts";
import { execute } from "../support/minibox.ts";

setDefaultTimeout(120_000 * SLOWNESS);
const scratch = mkdtempSync("/tmp/minibox-test-");
afterAll(() => rmSync(scratch, { recursive: true, force: true }));
const made = join(scratch, "made");
let unpatched: Uint8Array;

beforeAll(async () => {
  const words = [
    "build",
    "--compile",
    "--bytecode",
    "--minify",
    "--format=esm",
    "--splitting",
    "--compile-jit-policy=1000000",
    "src/main.ts",
  ];
  const { status, stderr } = await execute([process.execPath, ...words, "--outfile", made]);
  expect([status, stderr]).toEqual([0, ""]);
  unpatched = readFileSync(made);
});

/** What the proof says of an executable; "" where it finds nothing wrong. */
function fault({ bytes }: Executable): string {
  rmSync(made);
  writeFileSync(made, bytes, { mode: 0o755 });
  try {
    prove(made);
    return "";
  } catch (error) {
    return (error as Error).message;
  }
}

test("an executable with all patches passes", () => {
  expect(fault(patch(unpatched))).toBe("");
});

test.each([
  [keepNofile, /^the caller's limit of 64 open files is (?!64 )\d+ /],
  [
    ignoreEnvironment,
    /^BUN_BE_BUN=1 in the environment changes what the executable does: .*saw .*"stdout":"\d/,
  ],
  [reserveLess, /^the allocator reserves too much .*saw {"status":(?!0,)/],
  [largePages, /^the executable is not asked for in large pieces /],
  [noWarmUp, /^the process has [2-9] threads /],
  [guard, /^BUN_JSC_dumpOptions=2 in the environment changes what the executable does: /],
] as const)("%p: without it the executable does not pass", (left, said) => {
  expect(
    fault(
      patch(
        unpatched,
        PATCHES.filter((change) => change !== left),
      ),
    ),
  ).toMatch(said);
});

test("an executable whose bundle is part of its data does not pass", () => {
  const executable = alignSegments(new Executable(unpatched));
  for (const change of PATCHES) change(executable);
  expect(fault(executable)).toMatch(/^the bundle is not read-only.* rw-p /);
});

test("an executable whose segments were not moved does not pass", () => {
  const executable = new Executable(unpatched.slice());
  for (const change of [keepNofile, ignoreEnvironment, reserveLess, noWarmUp]) change(executable);
  expect(fault(executable)).toMatch(/^the segments do not lie as they are mapped, modulo 2 MiB /);
});

test("a build that fails says why and leaves the old executable alone", async () => {
  const outfile = join(scratch, "old");
  writeFileSync(outfile, "old");
  const words = [process.execPath, "scripts/build.ts", outfile, "", "src/nothing.ts"];
  const { status, stdout, stderr } = await execute(words);
  expect([status, stdout]).toEqual([1, ""]);
  expect(stderr).toMatch(/^build: bun build: .*src\/nothing\.ts/);
  expect(readFileSync(outfile, "utf8")).toBe("old");
  expect(readdirSync(scratch).sort()).toEqual(["made", "old"]);
});
