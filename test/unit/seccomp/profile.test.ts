// Profiles as files have them: conditions resolved, malformed ones refused with the field's path.

import { describe, expect, test } from "bun:test";
import { SpecError } from "../../../src/errors.ts";
import { compile } from "../../../src/seccomp/compile.ts";
import { isConditional, parseProfile, resolveProfile, type Target } from "../../../src/seccomp/profile.ts";
import { pick, type Random, randomProfile, seeded } from "./support/random.ts";

const target: Target = { caps: ["CAP_SYS_CHROOT", "CAP_KILL"], arch: "x86_64", kernel: "6.1.0-18-amd64" };

function errorOf(act: () => unknown): SpecError {
  try {
    act();
  } catch (error) {
    if (error instanceof SpecError) return error;
    throw error;
  }
  throw new Error("nothing was thrown");
}

/** The names that a conditional profile of one-name rules keeps. */
function kept(rules: Record<string, object>, at: Partial<Target> = {}): string[] {
  const syscalls = Object.entries(rules).map(([name, more]) => ({
    names: [name],
    action: "SCMP_ACT_ALLOW",
    ...more,
  }));
  const resolved = resolveProfile(
    { defaultAction: "SCMP_ACT_ERRNO", archMap: [], syscalls },
    { ...target, ...at },
  );
  return resolved.syscalls!.flatMap((call) => call.names);
}

describe("conditions", () => {
  test("of includes all must be met, capabilities all together", () => {
    const rules = {
      read: { includes: { caps: ["CAP_KILL", "CAP_SYS_CHROOT"] } },
      write: { includes: { caps: ["CAP_KILL", "CAP_SYS_ADMIN"] } },
      open: { includes: { caps: ["CAP_KILL"], arches: ["arm64"] } },
      close: { includes: { arches: ["arm64", "amd64"] } },
    };
    expect(kept(rules)).toEqual(["read", "close"]);
    expect(kept(rules, { arch: "aarch64" })).toEqual(["read", "open", "close"]);
  });

  test("of excludes one is enough, capabilities any of them", () => {
    const rules = {
      read: { excludes: { caps: ["CAP_KILL", "CAP_SYS_ADMIN"] } },
      write: { excludes: { caps: ["CAP_SYS_ADMIN"] } },
      open: { excludes: { caps: ["CAP_SYS_ADMIN"], arches: ["amd64"] } },
      close: { excludes: null, includes: {} },
    };
    expect(kept(rules)).toEqual(["write", "close"]);
  });

  test("kernel versions compare as numbers", () => {
    const rules = { ptrace: { includes: { minKernel: "4.8" } }, kill: { excludes: { minKernel: "4.10" } } };
    expect(kept(rules)).toEqual(["ptrace"]);
    expect(kept(rules, { kernel: "4.9.1" })).toEqual(["ptrace", "kill"]);
    expect(kept(rules, { kernel: "4.7" })).toEqual(["kill"]);
  });

  test("the machine's entry of archMap becomes architectures", () => {
    const archMap = [{ architecture: "SCMP_ARCH_AARCH64", subArchitectures: ["SCMP_ARCH_ARM"] }];
    const profile = { defaultAction: "SCMP_ACT_ERRNO", archMap };
    expect(resolveProfile(profile, { ...target, arch: "aarch64" }).architectures).toEqual([
      "SCMP_ARCH_AARCH64",
      "SCMP_ARCH_ARM",
    ]);
    expect(resolveProfile(profile, target).architectures).toEqual([]);
  });

  test("containers-common's names of errnos", () => {
    const syscalls = [{ names: ["kill"], action: "SCMP_ACT_ERRNO", errno: "EINVAL", errnoRet: 22 }];
    const profile = { defaultAction: "SCMP_ACT_ERRNO", defaultErrno: "ENOSYS", syscalls };
    const resolved = resolveProfile(profile, target);
    expect(resolved).toMatchObject({ defaultErrnoRet: 38, syscalls: [{ names: ["kill"], errnoRet: 22 }] });
  });

  test("a plain OCI profile stays as it is", () => {
    const profile = {
      defaultAction: "SCMP_ACT_ALLOW",
      syscalls: [{ names: ["kill"], action: "SCMP_ACT_ERRNO" }],
    };
    expect(isConditional(profile)).toBe(false);
    expect(resolveProfile(profile, target)).toEqual(profile as never);
  });
});

