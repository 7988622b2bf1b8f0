// Owns: the ELF reader and the look at a file's first bytes, above all on files made to break them.
import { describe, expect, test } from "bun:test";
import { contentsOf } from "../../../src/explain/contents.ts";
import { machineOf, parseElf, runsOn } from "../../../src/explain/elf.ts";
import { libcOf } from "../../../src/explain/libraries.ts";
import type { Read } from "../../../src/sys/elf.ts";
import { type ElfParts, makeElf } from "../../support/elf.ts";

const reading =
  (bytes: Uint8Array): Read =>
  (offset, length) =>
    bytes.subarray(Math.min(offset, bytes.length), Math.min(offset + length, bytes.length));

const parse = (bytes: Uint8Array) => parseElf(reading(bytes), bytes.length);
const parsed = (parts: ElfParts) => parse(makeElf(parts));

describe("parseElf", () => {
  const loader = "/lib64/ld-linux-x86-64.so.2";
  const dynamic = { loader, needed: ["libz.so.1", "libc.so.6"], runpath: "/opt/lib:$ORIGIN/../lib" };

  test.each([
    ["64 bits", {}],
    ["32 bits", { bits: 32, machine: 3 }],
    ["64 bits, big-endian", { bigEndian: true, machine: 22 }],
    ["32 bits, big-endian", { bits: 32, bigEndian: true, machine: 20 }],
  ] as [string, ElfParts][])("reads loader and libraries, %s", (_, parts) => {
    expect(parsed({ ...dynamic, ...parts })).toEqual({
      bits: parts.bits ?? 64,
      bigEndian: parts.bigEndian ?? false,
      type: 2,
      machine: parts.machine ?? 62,
      loader,
      needed: dynamic.needed,
      searched: ["/opt/lib", "$ORIGIN/../lib"],
      damage: undefined,
    });
  });

  test("a static program needs nothing", () => {
    expect(parsed({})).toMatchObject({ loader: undefined, needed: [], damage: undefined });
  });

  test("names are bytes, like those of any file: UTF-8, or not", () => {
    const names = { loader: "/lib/é\udc9b", needed: ["日本\udcff.so"] };
    expect(parsed(names)).toMatchObject(names);
  });

  test("the host's own programs are sound", () => {
    for (const name of ["env", "sh", "mount"]) {
      const path = Bun.which(name);
      if (!path) continue;
      const bytes = new Uint8Array(require("node:fs").readFileSync(path));
      const elf = parse(bytes);
      expect(elf.damage).toBeUndefined();
      expect(runsOn(process.arch, elf)).toBe("yes");
      if (elf.loader) expect(elf.needed.length).toBeGreaterThan(0);
    }
  });

  test("says what is wrong with a file that is cut short, wherever", () => {
    const whole = makeElf({ loader, needed: ["libc.so.6"] });
    for (let length = 4; length < whole.length; length++)
      expect(parse(whole.subarray(0, length)).damage).toMatch(/^an ELF program cut short: /);
  });

  test("says that a loader's name has no end, or is empty", () => {
    const bytes = makeElf({ loader });
    bytes.fill(0x41, 1024, 2048);
    expect(parse(bytes).damage).toBe("a damaged ELF program: it names no loader");
    expect(parsed({ loader: "" }).damage).toBe("a damaged ELF program: it names no loader");
  });

  test("numbers beyond everything do no harm", () => {
    const bytes = makeElf(dynamic);
    // e_phoff, then each program header's offset, address and size
    for (const at of [32, ...[0, 1, 2].flatMap((i) => [8, 16, 32].map((field) => 64 + i * 56 + field))]) {
      const broken = bytes.slice();
      broken.fill(0xff, at, at + 8);
      const elf = parse(broken);
      expect(elf.needed.length).toBeLessThanOrEqual(64);
    }
    const counted = bytes.slice();
    counted.fill(0xff, 56, 58);
    expect(parse(counted).damage).toMatch(/cut short/);
  });

  test("a library table that never ends is read to a limit", () => {
    const bytes = makeElf(dynamic);
    const view = new DataView(bytes.buffer);
    for (let at = 1536 + 16; at + 16 <= 2048; at += 16) {
      view.setBigUint64(at, 1n, true);
      view.setBigUint64(at + 8, 1n, true);
    }
    view.setBigUint64(64 + 2 * 56 + 32, 1n << 50n, true);
    expect(parse(bytes).needed.length).toBeLessThanOrEqual(64);
  });

  test("20,000 damaged files: none throws, none takes long", () => {
    let seed = 42;
    const random = (below: number): number => {
      seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
      return Math.floor((seed / 2 ** 32) * below);
    };
    const shapes = [dynamic, { ...dynamic, bits: 32 as const, machine: 3 }, { ...dynamic, bigEndian: true }];
    const started = performance.now();
    for (let round = 0; round < 20_000; round++) {
      const bytes = makeElf(shapes[round % shapes.length]);
      for (let i = random(8); i >= 0; i--) {
        // most of the harm can be done in the headers and the library table
        const at = random(2) ? 16 + random(220) : 1536 + random(128);
        bytes[at] = random(3) ? random(256) : 0xff;
      }
      const elf = parse(random(4) ? bytes : bytes.subarray(0, random(bytes.length)));
      expect(elf.needed.length + elf.searched.length).toBeLessThan(10_000);
      machineOf(elf);
      runsOn("x64", elf);
    }
    expect(performance.now() - started).toBeLessThan(20_000);
  });
});

