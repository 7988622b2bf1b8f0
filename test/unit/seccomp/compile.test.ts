// The compiler against the reference interpreter, and the cases worth naming.

import { describe, expect, test } from "bun:test";
import { SpecError } from "../../../src/errors.ts";
import type { Machine } from "../../../src/seccomp/abi.ts";
import { compile } from "../../../src/seccomp/compile.ts";
import type { Seccomp, SeccompArg } from "../../../src/spec/types.ts";
import { AUDIT, type Call, check, run } from "./support/bpf.ts";
import { randomCall, randomProfile, randomValue, seeded } from "./support/random.ts";
import { evaluate } from "./support/reference.ts";

const ALLOW = 0x7fff0000;
const KILL_PROCESS = 0x80000000;
const errno = (number: number) => 0x50000 + number;
const X32 = 0x40000000;

function call(nr: number, args: (number | bigint)[] = [], arch = AUDIT.x86_64): Call {
  return { nr, arch, args: args.map(BigInt) };
}

function verdict(profile: Seccomp, made: Call, machine: Machine = "x86_64"): number {
  return run(compile(profile, machine).program, made);
}

describe("compiled profiles agree with the reference", () => {
  // Add a seed here when one has failed.
  const kept = [1, 2, 3, 20, 1500];
  const seeds = [...kept, ...Array.from({ length: 400 }, (_, i) => 10_000 + i)];
  for (const machine of ["x86_64", "aarch64"] as const) {
    test(`random profiles and calls, ${machine}`, () => {
      const deadline = Date.now() + 15_000;
      for (const seed of seeds) {
        if (Date.now() > deadline) break;
        const random = seeded(seed);
        const profile = randomProfile(random);
        const { program } = compile(profile, machine);
        check(program);
        for (let i = 0; i < 250; i++) {
          const made = randomCall(random, profile, machine);
          const got = run(program, made);
          if (got === evaluate(profile, machine, made)) continue;
          const detail = { seed, made, rules: profile.syscalls?.length };
          expect({ ...detail, got }).toEqual({ ...detail, got: evaluate(profile, machine, made) });
        }
      }
    });
  }

  const operators = ["NE", "LT", "LE", "EQ", "GE", "GT", "MASKED_EQ"] as const;
  test.each(operators)("SCMP_CMP_%s at the borders of 32 and 64 bits", (name) => {
    const random = seeded(77);
    const op: SeccompArg["op"] = `SCMP_CMP_${name}`;
    for (let i = 0; i < 150; i++) {
      const value = randomValue(random);
      const args = [{ index: i % 6, value, valueTwo: value & randomValue(random), op }];
      const profile: Seccomp = {
        defaultAction: "SCMP_ACT_ALLOW",
        architectures: ["SCMP_ARCH_X86"],
        syscalls: [{ names: ["getpid"], action: "SCMP_ACT_ERRNO", errnoRet: 7, args }],
      };
      const { program } = compile(profile, "x86_64");
      for (let j = 0; j < 60; j++) {
        const actual = j < 3 ? BigInt.asUintN(64, value + BigInt(j - 1)) : randomValue(random);
        for (const made of [call(39, Array(6).fill(actual)), call(20, Array(6).fill(actual), AUDIT.x86)]) {
          expect(run(program, made)).toBe(evaluate(profile, "x86_64", made));
        }
      }
    }
  });
});

