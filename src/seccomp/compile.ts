// Owns compiling an OCI seccomp profile to the classic BPF program that seccomp(2) takes, without libseccomp.
//
// The program asks for the audit arch, the machine's own first, then searches the call's number in a binary tree
// over ranges of equal verdict. It uses only what the kernel's cache can follow (loads of nr and arch, jumps by
// constants: seccomp_is_const_allow in kernel/seccomp.c), so that calls allowed unconditionally skip it altogether.

import { type Policy, RET_ERRNO, RET_KILL_PROCESS, readPolicy } from "../spec/seccomp.ts";
import type { Seccomp } from "../spec/types.ts";
import { ENOSYS } from "../sys/errno.ts";
import type { Machine } from "./abi.ts";
import { type Abi, abisOf, isKnownSyscall } from "./abi.ts";
import { assemble } from "./assemble.ts";
import { conditionalNode } from "./conditions.ts";
import { ARCH, addSpan, Graph, type Node, NR, type Span, search } from "./graph.ts";
import { selectRules } from "./select.ts";

export interface CompiledFilter {
  /** An array of struct sock_filter: 8 bytes an instruction. */
  program: Uint8Array;
  /** For seccomp(2); SECCOMP_FILTER_FLAG_NEW_LISTENER is among them where a rule notifies. */
  flags: number;
  /** Names in the profile that no architecture has a system call for. Their rules have no effect. */
  unknownSyscalls: string[];
}

const PERMISSIVE = new Set([0x7fff0000, 0x7ffc0000, 0x7ff00000]); // ALLOW, LOG, TRACE
const LAST_NUMBER = 0xffffffff;

/**
 * The verdict for calls that are younger than the profile. Programs fall back to an older call on ENOSYS, but give up on
 * EPERM. So numbers above the highest that the profile names get ENOSYS, as in runc, unless the default action lets
 * calls through or asks a tracer.
 */
function youngerVerdict(policy: Policy): number {
  const action = (policy.defaultVerdict & 0xffff0000) >>> 0;
  return PERMISSIVE.has(action) ? policy.defaultVerdict : RET_ERRNO + ENOSYS;
}

/** Adds the spans of one ABI's numbers, from its base up to wherever the caller adds the next. */
function addAbi(graph: Graph, spans: Span[], policy: Policy, abi: Abi): void {
  const { calls, newest } = selectRules(policy, abi);
  const otherwise = graph.ret(policy.defaultVerdict);
  const younger = newest < 0 ? otherwise : graph.ret(youngerVerdict(policy));
  let next = 0;
  for (const number of Uint32Array.from(calls.keys()).sort()) {
    if (number > next) addGap(spans, abi.base, next, number, newest, otherwise, younger);
    const rules = calls.get(number)!;
    const node =
      "verdict" in rules
        ? graph.ret(rules.verdict)
        : conditionalNode(graph, rules.conditional, abi.wide, otherwise);
    addSpan(spans, abi.base + number, node);
    next = number + 1;
  }
  addGap(spans, abi.base, next, Number.POSITIVE_INFINITY, newest, otherwise, younger);
}

/** Adds the numbers from `from` to below `to`, which no rule names. */
function addGap(
  spans: Span[],
  base: number,
  from: number,
  to: number,
  newest: number,
  otherwise: Node,
  younger: Node,
): void {
  if (from <= newest) addSpan(spans, base + from, otherwise);
  if (to > newest + 1) addSpan(spans, base + Math.max(from, newest + 1), younger);
}

/** The decision over all numbers of one audit arch. x86-64 and x32 share one. */
function archNode(graph: Graph, policy: Policy, abis: readonly Abi[], isListed: (abi: Abi) => boolean): Node {
  const spans: Span[] = [];
  let last: Node | undefined;
  for (const abi of abis) {
    if (isListed(abi)) {
      addAbi(graph, spans, policy, abi);
      last ??= spans.at(-1)!.node;
      continue;
    }
    addSpan(spans, abi.base, graph.ret(RET_KILL_PROCESS));
    // A tracer skips a call by changing its number to -1. That number belongs to no ABI, and must not kill.
    if (last !== undefined) addSpan(spans, LAST_NUMBER, last);
  }
  return graph.load(NR, search(graph, NR, spans));
}

/** The filter for a machine. @throws SpecError where the profile is malformed, or too long for the kernel */
export function compile(seccomp: Seccomp, machine: Machine): CompiledFilter {
  const policy = readPolicy(seccomp);
  const graph = new Graph();
  const abis = abisOf(machine);
  const listed = new Set(policy.architectures).add(abis[0]!.name);
  const isListed = (abi: Abi) => listed.has(abi.name);
  // No libc makes a call by an ABI that is not filtered. Such a call could do anything, so it is taken for an attack.
  let root = graph.ret(RET_KILL_PROCESS);
  for (const audit of [...new Set(abis.map((abi) => abi.audit))].reverse()) {
    const sharing = abis.filter((abi) => abi.audit === audit);
    if (!sharing.some(isListed)) continue;
    root = graph.test(ARCH, "jeq", audit, archNode(graph, policy, sharing, isListed), root);
  }
  const names = new Set(policy.rules.flatMap((rule) => rule.names));
  const unknownSyscalls = [...names].filter(
    (name) => !abis.some((abi) => abi.table.has(name)) && !isKnownSyscall(name),
  );
  return { program: assemble(graph.load(ARCH, root)), flags: policy.flags, unknownSyscalls };
}