describe("machines", () => {
  const elf = (machine: number, bits: 32 | 64 = 64, bigEndian = false) =>
    parsed({ machine, bits, bigEndian });

  test("have the names that people use", () => {
    expect(machineOf(elf(62))).toBe("x86_64");
    expect(machineOf(elf(183))).toBe("aarch64");
    expect(machineOf(elf(243))).toBe("riscv64");
    expect(machineOf(elf(243, 32))).toBe("riscv");
    expect(machineOf(elf(3, 32))).toBe("x86 (i386)");
    expect(machineOf(elf(62, 32))).toBe("x32");
    expect(machineOf(elf(4711))).toBe("machine-4711");
  });

  test("run on their own kind, and 32-bit ones where the kernel can", () => {
    expect(runsOn("x64", elf(62))).toBe("yes");
    expect(runsOn("x64", elf(62, 32))).toBe("32-bit");
    expect(runsOn("x64", elf(3, 32))).toBe("32-bit");
    expect(runsOn("x64", elf(183))).toBe("no");
    expect(runsOn("x64", elf(40, 32))).toBe("no");
    expect(runsOn("arm64", elf(183))).toBe("yes");
    expect(runsOn("arm64", elf(40, 32))).toBe("32-bit");
    expect(runsOn("arm64", elf(183, 64, true))).toBe("no");
    expect(runsOn("arm64", elf(62))).toBe("no");
  });
});

describe("contentsOf", () => {
  const of = (text: string) => contentsOf(Buffer.from(text));
  const script = (interpreter: string | undefined, tooLong = false) => ({
    kind: "script",
    interpreter,
    tooLong,
  });

  test("the interpreter of a #! line, as the kernel cuts it", () => {
    expect(of("#!/bin/sh\necho")).toMatchObject(script("/bin/sh"));
    expect(of("#! \t /bin/sh -e -x\n")).toMatchObject(script("/bin/sh"));
    expect(of("#!/bin/sh")).toMatchObject(script("/bin/sh"));
    expect(of("#!/bin/sh\r\n")).toMatchObject(script("/bin/sh\r"));
    expect(of("#!/bin/sh\0more\n")).toMatchObject(script("/bin/sh"));
    expect(of("#!\n/bin/sh")).toEqual({ kind: "script", interpreter: undefined, tooLong: false });
    expect(of("#!")).toEqual({ kind: "script", interpreter: undefined, tooLong: false });
  });

  test("what lies beyond 256 bytes is not read: a name must end before, arguments need not", () => {
    expect(of(`#!/${"x".repeat(252)}\n`)).toMatchObject(script(`/${"x".repeat(252)}`));
    expect(of(`#!/${"x".repeat(253)}\n`)).toEqual({ kind: "script", interpreter: undefined, tooLong: true });
    expect(of(`#!/bin/sh ${"x".repeat(500)}\n`)).toMatchObject(script("/bin/sh"));
    expect(of(`#!${" ".repeat(500)}\n`)).toEqual({ kind: "script", interpreter: undefined, tooLong: false });
  });

  test("everything else", () => {
    expect(of("")).toEqual({ kind: "empty" });
    expect(of("\x7fELF")).toEqual({ kind: "elf" });
    expect(of("echo hi\n")).toEqual({ kind: "text", why: undefined });
    expect(of("  \n#!/bin/sh\n")).toEqual({ kind: "text", why: "blank" });
    expect(of("\ufeff#!/bin/sh\n")).toEqual({ kind: "text", why: "mark" });
    expect(of("MZ\x90\0")).toEqual({ kind: "other", name: "a Windows program" });
    expect(of("PK\x03\x04")).toEqual({ kind: "other", name: "a zip archive" });
    expect(of("a\0b")).toEqual({ kind: "other", name: undefined });
    expect(contentsOf(Uint8Array.of(0xff, 0xfe, 0x80))).toEqual({ kind: "text", why: undefined });
  });
});

test("libcOf knows loaders by their names", () => {
  expect(libcOf("/lib64/ld-linux-x86-64.so.2")).toBe("glibc");
  expect(libcOf("/lib/ld-linux.so.2")).toBe("glibc");
  expect(libcOf("/lib/ld-linux-aarch64.so.1")).toBe("glibc");
  expect(libcOf("/lib/ld64.so.1")).toBe("glibc");
  expect(libcOf("/lib/ld-musl-x86_64.so.1")).toBe("musl");
  expect(libcOf("/lib/ld-uClibc.so.0")).toBe("uClibc");
  expect(libcOf("/system/bin/linker64")).toBe("bionic (Android)");
  expect(libcOf("/nix/store/x/ld-linux-x86-64.so.2")).toBe("Nix");
  expect(libcOf("/opt/loader")).toBeUndefined();
});
