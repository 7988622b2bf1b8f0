// Owns the list of devices on cgroup v2, which has no files for it: a BPF program that the kernel asks at every open and
// mknod of a device (bpf(2), BPF_PROG_TYPE_CGROUP_DEVICE).

import {
  BPF_CGROUP_DEVICE,
  BPF_F_ALLOW_MULTI,
  BPF_PROG_TYPE_CGROUP_DEVICE,
  tryAttachProgram,
  tryLoadProgram,
} from "../sys/bpf.ts";
import { O } from "../sys/constants.ts";
import { open, withFd } from "../sys/file.ts";
import { step } from "../sys/libc.ts";
import type { DeviceException, DeviceList } from "./devices.ts";

/** linux/bpf.h, linux/bpf_common.h: classes, sizes and operations put together */
const LOAD_WORD = 0x61;
const AND = 0x54;
const SHIFT_RIGHT = 0x74;
const MOVE = 0xb7;
const JUMP_NOT_EQUAL = 0x55;
const JUMP_SET = 0x45;
const JUMP = 0x05;
const EXIT = 0x95;

/** struct bpf_cgroup_dev_ctx { __u32 access_type, major, minor; }; access in the upper half, type in the lower */
const ACCESS = { m: 1, r: 2, w: 4 } as const;
const TYPE = { b: 1, c: 2 } as const;
const CONTEXT = 1;
const KIND = 2;
const WANTED = 3;
const MAJOR = 4;
const MINOR = 5;

type Instruction = [code: number, register: number, source: number, offset: number, value: number];

/** Instructions that decide one exception: a verdict where it holds, else on to the next. */
function decide({ type, major, minor, access }: DeviceException, allowAll: boolean): Instruction[] {
  let bits = 0;
  for (const letter of access) bits |= ACCESS[letter as keyof typeof ACCESS];
  const block: Instruction[] = [[JUMP_NOT_EQUAL, KIND, 0, 0, TYPE[type]]];
  // An exception that allows must hold all that is wanted; one that denies, any of it.
  if (!allowAll && bits !== 7) block.push([JUMP_SET, WANTED, 0, 0, ~bits & 7]);
  if (allowAll) block.push([JUMP_SET, WANTED, 0, 1, bits], [JUMP, 0, 0, 0, 0]);
  if (major >= 0) block.push([JUMP_NOT_EQUAL, MAJOR, 0, 0, major]);
  if (minor >= 0) block.push([JUMP_NOT_EQUAL, MINOR, 0, 0, minor]);
  block.push([MOVE, 0, 0, 0, allowAll ? 0 : 1], [EXIT, 0, 0, 0, 0]);
  // The jumps without a target yet lead behind the block.
  for (const [i, instruction] of block.entries())
    if (instruction[0] !== MOVE && instruction[0] !== EXIT && instruction[3] === 0)
      instruction[3] = block.length - i - 1;
  return block;
}

/** An array of struct bpf_insn. Pure. */
export function deviceProgram(list: DeviceList): Uint8Array {
  const program: Instruction[] = [
    [LOAD_WORD, KIND, CONTEXT, 0, 0],
    [AND, KIND, 0, 0, 0xffff],
    [LOAD_WORD, WANTED, CONTEXT, 0, 0],
    [SHIFT_RIGHT, WANTED, 0, 0, 16],
    [LOAD_WORD, MAJOR, CONTEXT, 4, 0],
    [LOAD_WORD, MINOR, CONTEXT, 8, 0],
  ];
  for (const exception of list.exceptions) program.push(...decide(exception, list.allowAll));
  program.push([MOVE, 0, 0, 0, list.allowAll ? 1 : 0], [EXIT, 0, 0, 0, 0]);
  const bytes = new Uint8Array(program.length * 8);
  const view = new DataView(bytes.buffer);
  for (const [i, [code, register, source, offset, value]] of program.entries()) {
    view.setUint8(8 * i, code);
    view.setUint8(8 * i + 1, register | (source << 4));
    view.setInt16(8 * i + 2, offset, true);
    view.setInt32(8 * i + 4, value, true);
  }
  return bytes;
}

/** Attaches the list to a cgroup, which keeps it as long as it exists. False where the kernel does not let us. */
export function limitDevicesV2(directory: string, list: DeviceList): boolean {
  step("limit the devices", "no other device of the host's can be opened, whatever nodes are made");
  const program = tryLoadProgram(BPF_PROG_TYPE_CGROUP_DEVICE, deviceProgram(list));
  if (program < 0) return false;
  // BPF_F_ALLOW_MULTI: systemd may have attached a program of its own above, and both then have to allow.
  return withFd(program, () =>
    withFd(
      open(directory, O.O_DIRECTORY),
      (cgroup) => tryAttachProgram(cgroup, program, BPF_CGROUP_DEVICE, BPF_F_ALLOW_MULTI) >= 0,
    ),
  );
}
