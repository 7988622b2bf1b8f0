// Owns the decisions for rules on arguments. A filter loads 32 bits at a time, so 64 bits are compared in two halves.

import type { Condition } from "../spec/seccomp.ts";
import { ALL_BITS, addSpan, argWord, type Graph, type Node, type Span, search } from "./graph.ts";
import type { ConditionalRule } from "./select.ts";

const HALF = 1n << 32n;

function halves(value: bigint): { high: number; low: number } {
  return { high: Number(value >> 32n), low: Number(value & (HALF - 1n)) };
}

/** Decides `(half & mask) == value`. No bit of the value may be outside of the mask. */
function maskedHalf(
  graph: Graph,
  index: number,
  half: "low" | "high",
  mask: number,
  value: number,
  yes: Node,
  no: Node,
): Node {
  if (mask === 0) return yes;
  const word = argWord(index, half);
  // jset tests whether any bit of the mask is set, without an AND before it.
  if (value === 0 && mask !== ALL_BITS) return graph.load(word, graph.test(word, "jset", mask, no, yes));
  const isOneBit = (mask & (mask - 1)) === 0;
  if (isOneBit) return graph.load(word, graph.test(word, "jset", mask, yes, no));
  const masked = argWord(index, half, mask);
  return graph.load(masked, graph.test(masked, "jeq", value, yes, no));
}

/** Decides one condition. Without `wide` the argument's high half counts as 0. */
function conditionNode(graph: Graph, condition: Condition, wide: boolean, yes: Node, no: Node): Node {
  const { index, op, value, valueTwo } = condition;
  const { high, low } = halves(value);
  if (op === "MASKED_EQ") {
    // "The masked argument is equal to the masked datum", seccomp_rule_add(3).
    const wanted = halves(valueTwo & value);
    if (!wide && wanted.high !== 0) return no;
    const lowNode = maskedHalf(graph, index, "low", low, wanted.low, yes, no);
    return wide ? maskedHalf(graph, index, "high", high, wanted.high, lowNode, no) : lowNode;
  }
  if (op === "NE") return conditionNode(graph, { ...condition, op: "EQ" }, wide, no, yes);
  if (op === "LT") return conditionNode(graph, { ...condition, op: "GE" }, wide, no, yes);
  if (op === "LE") return conditionNode(graph, { ...condition, op: "GT" }, wide, no, yes);
  if (!wide && high !== 0) return no; // equal to or above what 32 bits hold
  const lowWord = argWord(index, "low");
  const jump = op === "EQ" ? "jeq" : op === "GT" ? "jgt" : "jge";
  const lowNode = graph.load(lowWord, graph.test(lowWord, jump, low, yes, no));
  if (!wide) return lowNode;
  const highWord = argWord(index, "high");
  const equal = graph.test(highWord, "jeq", high, lowNode, no);
  return graph.load(highWord, op === "EQ" ? equal : graph.test(highWord, "jgt", high, yes, equal));
}

/** Decides by each rule in turn: a call that one rule does not hold for goes on to the next, and at last to `otherwise`. */
function chain(graph: Graph, rules: readonly ConditionalRule[], wide: boolean, otherwise: Node): Node {
  let node = otherwise;
  for (const rule of rules.toReversed()) {
    const failed = node;
    node = graph.ret(rule.verdict);
    for (const condition of rule.conditions.toReversed()) {
      node = conditionNode(graph, condition, wide, node, failed);
    }
  }
  return node;
}

/** The range of values that meet the condition, as [first, after the last]; undefined for NE and masks, which are no range. */
function rangeOf({ op, value }: Condition): [bigint, bigint] | undefined {
  const end = HALF * HALF;
  if (op === "EQ") return [value, value + 1n];
  if (op === "GE") return [value, end];
  if (op === "GT") return [value + 1n, end];
  if (op === "LT") return [0n, value];
  if (op === "LE") return [0n, value + 1n];
  return undefined;
}

// Each range is compared with each boundary, so that with more ranges than this a chain is made faster.
const MAX_RANGES = 128;

/** Where each verdict begins, for rules that are all ranges of one argument; undefined for other rules. */
function rangesOf(
  rules: readonly ConditionalRule[],
): { index: number; starts: [bigint, number | undefined][] } | undefined {
  const index = rules[0]!.conditions[0]!.index;
  const ranges: { first: bigint; end: bigint; verdict: number }[] = [];
  for (const { conditions, verdict } of rules) {
    const range =
      conditions.length === 1 && conditions[0]!.index === index ? rangeOf(conditions[0]!) : undefined;
    if (range === undefined) return undefined;
    ranges.push({ first: range[0], end: range[1], verdict });
  }
  const bounds = new Set([0n, ...ranges.flatMap(({ first, end }) => [first, end])]);
  bounds.delete(HALF * HALF);
  const starts = [...bounds]
    .sort((a, b) => (a < b ? -1 : 1))
    .map((start): [bigint, number | undefined] => {
      const holding = ranges.find(({ first, end }) => first <= start && start < end);
      return [start, holding?.verdict];
    });
  return { index, starts };
}

/** Searches the high half and then the low half of an argument, in the way in which call numbers are searched. */
function rangeSearch(
  graph: Graph,
  index: number,
  starts: [bigint, number | undefined][],
  wide: boolean,
  otherwise: Node,
): Node {
  const lows = new Map<number, Span[]>();
  const highs: Span[] = [];
  let current = otherwise;
  for (const [start, verdict] of starts) {
    const { high, low } = halves(start);
    // Values with this high half and a smaller low half still have the verdict of the range before.
    const spans = lows.get(high) ?? (low === 0 ? [] : [{ start: 0, node: current }]);
    lows.set(high, spans);
    current = verdict === undefined ? otherwise : graph.ret(verdict);
    addSpan(spans, low, current);
  }
  const lowWord = argWord(index, "low");
  const lowNode = (spans: Span[]) => graph.load(lowWord, search(graph, lowWord, spans));
  if (!wide) return lowNode(lows.get(0)!);
  for (const [high, spans] of lows) {
    addSpan(highs, high, lowNode(spans));
    // A high half without a boundary has the last verdict of the high half before it.
    if (high < ALL_BITS && !lows.has(high + 1)) addSpan(highs, high + 1, spans.at(-1)!.node);
  }
  const highWord = argWord(index, "high");
  return graph.load(highWord, search(graph, highWord, highs));
}

/** The decision of a call's conditional rules; `otherwise` where none of them holds. */
export function conditionalNode(
  graph: Graph,
  rules: readonly ConditionalRule[],
  wide: boolean,
  otherwise: Node,
): Node {
  const ranges = rules.length > 1 && rules.length <= MAX_RANGES ? rangesOf(rules) : undefined;
  if (ranges !== undefined) return rangeSearch(graph, ranges.index, ranges.starts, wide, otherwise);
  return chain(graph, rules, wide, otherwise);
}
