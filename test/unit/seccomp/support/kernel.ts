// Asks the running kernel what a filter does to calls, through a small C program.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { skipped } from "../../../support/minibox.ts";
import { AUDIT, type Call } from "./bpf.ts";

const WHAT = ["not made", "made", "returned", "trapped", "thread killed", "process killed"] as const;

export interface Outcome {
  what: (typeof WHAT)[number];
  /** What the call returned, an errno being negative. */
  value: number;
}

export interface Kernel {
  /** Whether `int $0x80` makes a call of the 32-bit ABI: a kernel without IA32 emulation kills who tries. */
  readonly hasInt80: boolean;
  run(program: Uint8Array, calls: readonly Call[]): Outcome[];
  [Symbol.dispose](): void;
}

/** Why the kernel cannot be asked here, or "". @throws in CI, which can have a C compiler */
export function reasonWithoutKernel(): string {
  if (process.arch !== "x64" && process.arch !== "arm64") return skipped(`no harness for ${process.arch}`);
  if (Bun.which("cc") !== null) return "";
  if (process.env.CI === "true") throw new Error("CI must have cc");
  return skipped("needs cc");
}

/** Compiles the harness; what it compiled goes with dispose. */
export function openKernel(): Kernel {
  const dir = mkdtempSync(join(tmpdir(), "minibox-seccomp-"));
  const binary = join(dir, "kernel");
  const source = join(import.meta.dir, "kernel.c");
  const cc = Bun.spawnSync(["cc", "-O1", "-pthread", "-o", binary, source]);
  if (cc.exitCode !== 0) throw new Error(`cc: ${cc.stderr.toString()}`);
  return {
    hasInt80: process.arch === "x64" && Bun.spawnSync([binary, "int80"]).exitCode === 0,
    run: (program, calls) => runUnder(binary, program, calls),
    [Symbol.dispose]: () => rmSync(dir, { recursive: true }),
  };
}

function runUnder(binary: string, program: Uint8Array, calls: readonly Call[]): Outcome[] {
  const input = new Uint8Array(8 + program.length + calls.length * 56);
  const view = new DataView(input.buffer);
  view.setUint32(0, program.length / 8, true);
  input.set(program, 4);
  view.setUint32(4 + program.length, calls.length, true);
  for (const [i, call] of calls.entries()) {
    const at = 8 + program.length + i * 56;
    view.setUint32(at, call.arch === AUDIT.x86 ? 1 : 0, true);
    view.setUint32(at + 4, call.nr, true);
    for (let a = 0; a < 6; a++) view.setBigUint64(at + 8 + a * 8, call.args[a] ?? 0n, true);
  }
  const { exitCode, stdout } = Bun.spawnSync([binary], { stdin: input });
  if (exitCode !== 0) throw new Error(`the kernel harness ended with ${exitCode}`);
  const output = new DataView(stdout.buffer, stdout.byteOffset, stdout.byteLength);
  return calls.map((_, i) => ({
    what: WHAT[output.getInt32(i * 8, true)]!,
    value: output.getInt32(i * 8 + 4, true),
  }));
}
