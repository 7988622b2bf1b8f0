// The meaning of an OCI profile, worked out for one call at a time from the profile itself: slow, plain, and
// written apart from the compiler, whose tests compare the two.

import type { Machine } from "../../../../src/seccomp/abi.ts";
import { aarch64, arm, x32, x86, x86_64 } from "../../../../src/seccomp/tables.ts";
import type { Seccomp, SeccompArg, SeccompSyscall } from "../../../../src/spec/types.ts";
import { AUDIT, type Call } from "./bpf.ts";

const KILL_PROCESS = 0x80000000;

const ACTION: Record<string, number> = {
  SCMP_ACT_KILL: 0,
  SCMP_ACT_KILL_THREAD: 0,
  SCMP_ACT_KILL_PROCESS: KILL_PROCESS,
  SCMP_ACT_TRAP: 0x30000,
  SCMP_ACT_ERRNO: 0x50000,
  SCMP_ACT_NOTIFY: 0x7fc00000,
  SCMP_ACT_TRACE: 0x7ff00000,
  SCMP_ACT_LOG: 0x7ffc0000,
  SCMP_ACT_ALLOW: 0x7fff0000,
};
// From the strictest on.
const SEVERITY = ["KILL_PROCESS", "KILL_THREAD", "TRAP", "ERRNO", "NOTIFY", "TRACE", "LOG", "ALLOW"];

export function verdictOf(action: string, errnoRet: number | undefined): number {
  const takes = action === "SCMP_ACT_ERRNO" || action === "SCMP_ACT_TRACE";
  return ACTION[action]! + (takes ? (errnoRet ?? 1) : 0);
}

const PACKED = { x86_64, x32, x86, aarch64, arm };

type AbiName = "x86_64" | "x32" | "x86" | "aarch64" | "arm";

export function numbersOf(abi: AbiName): Record<string, number> {
  const numbers: Record<string, number> = {};
  let next = 0;
  for (const word of PACKED[abi].trim().split(/\s+/)) {
    if (/^\d/.test(word)) next = Number(word);
    else numbers[word] = next++;
  }
  return numbers;
}

const NUMBERS = {
  x86_64: numbersOf("x86_64"),
  x32: numbersOf("x32"),
  x86: numbersOf("x86"),
  aarch64: numbersOf("aarch64"),
  arm: numbersOf("arm"),
};

const JOBS: Record<string, [string, number]> = {};
for (const [i, name] of [
  ..."socket bind connect listen accept getsockname getpeername socketpair send recv".split(" "),
  ..."sendto recvfrom shutdown setsockopt getsockopt sendmsg recvmsg accept4 recvmmsg sendmmsg".split(" "),
].entries()) {
  JOBS[name] = ["socketcall", i + 1];
}
for (const [i, name] of "semop semget semctl semtimedop".split(" ").entries()) JOBS[name] = ["ipc", i + 1];
for (const [i, name] of "msgsnd msgrcv msgget msgctl".split(" ").entries()) JOBS[name] = ["ipc", i + 11];
for (const [i, name] of "shmat shmdt shmget shmctl".split(" ").entries()) JOBS[name] = ["ipc", i + 21];

function holds(arg: SeccompArg, actual: bigint): boolean {
  const value = BigInt(arg.value);
  switch (arg.op) {
    case "SCMP_CMP_NE":
      return actual !== value;
    case "SCMP_CMP_LT":
      return actual < value;
    case "SCMP_CMP_LE":
      return actual <= value;
    case "SCMP_CMP_EQ":
      return actual === value;
    case "SCMP_CMP_GE":
      return actual >= value;
    case "SCMP_CMP_GT":
      return actual > value;
    case "SCMP_CMP_MASKED_EQ":
      return (actual & value) === (BigInt(arg.valueTwo ?? 0) & value);
  }
}

function ruleHolds(rule: SeccompSyscall, args: bigint[]): boolean {
  const conditions = rule.args ?? [];
  const met = conditions.map((arg) => holds(arg, args[arg.index]!));
  const repeats = conditions.some((arg, i) => conditions.findIndex((other) => other.index === arg.index) < i);
  return repeats ? met.includes(true) : !met.includes(false);
}

function abiOf(profile: Seccomp, machine: Machine, call: Call): AbiName | undefined {
  const lists = (name: string) => (profile.architectures ?? []).includes(`SCMP_ARCH_${name}`);
  if (machine === "aarch64") {
    if (call.arch === AUDIT.aarch64) return "aarch64";
    return call.arch === AUDIT.arm && lists("ARM") ? "arm" : undefined;
  }
  if (call.arch === AUDIT.x86) return lists("X86") ? "x86" : undefined;
  if (call.arch !== AUDIT.x86_64) return undefined;
  if (call.nr < 0x40000000) return "x86_64";
  if (lists("X32")) return "x32";
  return call.nr === 0xffffffff ? "x86_64" : undefined;
}

/** The rule that speaks for a call reached through socketcall or ipc, with what is left of its conditions. */
function through(rule: SeccompSyscall, abi: AbiName, nr: number, args: bigint[], isStrict: boolean): boolean {
  if (abi !== "x86") return false;
  return rule.names.some((name) => {
    const job = JOBS[name];
    if (job === undefined || nr !== NUMBERS.x86[job[0]]) return false;
    const asked = job[0] === "ipc" ? args[0]! & 0xffffn : args[0]!;
    return asked === BigInt(job[1]) && ((rule.args ?? []).length === 0 || isStrict);
  });
}

export function evaluate(profile: Seccomp, machine: Machine, call: Call): number {
  const fallback = verdictOf(profile.defaultAction, profile.defaultErrnoRet);
  const abi = abiOf(profile, machine, call);
  if (abi === undefined) return KILL_PROCESS;
  const table = NUMBERS[abi];
  const nr = abi === "x32" ? call.nr - 0x40000000 : call.nr;
  const bits = abi === "x86" || abi === "arm" ? 32 : 64;
  const args = Array.from({ length: 6 }, (_, i) => BigInt.asUintN(bits, call.args[i] ?? 0n));

  const severity = (action: string) =>
    SEVERITY.indexOf(action.replace(/^SCMP_ACT_(KILL$)?/, (_, kill) => (kill ? "KILL_THREAD" : "")));
  const rules = (profile.syscalls ?? []).filter((rule) => verdictOf(rule.action, rule.errnoRet) !== fallback);
  const named = (rule: SeccompSyscall) =>
    rule.names.some((name) => Object.hasOwn(table, name) && table[name] === nr);
  const unconditional = rules.find((rule) => named(rule) && (rule.args ?? []).length === 0);
  if (unconditional) return verdictOf(unconditional.action, unconditional.errnoRet);
  const first = rules.find(
    (rule) =>
      (named(rule) && ruleHolds(rule, args)) ||
      through(rule, abi, nr, args, severity(rule.action) < severity(profile.defaultAction)),
  );
  if (first) return verdictOf(first.action, first.errnoRet);

  const all = (profile.syscalls ?? [])
    .flatMap((rule) => rule.names)
    .map((name) => (Object.hasOwn(table, name) ? table[name]! : -1));
  const newest = Math.max(-1, ...all.filter((number) => number < 0xf0000));
  const isPermissive = ["ALLOW", "LOG", "TRACE"].includes(profile.defaultAction.slice(9));
  const isYounger = newest >= 0 && nr > newest && !all.includes(nr);
  return isYounger && !isPermissive ? 0x50000 + 38 : fallback;
}
