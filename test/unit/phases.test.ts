// The benchmark's stamps are in the build with the feature PHASES alone.

import { expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";

const SRC = resolve(import.meta.dir, "../../src");
const source = readdirSync(SRC, { recursive: true, encoding: "utf8" })
  .filter((name) => name.endsWith(".ts"))
  .map((name) => readFileSync(join(SRC, name), "utf8"))
  .join("\n");
const names = [...source.matchAll(/\bstamp\("([^"]+)"\)/g)].map(([, name]) => name!);

/** The text of everything that a build bundles. */
async function bundle(features: string[]): Promise<string> {
  const entrypoints = [join(SRC, "main.ts")];
  const { outputs } = await Bun.build({
    entrypoints,
    features,
    target: "bun",
    minify: true,
    splitting: true,
  });
  return (await Promise.all(outputs.map((output) => output.text()))).join("\n");
}

/** The stamps in it: by their calls, because a name may be an everyday word. */
const stampsIn = (text: string): string[] => names.filter((name) => text.includes(`("${name}")`));

test("a build with the feature has every stamp", async () => {
  expect(names).toContain("execve");
  const text = await bundle(["PHASES"]);
  expect(stampsIn(text)).toEqual(names);
  expect(text).toContain("MINIBOX_PHASES");
});

test("the ordinary build has none, nor any way to write them", async () => {
  const text = await bundle([]);
  expect(stampsIn(text)).toEqual([]);
  expect(text).not.toContain("MINIBOX_PHASES");
});

test("every stamp stands behind the feature", () => {
  const lines = source.split("\n").filter((line) => /\bstamp\("/.test(line));
  const guarded = source.match(/if \(feature\("PHASES"\)\) (?:\{\n\s*)?stamp\("/g) ?? [];
  expect(guarded.length).toBe(lines.length);
});
