// The machine code that is added to the executable is what its comments say: they are assembled, and must give the same bytes.

import { afterAll, describe, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Executable } from "../../../scripts/elf/executable.ts";
import { guard } from "../../../scripts/elf/guard.ts";
import { ARM64_CODE, ARM64_ENTRIES } from "../../../scripts/elf/guard-arm64.ts";
import { X64_CODE, X64_ENTRIES } from "../../../scripts/elf/guard-x64.ts";
import { ARM64_CODE as ARM64_LARGE, X64_CODE as X64_LARGE } from "../../../scripts/elf/large-pages.ts";
import { patch } from "../../../scripts/elf/patch.ts";
import { execute, MINIBOX, skipReason, TOP } from "../../support/minibox.ts";

const scratch = mkdtempSync("/tmp/minibox-test-");
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

/** Labels and instructions, from the comments in this array: what follows " ; " is for people. */
function sourceOf(file: string, array: string, head: string): string {
  const text = readFileSync(join(TOP, "scripts/elf", file), "utf8");
  const start = text.indexOf(`export const ${array}`);
  const lines: string[] = [];
  for (const line of text.slice(start, text.indexOf("\n];", start)).split("\n")) {
    const [, instruction] = /^ {2}(?:(?:0x[0-9a-f]{2}, ?)+ *)?\/\/ (.*)$/.exec(line) ?? [];
    if (instruction !== undefined) lines.push(instruction.split(/ +; /)[0]!);
  }
  return `${head}\n.text\n${lines.join("\n")}\n`;
}

async function assemble(
  prefix: string,
  source: string,
): Promise<{ bytes: number[]; labels: Map<string, number> }> {
  const file = join(scratch, `${prefix}guard`);
  writeFileSync(`${file}.s`, source);
  expect(await execute([`${prefix}as`, "-o", `${file}.o`, `${file}.s`])).toMatchObject({
    status: 0,
    stderr: "",
  });
  await execute([`${prefix}objcopy`, "-O", "binary", "-j", ".text", `${file}.o`, `${file}.bin`]);
  const { stdout } = await execute([`${prefix}nm`, `${file}.o`]);
  const rows = stdout.trim().split("\n");
  const labels = new Map(rows.map((row) => [row.split(" ")[2]!, Number.parseInt(row.split(" ")[0]!, 16)]));
  return { bytes: [...readFileSync(`${file}.bin`)], labels };
}

const FOR_ARM64 = process.arch === "arm64" ? "" : "aarch64-linux-gnu-";

describe.each([
  ["x64", "", ".intel_syntax noprefix", "X64_CODE", X64_CODE, X64_ENTRIES, X64_LARGE],
  ["arm64", FOR_ARM64, "", "ARM64_CODE", ARM64_CODE, ARM64_ENTRIES, ARM64_LARGE],
] as const)("the machine code for %s", (machine, prefix, head, array, code, entries, large) => {
  const skip = process.arch === "arm64" && machine === "x64" ? "no assembler" : skipReason(`${prefix}as`);

  test.skipIf(skip !== "")(
    "of the guard is what its comments assemble to, with its ways in where the labels are",
    async () => {
      const { bytes, labels } = await assemble(prefix, sourceOf(`guard-${machine}.ts`, array, head));
      expect(bytes).toEqual([...code]);
      const { entry, write, getcwd, lastWords } = entries;
      const named = ["entry", "write", "getcwd", "last_words"].map((name) => labels.get(name));
      expect(named).toEqual([entry, write, getcwd, lastWords]);
    },
  );

  test.skipIf(skip !== "")("that asks for large pages is what its comments assemble to", async () => {
    const { bytes } = await assemble(prefix, sourceOf("large-pages.ts", array, head));
    expect(bytes).toEqual([...large]);
  });
});

describe("the build refuses an executable", () => {
  test("that may be loaded anywhere: the guard's data have a fixed address", () => {
    const elf = new Uint8Array(readFileSync("/bin/true"));
    expect(() => patch(elf)).toThrow("the executable is not one for a fixed address");
  });

  test("that has its guard already", async () => {
    const bytes = new Uint8Array(await Bun.file(MINIBOX).arrayBuffer());
    expect(() => guard(new Executable(bytes))).toThrow("the executable's table of calls is not as expected");
  });
});
