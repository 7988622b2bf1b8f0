// Owns BPF programs: given to the kernel, and attached to what they decide about (bpf(2)).

import { cstring } from "./bytes.ts";
import { addressOf, attempt } from "./libc.ts";

/** linux/bpf.h */
const BPF_PROG_LOAD = 5;
const BPF_PROG_ATTACH = 8;
export const BPF_PROG_TYPE_CGROUP_DEVICE = 15;
export const BPF_CGROUP_DEVICE = 6;
export const BPF_F_ALLOW_MULTI = 2;

/** int bpf(BPF_PROG_LOAD, …) of an array of struct bpf_insn: the program's descriptor, or -errno. */
export function tryLoadProgram(type: number, instructions: Uint8Array): number {
  const license = cstring("MIT");
  // union bpf_attr { __u32 prog_type, insn_cnt; __aligned_u64 insns, license; … }
  const attributes = new DataView(new ArrayBuffer(128));
  attributes.setUint32(0, type, true);
  attributes.setUint32(4, instructions.length / 8, true);
  attributes.setBigUint64(8, BigInt(addressOf(instructions)), true);
  attributes.setBigUint64(16, BigInt(addressOf(license)), true);
  return attempt("bpf", BPF_PROG_LOAD, new Uint8Array(attributes.buffer), attributes.byteLength);
}

/** int bpf(BPF_PROG_ATTACH, …) to what a descriptor is open on: 0, or -errno. */
export function tryAttachProgram(target: number, program: number, type: number, flags: number): number {
  // union bpf_attr { __u32 target_fd, attach_bpf_fd, attach_type, attach_flags; … }
  const attributes = new Uint32Array([target, program, type, flags, 0, 0, 0, 0]);
  return attempt("bpf", BPF_PROG_ATTACH, new Uint8Array(attributes.buffer), attributes.byteLength);
}
