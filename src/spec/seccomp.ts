// Owns reading linux.seccomp into the form that the compiler takes, and the errors for what a profile cannot say.

import { SpecError } from "../errors.ts";
import { EPERM } from "../sys/errno.ts";
import { readInteger, readList, readObject, readString, readStrings, readUint64, show } from "./check.ts";

// A verdict's upper 16 bits are the action, its lower 16 bits are data such as the errno (linux/seccomp.h).
export const RET_KILL_PROCESS = 0x80000000;
export const RET_ERRNO = 0x00050000;
const MAX_ERRNO = 4095;

const ACTIONS = new Map([
  ["SCMP_ACT_KILL", 0x00000000], // the old name of KILL_THREAD
  ["SCMP_ACT_KILL_THREAD", 0x00000000],
  ["SCMP_ACT_KILL_PROCESS", RET_KILL_PROCESS],
  ["SCMP_ACT_TRAP", 0x00030000],
  ["SCMP_ACT_ERRNO", RET_ERRNO],
  ["SCMP_ACT_NOTIFY", 0x7fc00000],
  ["SCMP_ACT_TRACE", 0x7ff00000],
  ["SCMP_ACT_LOG", 0x7ffc0000],
  ["SCMP_ACT_ALLOW", 0x7fff0000],
]);

const FLAGS = new Map([
  ["SECCOMP_FILTER_FLAG_TSYNC", 1 << 0],
  ["SECCOMP_FILTER_FLAG_LOG", 1 << 1],
  ["SECCOMP_FILTER_FLAG_SPEC_ALLOW", 1 << 2],
  ["SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV", 1 << 5],
]);
const FLAG_NEW_LISTENER = 1 << 3;

const OPERATORS = ["NE", "LT", "LE", "EQ", "GE", "GT", "MASKED_EQ"] as const;
export type Operator = (typeof OPERATORS)[number];

export interface Condition {
  index: number;
  op: Operator;
  /** The mask, for MASKED_EQ. */
  value: bigint;
  valueTwo: bigint;
}

export interface Rule {
  names: string[];
  verdict: number;
  /** The rule holds where all conditions of one of these lists hold. A single empty list always holds. */
  alternatives: Condition[][];
}

export interface Policy {
  defaultVerdict: number;
  architectures: string[];
  rules: Rule[];
  /** For seccomp(2); with NEW_LISTENER where a rule notifies. */
  flags: number;
}

function readAction(value: unknown, errnoRet: unknown, path: string, errnoPath: string): number {
  const name = readString(value, path);
  const action = ACTIONS.get(name);
  if (action === undefined) throw new SpecError(path, `unknown action ${show(name)}`);
  const takesErrno = name === "SCMP_ACT_ERRNO" || name === "SCMP_ACT_TRACE";
  const data = readInteger(errnoRet, errnoPath, name === "SCMP_ACT_TRACE" ? 0xffff : MAX_ERRNO);
  // "When the action doesn't support an errno, the runtime MUST print an error and fail."
  if (data !== undefined && !takesErrno) throw new SpecError(errnoPath, `${name} does not take an errno`);
  return takesErrno ? action + (data ?? EPERM) : action;
}

function readCondition(value: unknown, path: string): Condition {
  const arg = readObject(value, path);
  const index = readInteger(arg.index ?? 0, `${path}.index`, 5)!;
  const op = readString(arg.op, `${path}.op`);
  const operator = OPERATORS.find((known) => op === `SCMP_CMP_${known}`);
  if (operator === undefined) throw new SpecError(`${path}.op`, `unknown comparison ${show(op)}`);
  return {
    index,
    op: operator,
    value: readUint64(arg.value, `${path}.value`),
    valueTwo: readUint64(arg.valueTwo, `${path}.valueTwo`),
  };
}

/**
 * Conditions of one rule all have to hold. But a rule that names one argument twice has always been read by runc
 * and crun as one rule for each condition, any of which is enough, and profiles depend on that.
 */
function alternatives(conditions: Condition[]): Condition[][] {
  const indexes = new Set(conditions.map((condition) => condition.index));
  return indexes.size < conditions.length ? conditions.map((condition) => [condition]) : [conditions];
}

/** Reads one entry of `syscalls`. @throws SpecError */
export function readRule(value: unknown, path: string): Rule {
  const call = readObject(value, path);
  const names = readStrings(call.names, `${path}.names`);
  if (names.length === 0) throw new SpecError(`${path}.names`, "must name at least one system call");
  const verdict = readAction(call.action, call.errnoRet, `${path}.action`, `${path}.errnoRet`);
  const conditions = readList(call.args, `${path}.args`).map((arg, i) =>
    readCondition(arg, `${path}.args[${i}]`),
  );
  return { names, verdict, alternatives: alternatives(conditions) };
}

function readFlags(value: unknown, path: string): number {
  let flags = 0;
  for (const [i, name] of readStrings(value, path).entries()) {
    const flag = FLAGS.get(name);
    if (flag === undefined) throw new SpecError(`${path}[${i}]`, `unknown flag ${show(name)}`);
    flags |= flag;
  }
  return flags;
}

function readArchitectures(value: unknown, path: string): string[] {
  const names = readStrings(value, path);
  for (const [i, name] of names.entries()) {
    // Programs of other machines never run here, so their names need not be known.
    if (!/^SCMP_ARCH_[A-Z0-9_]+$/.test(name)) {
      throw new SpecError(`${path}[${i}]`, `unknown architecture ${show(name)}`);
    }
  }
  return names;
}

/** Reads a profile; `path` is the field that holds it, "" where the profile is a file of its own. @throws SpecError */
export function readPolicy(value: unknown, path = ""): Policy {
  const field = (name: string): string => (path === "" ? name : `${path}.${name}`);
  const seccomp = readObject(value, path);
  const notify = ACTIONS.get("SCMP_ACT_NOTIFY");
  const defaultVerdict = readAction(
    seccomp.defaultAction,
    seccomp.defaultErrnoRet,
    field("defaultAction"),
    field("defaultErrnoRet"),
  );
  // Then every call would wait for the agent, also the one that sends the agent its descriptor.
  if (defaultVerdict === notify)
    throw new SpecError(field("defaultAction"), "SCMP_ACT_NOTIFY cannot be the default");
  const rules = readList(seccomp.syscalls, field("syscalls")).map((call, i) =>
    readRule(call, `${field("syscalls")}[${i}]`),
  );
  const notifies = rules.some((rule) => rule.verdict === notify);
  let flags = readFlags(seccomp.flags, field("flags"));
  if (typeof (seccomp.listenerMetadata ?? "") !== "string") {
    throw new SpecError(field("listenerMetadata"), `must be a string, not ${show(seccomp.listenerMetadata)}`);
  }
  const listenerPath = seccomp.listenerPath ?? undefined;
  if (listenerPath !== undefined) readString(listenerPath, field("listenerPath"));
  if (notifies) {
    if (listenerPath === undefined) {
      throw new SpecError(field("listenerPath"), "must be given, since a rule has SCMP_ACT_NOTIFY");
    }
    flags |= FLAG_NEW_LISTENER;
  }
  const architectures = readArchitectures(seccomp.architectures, field("architectures"));
  return { defaultVerdict, architectures, rules, flags };
}