describe("errors name the field", () => {
  const rule = (more: object) => ({
    defaultAction: "SCMP_ACT_ERRNO",
    syscalls: [
      { names: ["read"], action: "SCMP_ACT_ALLOW", includes: { caps: ["CAP_SYS_ADMIN"] } },
      { names: ["kill"], action: "SCMP_ACT_ALLOW", ...more },
    ],
  });
  const arg = (more: object) => rule({ args: [{ index: 0, value: 1, op: "SCMP_CMP_EQ", ...more }] });
  const cases: [object | null, string][] = [
    [null, "must be an object, not null"],
    [{}, "defaultAction: must be a string, not undefined"],
    [{ defaultAction: "SCMP_ACT_NOTIFY" }, "defaultAction: SCMP_ACT_NOTIFY cannot be the default"],
    [
      { defaultAction: "SCMP_ACT_ALLOW", defaultErrnoRet: 1 },
      "defaultErrnoRet: SCMP_ACT_ALLOW does not take an errno",
    ],
    [
      { defaultAction: "SCMP_ACT_ALLOW", architectures: ["x86"] },
      'architectures[0]: unknown architecture "x86"',
    ],
    [{ defaultAction: "SCMP_ACT_ALLOW", flags: ["NOPE"] }, 'flags[0]: unknown flag "NOPE"'],
    [{ defaultAction: "SCMP_ACT_ALLOW", syscalls: {} }, "syscalls: must be an array, not an object"],
    [rule({ action: "ALLOW" }), 'syscalls[1].action: unknown action "ALLOW"'],
    [rule({ names: [] }), "syscalls[1].names: must name at least one system call"],
    [rule({ names: ["kill", ""] }), "syscalls[1].names[1]: must not be empty"],
    [rule({ name: "kill" }), "syscalls[1]: must have name or names, not both"],
    [
      rule({ action: "SCMP_ACT_ERRNO", errnoRet: 5000 }),
      "syscalls[1].errnoRet: must be an integer from 0 to 4095, not 5000",
    ],
    [rule({ action: "SCMP_ACT_ERRNO", errno: "EWHAT" }), 'syscalls[1].errno: unknown errno "EWHAT"'],
    [rule({ action: "SCMP_ACT_NOTIFY" }), "listenerPath: must be given, since a rule has SCMP_ACT_NOTIFY"],
    [arg({ index: 6 }), "syscalls[1].args[0].index: must be an integer from 0 to 5, not 6"],
    [arg({ op: "==" }), 'syscalls[1].args[0].op: unknown comparison "=="'],
    [arg({ value: -1 }), "syscalls[1].args[0].value: must be an integer from 0 to 2^64-1, not -1"],
    [
      arg({ value: 2 ** 60 }),
      "syscalls[1].args[0].value: 1152921504606847000 is above 2^53 and must be given in plain digits",
    ],
    [
      rule({ includes: { minKernel: "new" } }),
      'syscalls[1].includes.minKernel: must be a kernel version such as "4.8", not "new"',
    ],
  ];
  test.each(cases)("%#", (profile, message) => {
    const { field, message: got } = errorOf(() => resolveProfile(profile, target));
    expect(got).toBe(message);
    expect(field === "" || message.startsWith(`${field}: `)).toBe(true);
  });
});

describe("parseProfile", () => {
  test("keeps all 64 bits", () => {
    const text = '{"a": 18446744073709551615, "b": 9007199254740993, "c": 5, "d": 1.5, "e": 1e400}';
    expect(parseProfile(text)).toEqual({
      a: 18446744073709551615n,
      b: 9007199254740993n,
      c: 5,
      d: 1.5,
      e: Infinity,
    });
  });

  test("what is not JSON", () => {
    expect(errorOf(() => parseProfile("{")).message).toStartWith("is not JSON: ");
  });
});

describe("fuzz: nothing but SpecError comes out", () => {
  const ODD: unknown[] = [
    null,
    undefined,
    true,
    0,
    -1,
    1.5,
    Number.NaN,
    2 ** 53,
    2 ** 64,
    10n,
    -1n,
    2n ** 64n,
    "",
    "x",
    "__proto__",
    "SCMP_ACT_ERRNO",
    "SCMP_ARCH_X86",
    "SCMP_CMP_EQ",
    "constructor",
    [],
    {},
    [null],
    [[]],
    [{}],
    { length: 5 },
    Symbol("s"),
    () => 1,
    new Map(),
  ];

  /** Puts something odd somewhere into the value, in place. */
  function spoil(random: Random, value: unknown): void {
    if (typeof value !== "object" || value === null) return;
    const keys = Object.keys(value);
    const key =
      keys.length > 0 && random(10) > 0
        ? pick(random, keys)
        : pick(random, ["args", "includes", "errno", "name", "archMap", "minKernel", "caps"]);
    const held = (value as Record<string, unknown>)[key];
    if (typeof held === "object" && held !== null && random(4) > 0) spoil(random, held);
    else (value as Record<string, unknown>)[key] = pick(random, ODD);
  }

  test("spoiled profiles", () => {
    const deadline = Date.now() + 8_000;
    let refused = 0;
    for (let seed = 1; seed <= 3000 && Date.now() < deadline; seed++) {
      const random = seeded(seed);
      const profile = structuredClone(randomProfile(random)) as unknown as Record<string, unknown>;
      if (random(2) === 0)
        profile.archMap = [{ architecture: "SCMP_ARCH_X86_64", subArchitectures: ["SCMP_ARCH_X86"] }];
      for (const call of profile.syscalls as object[]) {
        if (random(3) === 0)
          Object.assign(call, {
            includes: { caps: ["CAP_KILL"], minKernel: "4.8" },
            excludes: { arches: ["arm64"] },
          });
      }
      for (let i = 0; i <= random(4); i++) spoil(random, profile);
      for (const act of [
        () => compile(resolveProfile(profile, target), "x86_64"),
        () => compile(profile as never, "aarch64"),
      ]) {
        try {
          act();
        } catch (error) {
          if (!(error instanceof SpecError)) throw new Error(`seed ${seed}`, { cause: error });
          refused++;
        }
      }
    }
    expect(refused).toBeGreaterThan(100);
  });

  test("spoiled text", () => {
    const deadline = Date.now() + 4_000;
    for (let seed = 1; seed <= 2000 && Date.now() < deadline; seed++) {
      const random = seeded(seed);
      const number = (_key: string, value: unknown) => (typeof value === "bigint" ? Number(value) : value);
      const bytes = [...JSON.stringify(randomProfile(random), number)];
      for (let i = 0; i <= random(3); i++)
        bytes[random(bytes.length)] = pick(random, ['"', "{", "]", "9", "\\", "\0", "e", "-", ""]);
      try {
        compile(resolveProfile(parseProfile(bytes.join("")), target), "x86_64");
      } catch (error) {
        if (!(error instanceof SpecError)) throw new Error(`seed ${seed}`, { cause: error });
      }
    }
  });
});
