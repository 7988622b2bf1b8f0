// Owns what the assembler makes of machine code's source, for the machine words that stand in src/sys.

import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { scratchDirectory, skipped } from "./minibox.ts";

/** The bytes of a source for "x64" or "arm64"; undefined where this machine has no assembler for it. */
export function assembled(arch: string, source: string): Uint8Array | undefined {
  const prefix = process.arch === arch ? "" : `${arch === "arm64" ? "aarch64" : "x86_64"}-linux-gnu-`;
  if (Bun.which(`${prefix}as`) === null) return void skipped(`needs ${prefix}as`);
  const directory = scratchDirectory();
  const path = join(directory, arch);
  writeFileSync(`${path}.s`, source);
  for (const words of [
    [`${prefix}as`, "-o", `${path}.o`, `${path}.s`],
    [`${prefix}objcopy`, "-O", "binary", "-j", ".text", `${path}.o`, path],
  ]) {
    const { success, stderr } = Bun.spawnSync(words);
    if (!success) throw new Error(`${words[0]}: ${stderr}`);
  }
  const bytes = new Uint8Array(readFileSync(path));
  rmSync(directory, { recursive: true });
  return bytes;
}
