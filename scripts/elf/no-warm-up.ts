// Owns keeping Bun's engine from preparing memory ahead. Once its heap has 64 blocks, it starts a thread that prepares 32
// more of them. minibox never uses those. The thread's page faults are a tenth of a start's, and it is the only one beside
// the first thread, which alone reads the signals (container/signals.ts).

import { EM_AARCH64 } from "../../src/sys/elf.ts";
import type { Executable } from "./executable.ts";

const PREPARED = 32;
const START_AFTER = 64;
/** more blocks than minibox ever has */
const NEVER = 0xffff;

/**
 * Changes the default of the engine's option warmUpMarkedBlockStartAfterBlocks. The engine sets two options that are 32 bits
 * each by one constant of 64 bits, which appears in its code once. @throws Error where that is not so any more
 */
export function noWarmUp({ bytes, machine }: Executable): void {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const found = machine === EM_AARCH64 ? findArm64(text) : findX64(text);
  if (found.length !== 1)
    throw new Error("the executable's engine sets its options in another way: look anew at what it prepares");
  found[0]!();
}

/** Each place with `mov REGISTER, START_AFTER << 32 | PREPARED`, as a function that changes the upper half. */
function findX64(text: Buffer): (() => void)[] {
  const constant = Buffer.alloc(8);
  constant.writeUInt32LE(PREPARED, 0);
  constant.writeUInt32LE(START_AFTER, 4);
  const found: (() => void)[] = [];
  for (let at = text.indexOf(constant); at >= 0; at = text.indexOf(constant, at + 1)) {
    const place = at;
    const isMove = (text[at - 2]! & 0xfe) === 0x48 && (text[at - 1]! & 0xf8) === 0xb8; // REX.W, mov r64, imm64
    if (isMove) found.push(() => text.writeUInt32LE(NEVER, place + 4));
  }
  return found;
}

const MOVZ = 0xd2800000;
const MOVK_32 = 0xf2c00000;

/** The same on arm64: `movz xN, PREPARED; movk xN, START_AFTER, lsl #32`. */
function findArm64(text: Buffer): (() => void)[] {
  const found: (() => void)[] = [];
  for (let register = 0; register < 31; register++) {
    const pair = Buffer.alloc(8);
    pair.writeUInt32LE((MOVZ | (PREPARED << 5) | register) >>> 0, 0);
    pair.writeUInt32LE((MOVK_32 | (START_AFTER << 5) | register) >>> 0, 4);
    for (let at = text.indexOf(pair); at >= 0; at = text.indexOf(pair, at + 1)) {
      const place = at;
      const never = (MOVK_32 | (NEVER << 5) | register) >>> 0;
      found.push(() => text.writeUInt32LE(never, place + 4));
    }
  }
  return found;
}