describe("rules", () => {
  const eq = (index: number, value: number): SeccompArg => ({ index, value, op: "SCMP_CMP_EQ" });
  const base = { defaultAction: "SCMP_ACT_ALLOW" } as const;

  test("conditions on different arguments all have to hold", () => {
    const syscalls = [{ names: ["getpid"], action: "SCMP_ACT_ERRNO" as const, args: [eq(0, 1), eq(1, 2)] }];
    expect(verdict({ ...base, syscalls }, call(39, [1, 2]))).toBe(errno(1));
    expect(verdict({ ...base, syscalls }, call(39, [1, 3]))).toBe(ALLOW);
  });

  test("a rule that names one argument twice holds where any of its conditions does, as in runc", () => {
    const syscalls = [
      { names: ["getpid"], action: "SCMP_ACT_ERRNO" as const, args: [eq(0, 1), eq(0, 2), eq(1, 9)] },
    ];
    expect(verdict({ ...base, syscalls }, call(39, [2, 0]))).toBe(errno(1));
    expect(verdict({ ...base, syscalls }, call(39, [0, 9]))).toBe(errno(1));
    expect(verdict({ ...base, syscalls }, call(39, [3, 8]))).toBe(ALLOW);
  });

  test("an unconditional rule outweighs conditional ones, the first of several counts", () => {
    const syscalls = [
      { names: ["getpid"], action: "SCMP_ACT_ERRNO" as const, errnoRet: 2, args: [eq(0, 1)] },
      { names: ["getpid"], action: "SCMP_ACT_ERRNO" as const, errnoRet: 3 },
      { names: ["getpid"], action: "SCMP_ACT_ERRNO" as const, errnoRet: 4 },
    ];
    expect(verdict({ ...base, syscalls }, call(39, [1]))).toBe(errno(3));
  });

  test("a rule that says what the default says shadows no other", () => {
    const syscalls = [
      { names: ["getpid"], action: "SCMP_ACT_ERRNO" as const },
      { names: ["getpid"], action: "SCMP_ACT_ALLOW" as const },
    ];
    expect(verdict({ defaultAction: "SCMP_ACT_ERRNO", syscalls }, call(39))).toBe(ALLOW);
  });

  test("unknown names are ignored and reported, those of other architectures are not", () => {
    const syscalls = [
      { names: ["getpid", "chown32", "no_such", "constructor"], action: "SCMP_ACT_ERRNO" as const },
    ];
    expect(compile({ ...base, syscalls }, "x86_64").unknownSyscalls).toEqual(["no_such", "constructor"]);
  });

  test("calls younger than the profile get ENOSYS, unless the default lets them through", () => {
    const syscalls = [{ names: ["openat2"], action: "SCMP_ACT_LOG" as const }];
    const kill = { defaultAction: "SCMP_ACT_KILL_PROCESS", syscalls } as const;
    expect(verdict(kill, call(436))).toBe(KILL_PROCESS);
    expect(verdict(kill, call(438))).toBe(errno(38));
    expect(verdict({ defaultAction: "SCMP_ACT_ALLOW", syscalls }, call(438))).toBe(ALLOW);
    // ARM's private numbers do not make every number up to them an old one.
    const arm = {
      ...kill,
      architectures: ["SCMP_ARCH_ARM" as const],
      syscalls: [{ names: ["read", "set_tls"], action: "SCMP_ACT_ALLOW" as const }],
    };
    expect(verdict(arm, call(4, [], AUDIT.arm), "aarch64")).toBe(errno(38));
    expect(verdict(arm, call(0xf0005, [], AUDIT.arm), "aarch64")).toBe(ALLOW);
  });
});

