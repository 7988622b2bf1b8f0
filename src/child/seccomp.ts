// Owns setting no_new_privs and installing the seccomp filter (prctl(2), seccomp(2)).

import type { ChildRequest } from "../sync.ts";
import { send } from "../sync.ts";
import { IOCTL } from "../sys/constants.ts";
import { EIO } from "../sys/errno.ts";
import { close } from "../sys/file.ts";
import { step } from "../sys/libc.ts";
import { installFilter, setNoNewPrivileges } from "../sys/seccomp.ts";

/**
 * Installs the filter where the spec does not set no_new_privs. Without it the kernel wants CAP_SYS_ADMIN for a filter,
 * so this comes before the capabilities are dropped. @throws SysError
 */
export function filterCallsEarly(socket: number, request: ChildRequest): void {
  if (!request.spec.process.noNewPrivileges) filterCalls(socket, request);
}

/**
 * Sets no_new_privs where the spec does, and installs the filter. It comes last, so that the filter need not allow the
 * system calls that minibox makes before. @throws SysError
 */
export function forbidNewPrivileges(socket: number, request: ChildRequest): void {
  if (!request.spec.process.noNewPrivileges) return;
  step("set no_new_privs", "a set-uid program gets no more rights than its caller");
  setNoNewPrivileges();
  filterCalls(socket, request);
}

function filterCalls(socket: number, { spec, host }: ChildRequest): void {
  const { seccomp } = host;
  if (!seccomp) return;
  if (spec.process.terminal) {
    step(
      "filter TIOCSTI",
      "the container cannot put input into its terminal, so unread input was typed and goes back to the caller",
    );
    installFilter(withoutTiocsti(), 0);
  }
  step("install the seccomp filter", "system calls that a container has no use for fail from here on");
  const listener = installFilter(Uint8Array.fromBase64(seccomp.program), seccomp.flags);
  if (!seccomp.listens) return;
  send(socket, { type: "listener" }, listener);
  close(listener);
}

/** The numbers of ioctl(2) for each architecture (AUDIT_ARCH_*, linux/audit.h). */
const IOCTL_CALLS: [arch: number, ...numbers: number[]][] = [
  [0xc000003e, 16, 0x40000000 + 514], // x86-64, x32
  [0x40000003, 54], // i386
  [0xc00000b7, 29], // aarch64
  [0x40000028, 54], // arm
];

/**
 * Returns a filter (struct sock_filter) by which TIOCSTI fails with EIO, as where the sysctl dev.tty.legacy_tiocsti is
 * 0.
 */
function withoutTiocsti(): Uint8Array {
  const [LOAD, IS_EQUAL, RETURN] = [0x20, 0x15, 0x06]; // BPF_LD|BPF_W|BPF_ABS, BPF_JMP|BPF_JEQ|BPF_K, BPF_RET|BPF_K
  const [NUMBER, ARCHITECTURE, REQUEST] = [0, 4, 24]; // in struct seccomp_data; the request is args[1]
  const [ALLOW, FAIL] = [0x7fff0000, 0x00050000 | EIO];
  type Instruction = [code: number, then: number, otherwise: number, k: number];
  const program: Instruction[] = [[LOAD, 0, 0, ARCHITECTURE]];
  for (const [arch, ...numbers] of IOCTL_CALLS) {
    // for another architecture, jump to the next one's instructions; for another call than ioctl, allow it
    program.push([IS_EQUAL, 0, numbers.length + 5, arch], [LOAD, 0, 0, NUMBER]);
    for (const [i, number] of numbers.entries())
      program.push([IS_EQUAL, numbers.length - 1 - i, i === numbers.length - 1 ? 2 : 0, number]);
    program.push([LOAD, 0, 0, REQUEST], [IS_EQUAL, 1, 0, IOCTL.TIOCSTI]);
    program.push([RETURN, 0, 0, ALLOW], [RETURN, 0, 0, FAIL]);
  }
  program.push([RETURN, 0, 0, ALLOW]);
  const bytes = new DataView(new ArrayBuffer(program.length * 8));
  for (const [i, [code, then, otherwise, k]] of program.entries()) {
    bytes.setUint16(8 * i, code, true);
    bytes.setUint8(8 * i + 2, then);
    bytes.setUint8(8 * i + 3, otherwise);
    bytes.setUint32(8 * i + 4, k, true);
  }
  return new Uint8Array(bytes.buffer);
}
