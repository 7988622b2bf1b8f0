// Writes src/seccomp/tables.ts from the kernel's headers, and src/seccomp/default-filter-data.ts from the default profile.
//
//   bun scripts/seccomp-tables.ts            writes both files; needs cc, linux-libc-dev and linux-libc-dev-armhf-cross
//   bun scripts/seccomp-tables.ts --filter   writes only the precompiled filters: for a change of profile or compiler
//   --armhf DIR                              where the armhf headers are, if not where the package puts them

import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";

const seccomp = new URL("../src/seccomp/", import.meta.url);

// Calls younger than the headers of the oldest distribution that this is built on. From 424 on the kernel gives
// a call the same number on every architecture (Documentation/process/adding-syscalls.rst).
const YOUNGER = {
  cachestat: 451,
  fchmodat2: 452,
  map_shadow_stack: 453,
  futex_wake: 454,
  futex_wait: 455,
  futex_requeue: 456,
  statmount: 457,
  listmount: 458,
  lsm_get_self_attr: 459,
  lsm_set_self_attr: 460,
  lsm_list_modules: 461,
  mseal: 462,
  setxattrat: 463,
  getxattrat: 464,
  listxattrat: 465,
  removexattrat: 466,
  open_tree_attr: 467,
  file_getattr: 468,
  file_setattr: 469,
  listns: 470,
  rseq_slice_yield: 471,
};

// Numbers that x86-64 reserves for what the kernel's own trampolines call; there is no library wrapper.
const X86_64_ONLY = { uretprobe: 335, uprobe: 336 };

type Table = Map<string, number>;

function option(name: string): string | undefined {
  const at = process.argv.indexOf(name);
  return at < 0 ? undefined : process.argv[at + 1];
}

/** All object-like macros that `source` leaves defined, as the C compiler sees them. */
function macros(source: string, flags: string[] = []): Map<string, string> {
  const cc = spawnSync("cc", ["-E", "-dM", ...flags, "-"], { input: source, encoding: "utf8" });
  if (cc.status !== 0) throw new Error(`cc -E: ${cc.stderr ?? cc.error}`);
  const found = cc.stdout.matchAll(/^#define (\w+) (.+)$/gm);
  return new Map([...found].map((match) => [match[1]!, match[2]!]));
}

/** The value of `(__NR_SYSCALL_BASE + 3)`, `(0x40000000+7)` or the name of another such macro. */
function evaluate(expression: string, all: Map<string, string>): number | undefined {
  const terms = expression.replace(/[()\s]/g, "").split("+");
  let sum = 0;
  for (const term of terms) {
    const known = all.get(term);
    const value = known === undefined ? Number(term) : evaluate(known, all);
    if (value === undefined || Number.isNaN(value)) return undefined;
    sum += value;
  }
  return sum;
}

function table(all: Map<string, string>, extra: Record<string, number>, mask = 0xffffffff): Table {
  const numbers: Table = new Map();
  for (const [macro, expression] of all) {
    const name = /^__(?:NR|ARM_NR)_(?!BASE$|SYSCALL_MASK$|SYSCALL_BASE$|OABI_)(\w+)$/.exec(macro)?.[1];
    const number = name === undefined ? undefined : evaluate(expression, all);
    if (name === undefined || number === undefined) continue;
    if (name === "syscalls" || name.startsWith("arch_specific")) continue; // counters, not calls
    numbers.set(name, number & mask);
  }
  for (const [name, number] of Object.entries(extra)) {
    const had = numbers.get(name);
    if (had !== undefined && had !== number)
      throw new Error(`${name} is ${had} in the headers, ${number} here`);
    numbers.set(name, number);
  }
  return numbers;
}

function readTables(): Record<string, Table> {
  const armhf = option("--armhf") ?? "/usr/arm-linux-gnueabihf/include";
  const x86 = (part: string) => `#define __X32_SYSCALL_BIT 0x40000000\n#include <asm/unistd_${part}.h>\n`;
  // What arch/arm64/include/uapi/asm/unistd.h asks of the generic table.
  const arm64 = ["RENAMEAT", "NEW_STAT", "SET_GET_RLIMIT", "TIME32_SYSCALLS", "SYS_CLONE3", "MEMFD_SECRET"]
    .map((want) => `#define __ARCH_WANT_${want}\n`)
    .join("")
    .concat("#include <asm-generic/unistd.h>\n");
  // The generic table has aliases by __BITS_PER_LONG, which is 64 for this machine as it is for arm64.
  return {
    x86_64: table(macros(x86("64")), { ...YOUNGER, ...X86_64_ONLY }),
    x86: table(macros(x86("32")), YOUNGER),
    x32: table(macros(x86("x32")), YOUNGER, 0x3fffffff),
    aarch64: table(macros(arm64), YOUNGER),
    arm: table(macros("#include <asm/unistd.h>\n", ["-I", armhf, "-D__ARM_EABI__", "-U__x86_64__"]), YOUNGER),
  };
}

/** Names in the order of their numbers; a number stands before a name only where the count jumps. */
function pack(numbers: Table): string {
  const lines: string[] = [];
  let line = "";
  let expected = 0;
  const add = (word: string) => {
    if (line.length + word.length > 108) {
      lines.push(line);
      line = "";
    }
    line += line === "" ? word : ` ${word}`;
  };
  for (const [name, number] of [...numbers].sort((a, b) => a[1] - b[1] || (a[0] < b[0] ? -1 : 1))) {
    if (number !== expected) add(String(number));
    add(name);
    expected = number + 1;
  }
  return [...lines, line].join("\n");
}

function writeTables(): void {
  const parts = Object.entries(readTables()).map(([abi, numbers]) => {
    if (numbers.size < 250)
      throw new Error(`only ${numbers.size} calls found for ${abi}: are its headers installed?`);
    console.log(`${abi}: ${numbers.size} calls`);
    return `export const ${abi} = \`\n${pack(numbers)}\n\`;\n`;
  });
  const head = [
    "// Generated by scripts/seccomp-tables.ts from the kernel's headers: do not edit.",
    "// System call names in the order of their numbers; a number gives that of the name after it, and names",
    "// without one count on. The x32 numbers stand without __X32_SYSCALL_BIT.",
  ];
  writeFileSync(new URL("tables.ts", seccomp), `${head.join("\n")}\n\n${parts.join("\n")}`);
}

async function writeFilters(): Promise<void> {
  // Imported late: the compiler reads the tables that were written a moment ago.
  const { compile } = await import("../src/seccomp/compile.ts");
  const { defaultProfile } = await import("../src/seccomp/default-profile.ts");
  const lines: string[] = [];
  for (const arch of ["x86_64", "aarch64"] as const) {
    for (const caps of [["CAP_SYS_CHROOT"], []]) {
      const { program } = compile(defaultProfile(arch, caps), arch);
      const name = `${arch}${caps.length > 0 ? "_chroot" : ""}`;
      console.log(`${name}: ${program.length / 8} instructions`);
      lines.push(`const ${name} =\n  "${Buffer.from(program).toString("base64")}";\n`);
    }
  }
  const head = [
    "// Generated by scripts/seccomp-tables.ts from default-profile.ts: do not edit.",
    "// struct sock_filter programs in base64, with and without CAP_SYS_CHROOT in the bounding set.",
  ];
  const tail = "export const FILTERS = { x86_64, x86_64_chroot, aarch64, aarch64_chroot };\n";
  writeFileSync(
    new URL("default-filter-data.ts", seccomp),
    `${head.join("\n")}\n\n${lines.join("")}\n${tail}`,
  );
}

if (!process.argv.includes("--filter")) writeTables();
await writeFilters();
