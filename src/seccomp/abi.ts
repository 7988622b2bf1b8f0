// Owns the system call ABIs of each machine: how the filter tells them apart, and their tables of names.

import * as tables from "./tables.ts";

/** The machine whose kernel will run the filter. */
export type Machine = "x86_64" | "aarch64";

export interface Abi {
  /** Its name in `architectures`. */
  name: string;
  /** seccomp_data.arch, linux/audit.h. */
  audit: number;
  /** Added to each number: x32 shares x86-64's audit arch and is told by bit 30 of the number. */
  base: number;
  /** Whether arguments have 64 bits. Where they have 32, only their low halves reach the call and are looked at. */
  wide: boolean;
  table: Map<string, number>;
}

const AUDIT_ARCH_X86_64 = 0xc000003e;
const AUDIT_ARCH_I386 = 0x40000003;
const AUDIT_ARCH_AARCH64 = 0xc00000b7;
const AUDIT_ARCH_ARM = 0x40000028;
const X32_SYSCALL_BIT = 0x40000000;

/** ARM numbers its private calls (cacheflush, set_tls) from here, far above the common table. */
export const ARM_PRIVATE = 0x0f0000;

const parsed = new Map<string, Map<string, number>>();

/** Reads a table as scripts/seccomp-tables.ts has written it. */
function parse(packed: string): Map<string, number> {
  const known = parsed.get(packed);
  if (known !== undefined) return known;
  const table = new Map<string, number>();
  let number = 0;
  // Without the JIT, a regular expression here would take as long as the rest of the compiler.
  for (const word of packed.replaceAll("\n", " ").split(" ")) {
    if (word === "") continue;
    if (word.charCodeAt(0) <= 0x39) number = Number(word);
    else table.set(word, number++);
  }
  parsed.set(packed, table);
  return table;
}

/** The ABIs of a machine. Its own is first and always filtered, the others are where the profile lists them. */
export function abisOf(machine: Machine): Abi[] {
  if (machine === "aarch64") {
    return [
      {
        name: "SCMP_ARCH_AARCH64",
        audit: AUDIT_ARCH_AARCH64,
        base: 0,
        wide: true,
        table: parse(tables.aarch64),
      },
      { name: "SCMP_ARCH_ARM", audit: AUDIT_ARCH_ARM, base: 0, wide: false, table: parse(tables.arm) },
    ];
  }
  const audit = AUDIT_ARCH_X86_64;
  return [
    { name: "SCMP_ARCH_X86_64", audit, base: 0, wide: true, table: parse(tables.x86_64) },
    { name: "SCMP_ARCH_X32", audit, base: X32_SYSCALL_BIT, wide: true, table: parse(tables.x32) },
    { name: "SCMP_ARCH_X86", audit: AUDIT_ARCH_I386, base: 0, wide: false, table: parse(tables.x86) },
  ];
}

const ALL = [tables.x86_64, tables.x86, tables.x32, tables.aarch64, tables.arm];

// Profiles that are made for every machine name these calls, which only MIPS, PowerPC, RISC-V, s390 or m68k has.
const ELSEWHERE = ` atomic_barrier atomic_cmpxchg_32 cachectl getpagesize multiplexer pciconfig_iobase pciconfig_read
  pciconfig_write riscv_flush_icache riscv_hwprobe rtas s390_guarded_storage s390_pci_mmio_read s390_pci_mmio_write
  s390_runtime_instr s390_sthyi spu_create spu_run subpage_prot swapcontext switch_endian syscall
  sys_debug_setcontext sysmips timerfd `;

/** Whether the kernel of any machine has a call of this name, so that the name is not misspelled. */
export function isKnownSyscall(name: string): boolean {
  if (!/^[a-z_][a-z0-9_]*$/.test(name)) return false;
  // The tables of other machines are searched as text: few names come here, and parsing them would take longer.
  return [...ALL, ELSEWHERE].some((packed) => packed.replaceAll("\n", " ").includes(` ${name} `));
}
