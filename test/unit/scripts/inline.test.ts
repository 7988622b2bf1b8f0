// Numbers are written where they are read, and nothing else changes its meaning.

import { expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inlineNumbers } from "../../../scripts/inline.ts";

const CHUNKS = {
  "main.js": `import {
  LIMIT,
  COUNT as COUNT2,
  tell
} from "./chunk-a.js";
var OWN = -100;
console.log(LIMIT + OWN, COUNT2, { LIMIT }, { OWN: 1 }.OWN, "LIMIT", tell(2));
var lazy = await import("./lazy.js");
console.log(lazy.SHOWN, lazy.default);
`,
  "chunk-a.js": `var LIMIT = 2147483648;
var COUNT = 0;
var UNUSED = 1e9;
var STATE = 1;
var SUM = 1 + 1;
var TEXT = "5";
function tell(LIMIT) {
  COUNT++;
  if (STATE == 1)
    STATE = 3;
  return [LIMIT, STATE, SUM, TEXT].join();
}
export { LIMIT, COUNT, tell };
`,
  "lazy.js": `var SHOWN = 7;
var lazy_default = 8;
export { SHOWN, lazy_default as default };
`,
};

/** What the program prints. */
function outputIn(directory: string): string {
  const { stdout, stderr } = Bun.spawnSync([process.execPath, join(directory, "main.js")]);
  return stdout.toString() + stderr.toString();
}

test("numbers are inlined, and the program does the same", () => {
  const directory = mkdtempSync(join(tmpdir(), "inline-"));
  try {
    for (const [name, text] of Object.entries(CHUNKS)) writeFileSync(join(directory, name), text);
    const before = outputIn(directory);
    expect(before).toStartWith("2147483548 0 ");
    inlineNumbers(directory);
    expect(outputIn(directory)).toBe(before);
    const text = (name: string): string => readFileSync(join(directory, name), "utf8");
    expect(text("main.js")).not.toMatch(/OWN = |\bLIMIT,|\bLIMIT \+/);
    expect(text("main.js")).toContain("COUNT as COUNT2");
    expect(text("chunk-a.js")).not.toMatch(/UNUSED|var LIMIT|export \{[^}]*LIMIT/);
    expect(text("chunk-a.js")).toMatch(/var COUNT = 0/);
    expect(text("lazy.js")).toMatch(/var SHOWN = 7/);
  } finally {
    rmSync(directory, { recursive: true });
  }
});
