// Owns which rules of a profile apply to which system call number of one ABI.

import type { Condition, Policy, Rule } from "../spec/seccomp.ts";
import { type Abi, ARM_PRIVATE } from "./abi.ts";

export interface ConditionalRule {
  conditions: Condition[];
  verdict: number;
}

/** A call's verdict, or its conditional rules, of which the first that holds decides. */
export type CallRules = { verdict: number } | { conditional: ConditionalRule[] };

export interface Selection {
  calls: Map<number, CallRules>;
  /** The highest ordinary number that the profile names, with whatever action; -1 where it names none. */
  newest: number;
}

// On i386 there is also one call for all of sockets and one for all of System V IPC. Argument 0 is the number of what is
// to be done (linux/net.h, linux/ipc.h).
const SOCKETCALL =
  "socket bind connect listen accept getsockname getpeername socketpair send recv sendto recvfrom shutdown setsockopt getsockopt sendmsg recvmsg accept4 recvmmsg sendmmsg"
    .split(" ")
    .map((name, i) => [name, { through: "socketcall", job: i + 1 }] as const);
const IPC = Object.entries({
  semop: 1,
  semget: 2,
  semctl: 3,
  semtimedop: 4,
  msgsnd: 11,
  msgrcv: 12,
  msgget: 13,
  msgctl: 14,
  shmat: 21,
  shmdt: 22,
  shmget: 23,
  shmctl: 24,
}).map(([name, job]) => [name, { through: "ipc", job }] as const);
const MULTIPLEXED = new Map<string, { through: "socketcall" | "ipc"; job: number }>([...SOCKETCALL, ...IPC]);

/** The order of the kernel: of the verdicts of several filters the strictest wins. KILL_PROCESS has the sign bit. */
function isStricter(verdict: number, than: number): boolean {
  return ((verdict & 0xffff0000) | 0) < ((than & 0xffff0000) | 0);
}

/**
 * The same rule for the call that stands for many. A filter cannot see the arguments there, which are behind a pointer or
 * at other positions, so no condition can be tested. What a condition would permit stays forbidden, and what it would
 * forbid is forbidden without it.
 */
function multiplexedRule(rule: Rule, name: string, policy: Policy): { name: string; rule: Rule } | undefined {
  const target = MULTIPLEXED.get(name);
  if (target === undefined) return undefined;
  const isConditional = rule.alternatives.every((conditions) => conditions.length > 0);
  if (isConditional && !isStricter(rule.verdict, policy.defaultVerdict)) return undefined;
  const job: Condition = { index: 0, op: "EQ", value: BigInt(target.job), valueTwo: 0n };
  // The upper half of ipc's job is a version that the kernel masks off.
  if (target.through === "ipc") Object.assign(job, { op: "MASKED_EQ", value: 0xffffn, valueTwo: job.value });
  return { name: target.through, rule: { ...rule, alternatives: [[job]] } };
}

/**
 * An unconditional rule counts before conditional ones wherever it stands, and of several the first counts, as in
 * libseccomp. Where conditional rules overlap, libseccomp's result depends on its tree; here the first rule wins.
 */
function addRule(calls: Map<number, CallRules>, number: number, rule: Rule): void {
  const had = calls.get(number);
  if (had !== undefined && "verdict" in had) return;
  for (const conditions of rule.alternatives) {
    if (conditions.length === 0) {
      calls.set(number, { verdict: rule.verdict });
      return;
    }
  }
  const added = rule.alternatives.map((conditions) => ({ conditions, verdict: rule.verdict }));
  if (had === undefined) calls.set(number, { conditional: added });
  else had.conditional.push(...added);
}

export function selectRules(policy: Policy, abi: Abi): Selection {
  const calls = new Map<number, CallRules>();
  let newest = -1;
  for (const rule of policy.rules) {
    for (const name of rule.names) {
      const number = abi.table.get(name);
      if (number !== undefined && number > newest && number < ARM_PRIVATE) newest = number;
      // A rule with the default's verdict is left out, as in runc and crun, so that it hides no other rule.
      if (rule.verdict === policy.defaultVerdict) {
        // The profile has named the call, so it is not one of the younger calls, whose numbers are above `newest`.
        if (number !== undefined && number > newest && !calls.has(number))
          calls.set(number, { conditional: [] });
        continue;
      }
      if (number !== undefined) addRule(calls, number, rule);
      const other = abi.name === "SCMP_ARCH_X86" ? multiplexedRule(rule, name, policy) : undefined;
      if (other !== undefined) addRule(calls, abi.table.get(other.name)!, other.rule);
    }
  }
  return { calls, newest };
}
