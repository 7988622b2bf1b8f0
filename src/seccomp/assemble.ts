// Owns laying a graph of decisions out as instructions, struct sock_filter.

import { SpecError } from "../errors.ts";
import { ALL_BITS, type Jump, type Node } from "./graph.ts";

// linux/bpf_common.h
const BPF_LD_W_ABS = 0x20;
const BPF_ALU_AND_K = 0x54;
const BPF_JMP_JA = 0x05;
const BPF_RET_K = 0x06;
const JUMPS: Record<Jump, number> = { jeq: 0x15, jgt: 0x25, jge: 0x35, jset: 0x45 };

/** The kernel takes no program that is longer (BPF_MAXINSNS in linux/bpf_common.h). */
export const MAX_INSTRUCTIONS = 4096;
const MAX_OFFSET = 255; // jt and jf are 8 bits wide; BPF_JA's offset has 32

interface Instruction {
  code: number;
  jt: number;
  jf: number;
  k: number;
}

/**
 * The program is written from its end. Jumps of a filter go forward only, so a jump's target is placed before the jump,
 * and its distance is known. Positions count from the end.
 */
class Layout {
  readonly instructions: Instruction[] = [];
  /** Where a node's code stands. */
  readonly #home = new Map<Node, number>();
  /** For each node the nearest place that does what the node does: the node's own code, or a jump to it. */
  readonly #near = new Map<Node, number>();

  has(node: Node): boolean {
    return this.#home.has(node);
  }

  #push(code: number, k: number, jt = 0, jf = 0): void {
    this.instructions.push({ code, jt, jf, k });
  }

  /** The offset of a jump in the next instruction. */
  #offset(target: Node): number {
    return this.instructions.length - 1 - this.#near.get(target)!;
  }

  /** Brings a far target near with one instruction: a verdict is repeated here, other code is jumped to. */
  #bring(target: Node): void {
    const here = this.instructions.length;
    if (target.kind === "ret") this.#push(BPF_RET_K, target.verdict);
    else this.#push(BPF_JMP_JA, here - 1 - this.#home.get(target)!);
    this.#near.set(target, here);
  }

  place(node: Node): void {
    if (node.kind === "ret") {
      this.#push(BPF_RET_K, node.verdict);
    } else if (node.kind === "load") {
      if (this.#offset(node.next) !== 0) this.#bring(node.next);
      if (node.word.mask !== ALL_BITS) this.#push(BPF_ALU_AND_K, node.word.mask);
      this.#push(BPF_LD_W_ABS, node.word.offset);
    } else {
      // The instruction that brings one target nearer moves the other away by one.
      while (this.#offset(node.yes) > MAX_OFFSET || this.#offset(node.no) > MAX_OFFSET) {
        this.#bring(this.#offset(node.yes) > MAX_OFFSET ? node.yes : node.no);
      }
      this.#push(JUMPS[node.jump], node.k, this.#offset(node.yes), this.#offset(node.no));
    }
    this.#home.set(node, this.instructions.length - 1);
    this.#near.set(node, this.instructions.length - 1);
  }
}

function lay(root: Node): Instruction[] {
  const layout = new Layout();
  // A profile may chain thousands of rules for one call, which is too deep for recursion.
  const pending = [root];
  while (pending.length > 0) {
    const node = pending.at(-1)!;
    const targets = node.kind === "test" ? [node.yes, node.no] : node.kind === "load" ? [node.next] : [];
    const missing = layout.has(node) ? undefined : targets.find((target) => !layout.has(target));
    if (missing !== undefined) {
      pending.push(missing);
      continue;
    }
    if (!layout.has(node)) layout.place(node);
    pending.pop();
  }
  return layout.instructions.reverse();
}

export function assemble(root: Node): Uint8Array {
  const instructions = lay(root);
  if (instructions.length > MAX_INSTRUCTIONS) {
    const problem = `the profile needs ${instructions.length} instructions, the kernel takes ${MAX_INSTRUCTIONS}`;
    throw new SpecError("syscalls", problem);
  }
  const program = new Uint8Array(instructions.length * 8);
  const view = new DataView(program.buffer);
  for (const [i, { code, jt, jf, k }] of instructions.entries()) {
    view.setUint16(i * 8, code, true);
    view.setUint8(i * 8 + 2, jt);
    view.setUint8(i * 8 + 3, jf);
    view.setUint32(i * 8 + 4, k, true);
  }
  return program;
}
