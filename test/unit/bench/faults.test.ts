// The benchmark's count of page faults by process and by what lies at the address, from perf's words.

import { expect, test } from "bun:test";
import { countFaults, medianCounts } from "../../../scripts/bench/faults.ts";
import type { Section } from "../../../scripts/elf/executable.ts";

const section = (name: string, address: number, size: number): Section => {
  return { at: 0, name, type: 1, address, offset: 0, size, link: 0 };
};
const SECTIONS = [
  section("", 0, 0),
  section(".rodata", 0x200300, 0x1000),
  section(".text", 0x300000, 0x1000),
  section(".data", 0x400000, 0x1000),
  section(".bun", 0x402000, 0x1000),
  section(".comment", 0, 0x9000),
];

const mapped = (pid: number, start: string, size: string, name: string): string =>
  `   minibox     ${pid}/${pid}     PERF_RECORD_MMAP2 ${pid}/${pid}: [0x${start}(0x${size}) @ 0 fe:00 1 2]: r--p ${name}`;
const fault = (name: string, pid: number, tid: number, address: string): string =>
  `   ${name}     ${pid}/${tid}     page-faults:     ${address}`;

const count = (...lines: string[]) => countFaults(lines.join("\n"), SECTIONS, "true");

test("every range of the executable is known by its section", () => {
  const addresses = ["200040", "200300", "300fff", "400000", "402abc", "401800"];
  const { supervisor } = count(...addresses.map((address) => fault("minibox", 3, 3, address)));
  expect(supervisor).toEqual({ "read-only data": 2, text: 1, data: 2, "embedded bundle": 1, all: 6 });
});

test("elsewhere the mapping says what it is, the latest one first", () => {
  const { supervisor } = count(
    mapped(3, "7ffc00000000", "21000", "[stack]"),
    mapped(3, "7f0000000000", "9000", "/usr/lib/libc.so.6"),
    mapped(3, "7f0000004000", "1000", "//anon"),
    fault("minibox", 3, 3, "7ffc00000010"),
    fault("minibox", 3, 3, "7f0000000010"),
    fault("minibox", 3, 3, "7f0000004010"),
    fault("minibox", 3, 3, "123456789000"),
  );
  expect(supervisor).toEqual({ stack: 1, libraries: 1, "heap and other anonymous memory": 2, all: 4 });
});

test("processes are told apart, and threads, and the command by its name", () => {
  const counts = count(
    fault("minibox", 3, 3, "300000"),
    fault("HeapHelper", 3, 5, "7f0000000000"),
    fault("exe", 8, 8, "300000"),
    mapped(8, "7ffc00000000", "21000", "[stack]"),
    fault("true", 8, 8, "300000"),
  );
  expect(counts.supervisor).toMatchObject({ all: 2, "of these in helper threads": 1 });
  expect(counts["first process"]).toEqual({ text: 1, all: 1 });
  expect(counts.command).toEqual({ "heap and other anonymous memory": 1, all: 1 });
});

test("a program's mappings are gone with its execve", () => {
  const { supervisor } = count(
    mapped(3, "7f0000000000", "9000", "/usr/lib/libc.so.6"),
    mapped(3, "7ffc00000000", "21000", "[stack]"),
    fault("minibox", 3, 3, "7f0000000010"),
  );
  expect(supervisor).toEqual({ "heap and other anonymous memory": 1, all: 1 });
});

test("a run without a range counts as none of it", () => {
  const { supervisor } = medianCounts([
    { supervisor: { text: 3, all: 3 } },
    { supervisor: { text: 5, stack: 2, all: 7 } },
    { supervisor: { text: 9, all: 9 } },
  ]);
  expect(supervisor).toMatchObject({ text: 5, stack: 0, all: 7 });
});