describe("architectures", () => {
  const syscalls = [{ names: ["getpid"], action: "SCMP_ACT_ERRNO" as const }];
  const native = { defaultAction: "SCMP_ACT_ALLOW", syscalls } as const;

  test("the machine's own is always filtered, any other that is not listed kills", () => {
    expect(verdict(native, call(39))).toBe(errno(1));
    expect(verdict(native, call(20, [], AUDIT.x86))).toBe(KILL_PROCESS);
    expect(verdict(native, call(39, [], AUDIT.aarch64))).toBe(KILL_PROCESS);
    expect(verdict(native, call(X32 + 39))).toBe(KILL_PROCESS);
    expect(verdict(native, call(0xffffffff))).toBe(ALLOW);
  });

  test("i386 and x32 have their own numbers", () => {
    const all = { ...native, architectures: ["SCMP_ARCH_X86", "SCMP_ARCH_X32"] as const };
    expect(verdict(all, call(20, [], AUDIT.x86))).toBe(errno(1));
    expect(verdict(all, call(39, [], AUDIT.x86))).toBe(ALLOW);
    expect(verdict(all, call(X32 + 39))).toBe(errno(1));
    const ioctl = { ...all, syscalls: [{ names: ["ioctl"], action: "SCMP_ACT_ERRNO" as const }] };
    expect(verdict(ioctl, call(X32 + 514))).toBe(errno(1));
    expect(verdict(ioctl, call(X32 + 16))).toBe(ALLOW);
  });

  test("high halves that a 64-bit program leaves in the registers of an i386 call do not hide its arguments", () => {
    const args = [{ index: 0, value: 40, op: "SCMP_CMP_EQ" as const }];
    const profile = {
      defaultAction: "SCMP_ACT_ALLOW" as const,
      architectures: ["SCMP_ARCH_X86" as const],
      syscalls: [{ names: ["socket"], action: "SCMP_ACT_ERRNO" as const, args }],
    };
    expect(verdict(profile, call(359, [0x100000028n], AUDIT.x86))).toBe(errno(1));
  });

  test("i386's socketcall and ipc follow the rules of what they reach", () => {
    const allowed = {
      defaultAction: "SCMP_ACT_ERRNO" as const,
      architectures: ["SCMP_ARCH_X86" as const],
      syscalls: [
        { names: ["bind", "shmat"], action: "SCMP_ACT_ALLOW" as const },
        {
          names: ["socket"],
          action: "SCMP_ACT_ALLOW" as const,
          args: [{ index: 0, value: 1, op: "SCMP_CMP_EQ" as const }],
        },
      ],
    };
    expect(verdict(allowed, call(102, [2], AUDIT.x86))).toBe(ALLOW);
    expect(verdict(allowed, call(117, [0x10015], AUDIT.x86))).toBe(ALLOW);
    expect(verdict(allowed, call(117, [22], AUDIT.x86))).toBe(errno(1));
    // The family cannot be seen there: what depends on it is not let through.
    expect(verdict(allowed, call(102, [1], AUDIT.x86))).toBe(errno(1));
  });
});

describe("size", () => {
  const rules = (count: number) =>
    Array.from({ length: count }, (_, i) => ({
      names: ["getpid"],
      action: "SCMP_ACT_ERRNO" as const,
      errnoRet: 1 + (i % 4000),
      args: [0, 1].map((index) => ({
        index,
        value: 0x100000001n * BigInt(i + 1),
        op: "SCMP_CMP_EQ" as const,
      })),
    }));

  test("long programs jump correctly", () => {
    const profile: Seccomp = {
      defaultAction: "SCMP_ACT_ALLOW",
      syscalls: [{ names: ["gettid"], action: "SCMP_ACT_KILL" }, ...rules(400)],
    };
    const { program } = compile(profile, "x86_64");
    check(program);
    for (const i of [0, 1, 70, 255, 256, 399]) {
      const value = 0x100000001n * BigInt(i + 1);
      expect(run(program, call(39, [value, value]))).toBe(errno(1 + i));
      expect(run(program, call(39, [value, value + 1n]))).toBe(ALLOW);
    }
    expect(run(program, call(186))).toBe(0);
    expect(run(program, call(187))).toBe(ALLOW);
  });

  test("more than the kernel takes is an error that says how much", () => {
    const compileTooMuch = () =>
      compile({ defaultAction: "SCMP_ACT_ALLOW", syscalls: rules(2000) }, "x86_64");
    expect(compileTooMuch).toThrow(SpecError);
    expect(compileTooMuch).toThrow(/needs \d{5} instructions, the kernel takes 4096/);
  });
});
