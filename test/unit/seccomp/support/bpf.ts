// Runs a classic BPF program as the kernel would, and refuses what the kernel's checker refuses.

export interface Call {
  nr: number;
  /** seccomp_data.arch */
  arch: number;
  args: bigint[];
}

export const AUDIT = { x86_64: 0xc000003e, x86: 0x40000003, aarch64: 0xc00000b7, arm: 0x40000028 };

function seccompData(call: Call): DataView {
  const view = new DataView(new ArrayBuffer(64));
  view.setUint32(0, call.nr, true);
  view.setUint32(4, call.arch, true);
  for (let i = 0; i < 6; i++) view.setBigUint64(16 + 8 * i, BigInt.asUintN(64, call.args[i] ?? 0n), true);
  return view;
}

/** What a run of a program took. */
export interface Cost {
  instructions: number;
  /** offsets into struct seccomp_data that it looked at */
  loads: Set<number>;
}

/** The verdict; throws where the program is one that seccomp(2) would not take. Adds what it took to `cost`. */
export function run(program: Uint8Array, call: Call, cost?: Cost): number {
  const code = new DataView(program.buffer, program.byteOffset, program.byteLength);
  const data = seccompData(call);
  const length = program.length / 8;
  if (!Number.isInteger(length) || length < 1 || length > 4096) throw new Error(`${length} instructions`);
  let accumulator: number | undefined;
  for (let pc = 0; ; pc++) {
    if (pc >= length) throw new Error(`ran off the end at ${pc}`);
    if (cost) cost.instructions++;
    const op = code.getUint16(pc * 8, true);
    const k = code.getUint32(pc * 8 + 4, true);
    if (op === 0x06) return k;
    if (op === 0x05) {
      pc += k;
      continue;
    }
    if (op === 0x20) {
      if (k % 4 !== 0 || k >= 64) throw new Error(`load at ${k}`);
      cost?.loads.add(k);
      accumulator = data.getUint32(k, true);
      continue;
    }
    if (accumulator === undefined)
      throw new Error(`instruction ${pc} uses an accumulator that nothing loaded`);
    if (op === 0x54) accumulator = (accumulator & k) >>> 0;
    else if (op === 0x15) pc += code.getUint8(pc * 8 + (accumulator === k ? 2 : 3));
    else if (op === 0x25) pc += code.getUint8(pc * 8 + (accumulator > k ? 2 : 3));
    else if (op === 0x35) pc += code.getUint8(pc * 8 + (accumulator >= k ? 2 : 3));
    else if (op === 0x45) pc += code.getUint8(pc * 8 + ((accumulator & k) !== 0 ? 2 : 3));
    else throw new Error(`instruction ${pc}: opcode ${op}`);
  }
}

/** What bpf_check_classic() asks of every instruction, reached or not. */
export function check(program: Uint8Array): void {
  const code = new DataView(program.buffer, program.byteOffset, program.byteLength);
  const length = program.length / 8;
  for (let pc = 0; pc < length; pc++) {
    const op = code.getUint16(pc * 8, true);
    const k = code.getUint32(pc * 8 + 4, true);
    const jumps =
      op === 0x05 ? [k] : (op & 7) === 5 ? [code.getUint8(pc * 8 + 2), code.getUint8(pc * 8 + 3)] : [];
    for (const jump of jumps) if (pc + 1 + jump >= length) throw new Error(`instruction ${pc} jumps out`);
  }
  if (code.getUint16((length - 1) * 8, true) !== 0x06) throw new Error("the last instruction is no return");
}
