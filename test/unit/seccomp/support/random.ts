// Random profiles and calls from a seed, dense where comparisons go wrong: at the borders of 32 and 64 bits.

import type { Machine } from "../../../../src/seccomp/abi.ts";
import type {
  Seccomp,
  SeccompAction,
  SeccompArch,
  SeccompArg,
  SeccompSyscall,
} from "../../../../src/spec/types.ts";
import { AUDIT, type Call } from "./bpf.ts";
import { numbersOf } from "./reference.ts";

export type Random = (below: number) => number;

/** mulberry32 */
export function seeded(seed: number): Random {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) % below;
  };
}

export function pick<T>(random: Random, items: readonly T[]): T {
  return items[random(items.length)]!;
}

const EDGES = [0n, 1n, 2n, 0x7fffffffn, 0x80000000n, 0xfffffffen, 0xffffffffn].flatMap((low) =>
  [0n, 1n, 2n, 0x7fffffffn, 0x80000000n, 0xffffffffn].map((high) => (high << 32n) | low),
);

export function randomValue(random: Random): bigint {
  const kind = random(4);
  if (kind < 2) return pick(random, EDGES);
  if (kind === 2) return BigInt(random(50));
  return (BigInt(random(2 ** 32)) << 32n) | BigInt(random(2 ** 32));
}

const ACTIONS: SeccompAction[] = [
  "SCMP_ACT_ALLOW",
  "SCMP_ACT_ALLOW",
  "SCMP_ACT_ERRNO",
  "SCMP_ACT_ERRNO",
  "SCMP_ACT_ERRNO",
  "SCMP_ACT_KILL",
  "SCMP_ACT_KILL_THREAD",
  "SCMP_ACT_KILL_PROCESS",
  "SCMP_ACT_TRAP",
  "SCMP_ACT_LOG",
  "SCMP_ACT_TRACE",
  "SCMP_ACT_NOTIFY",
];
const OPERATORS: SeccompArg["op"][] = [
  "SCMP_CMP_NE",
  "SCMP_CMP_LT",
  "SCMP_CMP_LE",
  "SCMP_CMP_EQ",
  "SCMP_CMP_EQ",
  "SCMP_CMP_GE",
  "SCMP_CMP_GT",
  "SCMP_CMP_MASKED_EQ",
];

function randomArg(random: Random, index: number): SeccompArg {
  const op = pick(random, OPERATORS);
  let value = randomValue(random);
  let valueTwo = randomValue(random);
  if (op === "SCMP_CMP_MASKED_EQ") {
    if (random(3) === 0) value = 1n << BigInt(random(64));
    if (random(8) !== 0) valueTwo &= value;
    return { index, value, valueTwo, op };
  }
  return value <= 50n && random(2) === 0 ? { index, value: Number(value), op } : { index, value, op };
}

function action(random: Random): { action: SeccompAction; errnoRet?: number } {
  const chosen = pick(random, ACTIONS);
  const takes = chosen === "SCMP_ACT_ERRNO" || chosen === "SCMP_ACT_TRACE";
  return takes && random(4) > 0 ? { action: chosen, errnoRet: random(4096) } : { action: chosen };
}

const COMMON = [
  "getpid",
  "socket",
  "bind",
  "clone",
  "shmat",
  "semop",
  "personality",
  "ioctl",
  "cacheflush",
  "ipc",
];
const NAMES = [
  ...new Set([
    ...Object.keys(numbersOf("x86_64")),
    ...Object.keys(numbersOf("x86")),
    ...Object.keys(numbersOf("arm")),
  ]),
];

function randomSyscall(random: Random, few: readonly string[]): SeccompSyscall {
  const names = Array.from({ length: 1 + random(6) }, () => pick(random, random(2) === 0 ? few : NAMES));
  if (random(20) === 0) names.push("no_such_call");
  if (random(2) === 0) return { names, ...action(random) };
  // Often one argument only, so that ranges of it pile up; sometimes twice in one rule.
  const count = pick(random, [1, 1, 1, 2, 3]);
  const base = random(3);
  const args = Array.from({ length: count }, (_, i) =>
    randomArg(random, random(6) === 0 ? base : (base + i) % 6),
  );
  return { names, ...action(random), args };
}

const ARCHITECTURES: SeccompArch[] = [
  "SCMP_ARCH_X86_64",
  "SCMP_ARCH_X86",
  "SCMP_ARCH_X32",
  "SCMP_ARCH_ARM",
  "SCMP_ARCH_S390X",
];

export function randomProfile(random: Random, names: readonly string[] = COMMON): Seccomp {
  const { action: chosen, errnoRet } = action(random);
  const defaultAction = chosen === "SCMP_ACT_NOTIFY" ? "SCMP_ACT_ERRNO" : chosen;
  const few = names.filter(() => random(2) === 0).concat(names[0]!);
  return {
    defaultAction,
    ...(errnoRet === undefined ? {} : { defaultErrnoRet: errnoRet }),
    architectures: ARCHITECTURES.filter(() => random(2) === 0),
    listenerPath: "/run/agent.sock",
    syscalls: Array.from({ length: random(pick(random, [4, 20, 60])) }, () => randomSyscall(random, few)),
  };
}

/** A call that has to do with the profile more often than not. */
export function randomCall(random: Random, profile: Seccomp, machine: Machine): Call {
  const abis = machine === "x86_64" ? (["x86_64", "x32", "x86"] as const) : (["aarch64", "arm"] as const);
  const abi = pick(random, abis);
  const rules = profile.syscalls ?? [];
  const rule = rules.length > 0 && random(6) > 0 ? pick(random, rules) : undefined;
  const numbers = numbersFor(abi);
  let nr = numbers[pick(random, rule?.names ?? NAMES)] ?? random(500);
  if (random(10) === 0) nr += random(3) - 1;
  if (random(30) === 0)
    nr = pick(random, [0x3fffffff, 0x40000000, 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff, 470, 600]);
  else if (abi === "x32") nr += 0x40000000;
  const args = Array.from({ length: 6 }, () => randomValue(random));
  for (const arg of rule?.args ?? []) {
    const near =
      BigInt(arg.op === "SCMP_CMP_MASKED_EQ" ? (arg.valueTwo ?? 0) : arg.value) + BigInt(random(3) - 1);
    if (random(5) > 0) args[arg.index] = BigInt.asUintN(64, near);
  }
  const audit = AUDIT[abi === "x32" ? "x86_64" : abi];
  return { nr: nr >>> 0, arch: random(40) === 0 ? random(2 ** 32) : audit, args };
}

const cache = new Map<string, Record<string, number>>();

function numbersFor(abi: Parameters<typeof numbersOf>[0]): Record<string, number> {
  const numbers = cache.get(abi) ?? numbersOf(abi);
  cache.set(abi, numbers);
  return numbers;
}
